"""The example configuration, whole and in copies: config.example.toml and the files that it includes."""

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "config.example.toml"
PARTS = ROOT / "config.example"


def copied(folder: Path, *swaps: tuple[str, str], name: str = "config.toml") -> Path:
    """A copy of it in a folder; each text is swapped in the file that has it, which one of them must."""
    copy = Path(shutil.copy(EXAMPLE, folder / name))
    files = [copy, *Path(shutil.copytree(PARTS, folder / PARTS.name, dirs_exist_ok=True)).iterdir()]
    for old, new in swaps:
        having = next((file for file in files if old in file.read_text("utf-8")), None)
        assert having is not None, f"the example has no {old!r}"
        having.write_text(having.read_text("utf-8").replace(old, new), "utf-8")
    return copy

"""The example configuration that is shipped: within the package once it is installed, at the top of a checkout."""

from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

_NAME = "config.example"


def example_files(name: str) -> Mapping[str, str]:
    """The files by their relative path. `name` is the name of the first one; the others are in a folder of that name."""
    packaged = _packaged()
    folder = name.removesuffix(".toml")
    folder = folder if folder != name else f"{name}.parts"
    texts = {name: packaged / f"{_NAME}.toml"}
    parts = sorted((packaged / _NAME).iterdir(), key=lambda part: part.name)
    texts |= {f"{folder}/{part.name}": part for part in parts if part.name.endswith(".toml")}
    return {
        path: text.read_text("utf-8").replace(f"{_NAME}.toml", name).replace(f"{_NAME}/", f"{folder}/")
        for path, text in texts.items()
    }


def _packaged() -> Traversable:
    packaged = files("ops.configuration") / "examples"
    return packaged if packaged.is_dir() else Path(__file__).resolve().parents[2]

"""Real mail that lies beside the project, not in it: the tests that use it are skipped where it is not there."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).resolve().parents[4] / "shared" / "corpora"


def folder(name: str) -> Path:
    """One set; skips the test where it is missing."""
    found = FOLDER / name
    if not found.is_dir():
        pytest.skip(f"the corpus {name} does not lie in ../shared/corpora")
    return found


def expected(name: str) -> list[dict[str, Any]]:
    """The rows of a set's EXPECTED.jsonl."""
    rows = (folder(name) / "EXPECTED.jsonl").read_text("utf-8").splitlines()
    return [json.loads(row) for row in rows if row.strip()]


def mails() -> Iterator[Path]:
    """Every raw mail of all sets."""
    for name in ("email", "bounce", "reply"):
        for path in sorted(folder(name).rglob("*")):
            told = path.name == "EXPECTED.jsonl" or "__files" in str(path) or path.suffix == ".html"
            if path.is_file() and not told and (name != "reply" or path.suffix == ".eml"):
                yield path


def folded(text: str | None) -> str:
    """White space made one."""
    return " ".join((text or "").split())

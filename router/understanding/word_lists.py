"""Reads the linguistic lists: TOML files in the folder of the code that uses them."""

import tomllib
from importlib.resources import files
from typing import Any


def read_word_lists(name: str) -> dict[str, Any]:
    """The tables of `NAME.toml` in this package."""
    return tomllib.loads((files(__package__) / f"{name}.toml").read_text("utf-8"))

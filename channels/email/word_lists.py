"""Reads the word lists of e-mail: `words.toml` in the folder of the code that uses them."""

import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files


@cache
def read_word_lists(package: str) -> Mapping[str, tuple[str, ...]]:
    """The lists of `words.toml` in this package by name, each with the words of all its languages."""
    lists = tomllib.loads((files(package) / "words.toml").read_text("utf-8"))
    return {name: tuple(word for words in listed.values() for word in words) for name, listed in lists.items()}


def any_of(words: Iterable[str]) -> str:
    """The pattern of one of these, each of which is a pattern."""
    return f"(?:{'|'.join(words)})"

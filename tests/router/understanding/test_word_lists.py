"""The linguistic lists are written as the code that reads them expects."""

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from router.understanding.word_lists import read_word_lists

FOLDER = Path(__file__).parents[3] / "router" / "understanding"
NAMES = [path.stem for path in sorted(FOLDER.glob("*.toml"))]


def _lists(found: Any, name: str = "") -> Iterator[tuple[str, list[str]]]:
    """Every list of words with its path; words of one text are parted by spaces."""
    if isinstance(found, dict):
        for key, inner in found.items():
            yield from _lists(inner, f"{name}.{key}")
    else:
        yield name, found.split() if isinstance(found, str) else found


EVERY = [pytest.param(words, id=f"{name}{path}") for name in NAMES for path, words in _lists(read_word_lists(name))]


def test_each_file_of_lists_is_found() -> None:
    assert NAMES == ["clause_words", "function_words", "language_requests"]


@pytest.mark.parametrize("name", NAMES)
def test_each_list_is_used_by_the_code_of_its_folder(name: str) -> None:
    code = "".join(path.read_text("utf-8") for path in FOLDER.glob("*.py"))
    assert [listed for listed in read_word_lists(name) if not re.search(rf"[\"']{listed}[\"']", code)] == []


@pytest.mark.parametrize("words", EVERY)
def test_a_list_names_no_word_twice(words: list[str]) -> None:
    assert len(words) == len(set(words))


@pytest.mark.parametrize("words", EVERY)
def test_words_are_written_in_composed_letters(words: list[str]) -> None:
    assert [word for word in words if not unicodedata.is_normalized("NFC", word)] == []


@pytest.mark.parametrize("name", ["clause_words", "function_words"])
def test_words_that_are_compared_in_lower_case_are_in_lower_case(name: str) -> None:
    assert [word for _, words in _lists(read_word_lists(name)) for word in words if word != word.lower()] == []


def test_words_of_clauses_are_patterns_without_groups_of_their_own() -> None:
    assert [
        word for _, words in _lists(read_word_lists("clause_words")) for word in words if re.compile(word).groups
    ] == []

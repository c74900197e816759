"""The word lists of e-mail are written as the code that compiles them expects."""

import re
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from channels.email.word_lists import any_of, read_word_lists

EMAIL = Path(__file__).parents[3] / "channels" / "email"
FOLDERS = [path.parent for path in sorted(EMAIL.rglob("words.toml"))]
PLAIN = {"wrote", "reply_above_hint", "answers", "answers_replaced"}

List = Mapping[str, Sequence[str]]


def _lists(folder: Path) -> Mapping[str, List]:
    return tomllib.loads((folder / "words.toml").read_text("utf-8"))


EVERY = [
    pytest.param(name, listed, id=f"{folder.name}-{name}")
    for folder in FOLDERS
    for name, listed in _lists(folder).items()
]


def test_each_folder_with_words_is_found() -> None:
    assert [folder.name for folder in FOLDERS] == ["bounces", "mime", "replies", "email"]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_each_list_is_used_by_the_code_of_its_folder(folder: Path) -> None:
    code = "".join(path.read_text("utf-8") for path in folder.glob("*.py"))
    fields = {f"field_{kind}" for kind in ("from", "date", "to", "cc", "subject", "other")}
    assert {name for name in _lists(folder) if not re.search(rf"[\"']{name}[\"']", code)} <= fields


@pytest.mark.parametrize(("name", "listed"), EVERY)
def test_a_list_names_no_word_twice(name: str, listed: List) -> None:
    words = [word for by_language in listed.values() for word in by_language]
    assert len(words) == len(set(words)), name


@pytest.mark.parametrize(("name", "listed"), EVERY)
def test_words_are_in_lower_case_and_in_composed_letters(name: str, listed: List) -> None:
    for words in listed.values():
        for word in words:
            plain = re.sub(r"\\[A-Z]", "", word)  # \W, \S, \Z
            assert plain == plain.lower(), word
            assert unicodedata.is_normalized("NFC", word), word


@pytest.mark.parametrize(("name", "listed"), EVERY)
def test_each_language_has_a_code_and_words_that_compile(name: str, listed: List) -> None:
    for language, words in listed.items():
        assert re.fullmatch(r"[a-z]{2}", language)
        assert words
        for word in words:
            assert re.compile(re.escape(word) if name in PLAIN else word).groups == 0  # the code counts its own groups


def test_a_list_is_read_in_all_its_languages_and_becomes_one_pattern() -> None:
    answers = read_word_lists("channels.email")["answers"]
    assert answers == ("re:", "aw:", "antw:", "sv:", "回复", "答复", "回覆")
    assert any_of(answers[:2]) == "(?:re:|aw:)"

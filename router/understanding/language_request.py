"""A customer who asks to be answered in another language: "in English please", "auf Deutsch bitte", "请用英文".

What is looked for are forms of asking around the names of languages, listed in `language_requests.toml`. "I don't speak English" is no
request for it. A text without the name of a language, which is nearly every one, costs one search.
"""

from collections.abc import Iterator, Mapping, Sequence

import re2

from router.understanding.keywords import Matcher, Phrase, read_phrases
from router.understanding.word_lists import read_word_lists

_TEXT_LIMIT = 1_000

_Forms = Mapping[str, Sequence[str]]  # by the language they are written in
_LISTS = read_word_lists("language_requests")
_NAMES: Mapping[str, _Forms] = _LISTS["names"]
_REQUESTS: _Forms = _LISTS["requests"]
_DENIALS: _Forms = _LISTS["denials"]
OWN_NAMES: Mapping[str, str] = _LISTS["own_names"]  # each as its speakers write it, to choose from


def _forms(forms: _Forms, language: str) -> dict[str, list[str]]:
    names = _NAMES[language]
    return {asked: [form.format(name) for form in forms[asked] for name in names[asked]] for asked in forms}


def _phrases() -> Iterator[Phrase]:
    for language in _NAMES:
        yield from read_phrases(language, _forms(_REQUESTS, language), _forms(_DENIALS, language)).values()


def _any_name() -> str:
    names = sorted({name for by in _NAMES.values() for listed in by.values() for name in listed})
    return f"(?i){'|'.join(names)}"


_NAMED = re2.compile(_any_name())
_MATCHER = Matcher(_phrases(), list(_NAMES))


def language_requested(text: str) -> str | None:
    """The language that the text asks to be answered in; None where it asks for none."""
    short = text[:_TEXT_LIMIT]
    if _NAMED.search(short.encode("utf-8", "replace")) is None:
        return None
    found = _MATCHER.ranked(short)
    return found[0][0] if found else None

"""Function words and letters that distinguish close languages, where the few letters of a short text leave a detector in doubt.

"Mi esposa" and "minha esposa" share their long word and differ in the short one. The lists are in `function_words.toml`.

Of a text without any accent the words are looked for without theirs: who types "khong" has left out half of what a detector goes by.
"""

from collections.abc import Mapping, Sequence

from router.understanding.normalize_text import without_accents
from router.understanding.word_lists import read_word_lists

DOUBT = 0.90  # a detector that is surer than this is left alone
_FOUR_TIMES = 4.0
_MOST = 3  # words that are counted: enough to turn a doubt, too few to turn a certainty

_LISTS = read_word_lists("function_words")
_WORDS: Mapping[str, str] = _LISTS["words"]
_LETTERS: Mapping[str, str] = _LISTS["letters"]


def _load_languages_by_word() -> dict[str, frozenset[str]]:
    known: dict[str, set[str]] = {}
    for language, listed in _WORDS.items():
        for word in listed.split():
            known.setdefault(word, set()).add(language)
    return {word: frozenset(languages) for word, languages in known.items()}


def _plainly() -> dict[str, frozenset[str]]:
    """The same words as typed on a keyboard without accents.

    A word that a language writes so itself stands for that language ("agua", not "água"), and for Vietnamese too unless it is
    English: hardly a word of Vietnamese has no accent.
    """
    english = set(_WORDS["en"].split())
    known: dict[str, set[str]] = {}
    for word, languages in _LANGUAGES_BY_WORD.items():
        bare = without_accents(word.replace("đ", "d").replace("ı", "i").replace("ł", "l"))
        written_so = bare == word or bare not in _LANGUAGES_BY_WORD
        typed_so = languages if written_so else languages & {"vi"} if bare not in english else ()
        known.setdefault(bare, set()).update(typed_so)
    return {word: frozenset(languages) for word, languages in known.items()}


_LANGUAGES_BY_WORD = _load_languages_by_word()
_PLAINLY = _plainly()  # for texts without any accent


def by_function_words(ranking: Sequence[tuple[str, float]], text: str) -> list[tuple[str, float]]:
    """The ranking with each language four times as likely for each function word of its own, three of them at most.

    The sum is as it was, so that what a text leaves open stays open; languages without a list gain nothing.
    """
    found = _counted(text.lower())
    if not found:
        return list(ranking)
    weighed = [(name, p * _FOUR_TIMES ** min(found.get(name, 0), _MOST)) for name, p in ranking]
    scale = sum(p for _, p in ranking) / (sum(p for _, p in weighed) or 1.0)
    return sorted(((name, p * scale) for name, p in weighed), key=lambda item: -item[1])


def _counted(text: str) -> dict[str, int]:
    """How many function words, and letters that no neighbour has, are found for each language."""
    languages_by_word = _PLAINLY if text.isascii() else _LANGUAGES_BY_WORD
    matches = [
        languages
        for word in _words(text)
        if (word > "\u007f" or len(word) > 1) and (languages := languages_by_word.get(word))
    ]
    matches += [
        frozenset({language}) for language, letters in _LETTERS.items() if any(letter in text for letter in letters)
    ]
    return {language: sum(language in mark for mark in matches) for mark in matches for language in mark}


def _words(text: str) -> list[str]:
    return "".join(letter if letter.isalpha() else " " for letter in text).split()

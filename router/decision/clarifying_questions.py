"""What a customer is asked for, and about, in their language: the names of missing information, and choices with their answers."""

from collections.abc import Mapping, Sequence

from conversation.wording import CATALOGUE
from router.understanding.normalize_text import fold

_MOST_LETTERS = 80
_AROUND = " \t\r\n.()#。、!"


def asked_for(names: Sequence[str], asked: Mapping[str, Mapping[str, str]], languages: Sequence[str]) -> str:
    """The missing information in words, in the first of these languages that has them; the bare name where none has."""
    titles = [_in_words(name, asked.get(name, {}), languages) for name in names]
    return CATALOGUE.texts("lists", *languages[:1])("separator").join(titles)


def _in_words(name: str, own: Mapping[str, str], languages: Sequence[str]) -> str:
    """By the operator's titles, which come before the catalogue's in each language; `""` is for all languages."""
    known = CATALOGUE.tables["missing_information"]
    for language in (*languages, ""):
        if language in own:
            return own[language]
        if language in known and name in known[language]:
            return known[language](name)
    return name


def picked(text: str, choices: Sequence[str], titles: Mapping[str, Mapping[str, str]]) -> str | None:
    """The choice that a text names: by its number ("2", "2.", "２"), by its title in any language, or by its own name."""
    answer = fold(text[:_MOST_LETTERS]).strip(_AROUND)
    if answer.isdecimal() and len(answer) < 3:  # noqa: PLR2004 - there are never a hundred choices
        return choices[int(answer) - 1] if 0 < int(answer) <= len(choices) else None
    for choice in choices:
        if answer and answer in {fold(choice), *map(fold, titles.get(choice, {}).values())}:
            return choice
    return None

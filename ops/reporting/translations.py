"""The words of a report in each language: headings, columns, and the few values that are not names."""

from conversation.wording import CATALOGUE

LANGUAGES = CATALOGUE.languages("report")


def word(name: str, language: str, **values: str | int) -> str:
    """The word in one of `LANGUAGES`. `KeyError` where there is no such word."""
    return CATALOGUE.texts("report", language)(name, **values)

"""Simplified or Traditional: by the characters that only one of them has. Most texts of more than a few words have some."""

from zhon import cedict

HANS, HANT = "Hans", "Hant"
_TEXT_LIMIT = 500
_TRADITIONAL_PLACES = frozenset({"hant", "tw", "hk", "mo"})
_SIMPLIFIED_PLACES = frozenset({"hans", "cn", "sg"})
_SIMPLIFIED = frozenset(cedict.simplified) - frozenset(cedict.traditional)
_TRADITIONAL = frozenset(cedict.traditional) - frozenset(cedict.simplified)


def script_of(text: str) -> str | None:
    """`Hans` or `Hant`; None where the text has as many characters of the one as of the other, or none of either."""
    letters = text[:_TEXT_LIMIT]
    simplified = sum(map(_SIMPLIFIED.__contains__, letters))
    traditional = sum(map(_TRADITIONAL.__contains__, letters))
    if simplified == traditional:
        return None
    return HANS if simplified > traditional else HANT


def script_of_tag(tag: str | None) -> str | None:
    """What a language tag says: `zh-Hant`, `zh_TW`; None where it says nothing."""
    parts = frozenset((tag or "").replace("_", "-").lower().split("-")[1:])
    if parts & _TRADITIONAL_PLACES:
        return HANT
    return HANS if parts & _SIMPLIFIED_PLACES else None

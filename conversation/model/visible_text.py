"""Whether a text holds words, or anything else that a reader can see. Pure."""

import unicodedata

EDIT_WITHOUT_WORDS = "edit_without_words"  # the code under which such an edit is quarantined

_UNSEEN_CATEGORIES = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp", "Zs"))  # not Cn: a newer emoji is unassigned here
# letters, marks and symbols of other categories that show nothing by themselves
_UNSEEN = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0\ufffc\ufffd"
    + "".join(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))  # variation selectors
)


def has_words(text: str) -> bool:
    """Whether a reader sees anything: spaces, format characters, placeholders of objects and of unreadable bytes do not count."""
    return any(letter not in _UNSEEN and unicodedata.category(letter) not in _UNSEEN_CATEGORIES for letter in text)

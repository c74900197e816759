"""A long text in parts that a medium takes: cut between paragraphs, else sentences, else words, else what readers see as one character.

What is seen as one character is defined by UAX 29 (extended grapheme clusters), as the `regex` module reads it.
"""

from bisect import bisect_right
from collections.abc import Callable, Mapping

import regex

_LENGTHS: Mapping[str, Callable[[str], int]] = {
    "characters": len,
    "utf16": lambda text: len(text) + sum(letter > "\uffff" for letter in text),
    "bytes": lambda text: len(text.encode(errors="replace")),
}
_LEAST = 4  # one code point takes up to four bytes
_STAYS = r"(?![\p{GCB=Extend}\p{GCB=SpacingMark}\p{GCB=ZWJ}])"  # a mark belongs to the letter, or the space, before it
_CLOSING = r"[\"'”’»)\]）」』】]*"
# each finds where one piece ends and the next begins; the best kind first
_BORDERS = (
    regex.compile(rf"\n[^\S\n]*\n\s*{_STAYS}"),
    regex.compile(rf"\n\s*{_STAYS}"),
    regex.compile(rf"[.!?…؟]+{_CLOSING}\s+{_STAYS}|[。！？।]+{_CLOSING}\s*{_STAYS}"),
    regex.compile(rf"\s+{_STAYS}|[、，；：]+{_STAYS}"),
)
_BLANK = regex.compile(rf"(?:\s+{_STAYS})?")
_SEEN_AS_ONE = regex.compile(r"\X")


def length(text: str, unit: str) -> int:
    """How long a text is in "characters" (code points), "utf16" (code units) or "bytes" (of UTF-8)."""
    return _LENGTHS[unit](text)


def parts(text: str, limit: int | None, unit: str = "characters") -> list[str]:
    """The text in parts of at most `limit` in `unit`, each cut as late as the best kind of border allows; no limit: one part.

    White space at a cut is left out, nothing else ever is. No part is blank: a blank text has none. What is seen as one
    character is cut only where it alone is longer than the limit. Raises ValueError for a limit under 4.
    """
    if limit is None or length(text, unit) <= limit:
        return [text] if text.strip() else []
    if limit < _LEAST:
        raise ValueError(f"a part cannot be shorter than {_LEAST}")
    found, start = [], 0
    while (last_end := _last_end(text, start, limit, unit)) < len(text):
        end = _cut(text, start, last_end)
        found.append(text[start:end].rstrip())
        blank = _BLANK.match(text, end)
        start = blank.end() if blank else end
    return [part for part in (*found, text[start:].rstrip()) if part.strip()]


def _last_end(text: str, start: int, limit: int, unit: str) -> int:
    """The last place at which a part that begins at `start` may end."""
    longest = min(limit, len(text) - start)
    measure = _LENGTHS[unit]
    return start + bisect_right(range(longest + 1), limit, key=lambda size: measure(text[start : start + size])) - 1


def _cut(text: str, start: int, last_end: int) -> int:
    for border in _BORDERS:
        last = None
        for found in border.finditer(text, start, min(last_end + 2, len(text))):
            if start < _kept(text, start, found.end()) <= last_end:
                last = found.end()
        if last is not None:
            return last
    return _between_characters(text, start, last_end)


def _kept(text: str, start: int, end: int) -> int:
    """Where a part that is cut at `end` ends, without the white space behind it."""
    return start + len(text[start:end].rstrip())


def _between_characters(text: str, start: int, last_end: int) -> int:
    ends = [found.end() for found in _SEEN_AS_ONE.finditer(text, start, last_end + 1)]
    return max((end for end in ends if end <= last_end), default=last_end)

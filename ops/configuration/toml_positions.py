"""Where things stand in a TOML file: the line of every key, table and list item, so that a fault can name it.

The text has been read by `tomllib` before, so it is known to be valid; what is left is to walk it and count lines.
"""

from bisect import bisect_right
from collections.abc import Mapping
from typing import TypeVar

Path = tuple[str | int, ...]

T = TypeVar("T")

_SPACE = " \t\r\n"
_BARE_END = ",]}#\r\n"
_BARE_KEY_END = " \t=.]"
_ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", "e": "\x1b"}


def lines_of(text: str) -> dict[Path, int]:
    """The line, from 1, of everything in a valid TOML text, by its path: `("rules", 2, "then", "queue")`."""
    return _Walk(text).run()


def nearest(positions: Mapping[Path, T], path: Path) -> T | None:
    """The position of the path, or of the nearest thing around it."""
    for length in range(len(path), 0, -1):
        found = positions.get(path[:length])
        if found is not None:
            return found
    return None


class _Walk:
    """One pass over a text; `_at` only moves forward."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._starts = [0, *(at + 1 for at, letter in enumerate(text) if letter == "\n")]
        self._lines: dict[Path, int] = {}
        self._lists: dict[Path, int] = {}

    def run(self) -> dict[Path, int]:
        table: Path = ()
        self._skip()
        while self._at < len(self._text):
            if self._text[self._at] == "[":
                table = self._header()
            else:
                self._pair(table)
            self._skip()
        return self._lines

    def _line(self) -> int:
        return bisect_right(self._starts, self._at)

    def _mark(self, path: Path, line: int) -> None:
        for length in range(1, len(path) + 1):
            self._lines.setdefault(path[:length], line)

    def _skip(self) -> None:
        """Over white space, line ends and comments."""
        while self._at < len(self._text):
            if self._text[self._at] == "#":
                end = self._text.find("\n", self._at)
                self._at = len(self._text) if end < 0 else end
            elif self._text[self._at] in _SPACE:
                self._at += 1
            else:
                return

    def _header(self) -> Path:
        line = self._line()
        many = self._text.startswith("[[", self._at)
        self._at += 2 if many else 1
        path = self._resolved(self._key())
        self._at += 2 if many else 1
        if many:
            self._lists[path] = self._lists.get(path, -1) + 1
            path = (*path, self._lists[path])
        self._mark(path, line)
        self._lines[path] = line
        return path

    def _resolved(self, key: tuple[str, ...]) -> Path:
        """The path of a header: what stands under an array of tables belongs to its newest item."""
        path: Path = ()
        for part in key[:-1]:
            path = (*path, part)
            if path in self._lists:
                path = (*path, self._lists[path])
        return (*path, key[-1])

    def _pair(self, table: Path) -> None:
        line = self._line()
        path = (*table, *self._key())
        self._mark(path, line)
        self._at += 1  # the equals sign
        self._skip()
        self._value(path)

    def _key(self) -> tuple[str, ...]:
        parts = []
        while True:
            self._skip()
            parts.append(self._key_part())
            self._skip()
            if self._text[self._at] != ".":
                return tuple(parts)
            self._at += 1

    def _key_part(self) -> str:
        start = self._at
        if self._text[start] in "\"'":
            self._string()
            raw = self._text[start + 1 : self._at - 1]
            return raw if self._text[start] == "'" else _unescaped(raw)
        while self._text[self._at] not in _BARE_KEY_END:
            self._at += 1
        return self._text[start : self._at]

    def _value(self, path: Path) -> None:
        first = self._text[self._at]
        if first in "\"'":
            self._string()
        elif first == "[":
            self._array(path)
        elif first == "{":
            self._inline(path)
        else:
            while self._at < len(self._text) and self._text[self._at] not in _BARE_END:
                self._at += 1

    def _string(self) -> None:
        quote = self._text[self._at]
        fence = quote * 3 if self._text.startswith(quote * 3, self._at) else quote
        self._at += len(fence)
        while not self._text.startswith(fence, self._at):
            self._at += 2 if quote == '"' and self._text[self._at] == "\\" else 1
        self._at += len(fence)
        while len(fence) == 3 and self._text.startswith(quote, self._at):  # noqa: PLR2004 - up to two quotes may touch the end
            self._at += 1

    def _array(self, path: Path) -> None:
        self._at += 1
        index = 0
        self._skip()
        while self._text[self._at] != "]":
            self._mark((*path, index), self._line())
            self._value((*path, index))
            index += 1
            self._comma()
        self._at += 1

    def _inline(self, path: Path) -> None:
        self._at += 1
        self._skip()
        while self._text[self._at] != "}":
            self._pair(path)
            self._comma()
        self._at += 1

    def _comma(self) -> None:
        self._skip()
        if self._text[self._at] == ",":
            self._at += 1
            self._skip()


def _unescaped(raw: str) -> str:
    """A basic string's escapes, as keys may carry them."""
    parts = raw.split("\\")
    out = [parts[0]]
    rest = iter(parts[1:])
    for part in rest:
        if part[:1] in ("u", "U"):
            width = 4 if part[0] == "u" else 8
            out.append(chr(int(part[1 : 1 + width], 16)) + part[1 + width :])
        elif part == "":
            out.append("\\" + next(rest, ""))
        else:
            out.append(_ESCAPES.get(part[0], part[0]) + part[1:])
    return "".join(out)

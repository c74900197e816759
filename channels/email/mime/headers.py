"""The header block of a mail or of a part: unfolding, encoded words, parameters, ids, dates. Pure."""

import binascii
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from itertools import islice
from urllib.parse import unquote_to_bytes

from channels.email.mime import charset
from channels.email.patterns import pattern

LONGEST_FIELD = 16_384
LONGEST_ID = 500
MOST_FIELDS = 1_000
MOST_IDS = 50

_COMMON = {
    b"received",
    b"date",
    b"from",
    b"to",
    b"subject",
    b"message-id",
    b"mime-version",
    b"content-type",
    b"return-path",
}
_FIELD = pattern(rb"([!-9;-~]{1,200})[ \t]*:")
_NEXT_FIELD = pattern(rb"\r?\n(?![ \t])")
_FOLD = pattern(rb"[\r\n]+[ \t]*")
_WORD = pattern(r"=\?([^?\s]{1,80})\?([bBqQ])\?([^?]*)\?=")
_CONTROLS = pattern(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_INVISIBLE = pattern(r"[\u202a-\u202e\u2066-\u2069\u200e\u200f\ufeff]")
_ID = pattern(r"<([^<>\s]+)>")
_PARAMETER = pattern(r';\s*([^=;\s"]{1,100})\s*=\s*("(?:[^"\\]|\\.)*+"|[^;]*+)')
_ESCAPED = pattern(r"\\(.)")
_SECTION = pattern(r"([^*]+)(?:\*(\d{1,3}))?(\*)?\Z")


class Headers:
    """The fields of one header block. Names compare without case; values are kept as bytes until they are asked for."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Mapping[str, list[bytes]]) -> None:
        self._fields = fields

    def raw(self, name: str) -> str:
        """The first field of this name, unfolded, encoded words untouched; empty where there is none."""
        found = self._fields.get(name)
        return _unfolded(found[0]) if found else ""

    def every(self, name: str) -> list[str]:
        """All fields of this name, in order."""
        return [_unfolded(one) for one in self._fields.get(name, ())]

    def text(self, name: str) -> str:
        """The first field of this name for people: decoded, on one line."""
        return decoded(self.raw(name))

    def __contains__(self, name: object) -> bool:
        return name in self._fields

    def names(self) -> Iterator[str]:
        """The names present, in lower case."""
        return iter(self._fields)


def read(block: bytes) -> tuple[Headers, bytes]:
    """The fields of a block, and what follows the first line that is no field: there the sender forgot the empty line."""
    fields: dict[str, list[bytes]] = {}
    lines = _NEXT_FIELD.split(block, MOST_FIELDS)
    for number, line in enumerate(lines[:MOST_FIELDS]):
        found = _FIELD.match(line)
        if found is not None:
            end = found.end()
            fields.setdefault(_name(found[1]), []).append(line[end : end + LONGEST_FIELD])
        elif line.strip() and not _envelope(line, number) and not _stray(lines, number):
            return Headers(fields), _from_line(block, number)
    return Headers(fields), b""


@lru_cache(maxsize=1024)
def _name(written: bytes) -> str:
    return written.decode("ascii").lower()


def _from_line(block: bytes, number: int) -> bytes:
    """The block from this unfolded line on."""
    ends = islice(_NEXT_FIELD.finditer(block), number - 1, None) if number else None
    return block if ends is None else block[next(ends).end() :]


def _envelope(line: bytes, number: int) -> bool:
    """A line of a mailbox file above the first field."""
    return number == 0 and line.startswith((b"From ", b">From "))


def _stray(lines: list[bytes], number: int) -> bool:
    """A damaged line in the midst of a header: a field that every mail has comes right behind it."""
    following = _FIELD.match(lines[number + 1]) if number + 1 < len(lines) else None
    return following is not None and following[1].lower() in _COMMON


def _unfolded(value: bytes) -> str:
    folded = b"\n" in value or b"\r" in value
    whole = _FOLD.sub(b" ", value).strip() if folded else value.strip()
    if whole.isascii():
        return whole.decode("ascii")
    return charset.decode(whole, None)


def clean(text: str) -> str:
    """One line without control characters or characters that turn the direction of writing."""
    if text.isascii() and text.isprintable():
        return text.strip()
    return charset.printable(_INVISIBLE.sub("", _CONTROLS.sub(" ", text))).strip()


def decoded(text: str) -> str:
    """RFC 2047 words decoded; what cannot be decoded stays as it stands. Never a line break or control character."""
    if "=?" not in text:
        return clean(text)
    return clean(_joined(text))


def _joined(text: str) -> str:
    """Neighbouring words of one character set are decoded together: senders cut characters in two."""
    out: list[str] = []
    pending: tuple[str, bytes] | None = None
    at = 0
    for found in _WORD.finditer(text):
        between = text[at : found.start()]
        name, data = found[1].partition("*")[0], _word(found[2], found[3])
        neighbours = pending is not None and not between.strip()
        if neighbours and pending is not None and pending[0].lower() == name.lower():
            pending = (name, pending[1] + data)
        else:
            out.append(_flushed(pending))
            out.append("" if neighbours else between)
            pending = (name, data)
        at = found.end()
    return "".join((*out, _flushed(pending), text[at:]))


def _flushed(pending: tuple[str, bytes] | None) -> str:
    return "" if pending is None else charset.decode(pending[1], pending[0])


def _word(kind: str, data: str) -> bytes:
    raw = data.encode("utf-8", "replace")
    if kind in "qQ":
        return binascii.a2b_qp(raw.replace(b" ", b"_"), header=True)
    return base64_decoded(raw)


def base64_decoded(raw: bytes) -> bytes:
    """As much as can be decoded of base64 with missing padding, foreign characters or a cut end."""
    try:
        return binascii.a2b_base64(raw)
    except binascii.Error:
        kept = _NOT_BASE64.sub(b"", raw)
        kept = kept[: len(kept) - 1] if len(kept) % 4 == 1 else kept
        return binascii.a2b_base64(kept + b"=" * (-len(kept) % 4))


_NOT_BASE64 = pattern(rb"[^A-Za-z0-9+/]+")


# -- parameters --------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=128)
def parameters(value: str) -> tuple[str, dict[str, str]]:
    """`text/plain; charset=x; name*0*=...` -> ("text/plain", {"charset": "x", "name": ...}); RFC 2231 put together."""
    first = value.partition(";")[0].strip().lower()
    if ";" not in value:
        return first, {}
    found: dict[str, str] = {}
    sections: dict[str, dict[int, tuple[str, bool]]] = {}
    for one in _PARAMETER.finditer(value[:LONGEST_FIELD]):
        name, text = one[1].lower(), _unquoted(one[2].strip())
        split = _SECTION.match(name)
        if split is None or "*" not in name:
            found.setdefault(name, text)
        else:
            sections.setdefault(split[1], {}).setdefault(int(split[2] or 0), (text, bool(split[3])))
    for name, pieces in sections.items():
        found[name] = _together(pieces)
    return first, found


def _unquoted(text: str) -> str:
    if text.startswith('"'):
        inner = text[1:-1] if text.endswith('"') and len(text) > 1 else text[1:]
        return _ESCAPED.sub(r"\1", inner) if "\\" in inner else inner
    return text


def _together(pieces: Mapping[int, tuple[str, bool]]) -> str:
    data = b""
    declared: str | None = None
    for place, number in enumerate(sorted(pieces)):
        text, encoded = pieces[number]
        if encoded and place == 0 and text.count("'") >= 2:  # noqa: PLR2004 charset'language'value
            declared, _, text = text.split("'", 2)
        data += unquote_to_bytes(text) if encoded else text.encode("utf-8", "replace")
    return charset.decode(data, declared or "utf-8")


# -- ids and dates -----------------------------------------------------------------------------------------------------


def ids(text: str) -> tuple[str, ...]:
    """The message ids in a field, without brackets, in order, each once; the newest are kept where there are too many."""
    found = _ID.findall(text) or [word for word in text.split() if "@" in word]
    kept = dict.fromkeys(clean(one) for one in found if 0 < len(one) <= LONGEST_ID)
    return tuple(kept)[-MOST_IDS:]


def instant(text: str) -> datetime | None:
    """A Date field as an aware time; `None` for what is no date."""
    try:
        at = parsedate_to_datetime(text[:100])
        aware = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
        aware.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError, AttributeError):
        return None
    return aware

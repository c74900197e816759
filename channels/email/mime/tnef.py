"""`winmail.dat`: the files that Outlook packed into it ([MS-OXTNEF]). Pure, linear, and content with as much as can be read."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from channels.email.mime import charset

TYPES = frozenset({"application/ms-tnef", "application/vnd.ms-tnef"})
_SIGNATURE = 0x223E9F78
_OF_FILE = 2
_NEXT_FILE, _TITLE, _DATA, _PROPERTIES = 0x00069002, 0x00018010, 0x0006800F, 0x00069005
_LONG_NAME, _NAME = 0x3707, 0x3704
_FIXED = {0x02: 4, 0x03: 4, 0x04: 4, 0x05: 8, 0x06: 8, 0x07: 8, 0x0A: 4, 0x0B: 4, 0x14: 8, 0x40: 8, 0x48: 16}
_VARIABLE = (0x0D, 0x1E, 0x1F, 0x0102)
_UNICODE = 0x1F
_NAMED = 0x8000
_MOST = 50


@dataclass(slots=True)
class _File:
    title: str = ""
    name: str = ""
    data: bytes = b""


def files(data: bytes) -> list[tuple[str, bytes]]:
    """Each file's name, as it was written, and its bytes; empty where this is no TNEF."""
    found: list[_File] = []
    for level, attribute, value in _attributes(data):
        if level != _OF_FILE:
            continue
        if attribute == _NEXT_FILE and len(found) < _MOST:
            found.append(_File())
        if found:
            _take(found[-1], attribute, value)
    return [(one.name or one.title, one.data) for one in found if one.data]


def _take(file: _File, attribute: int, value: bytes) -> None:
    if attribute == _TITLE:
        file.title = charset.decode(value.split(b"\0")[0], None)
    elif attribute == _DATA:
        file.data = value
    elif attribute == _PROPERTIES:
        names = {kind: name for kind, name in _texts(value) if kind in (_LONG_NAME, _NAME) and name}
        file.name = names.get(_LONG_NAME) or names.get(_NAME) or file.name


def _attributes(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """(level, id, value) of each record; a cut one ends it."""
    if len(data) < 6 or struct.unpack_from("<I", data)[0] != _SIGNATURE:  # noqa: PLR2004 signature and key
        return
    at = 6
    while at + 9 <= len(data):
        level, attribute, size = struct.unpack_from("<BII", data, at)
        end = at + 9 + size
        if end > len(data):
            return
        yield level, attribute, data[at + 9 : end]
        at = end + 2  # a checksum, which some programs get wrong


def _texts(data: bytes) -> Iterator[tuple[int, str]]:
    """The texts among a file's properties, by id; what cannot be read ends them."""
    at = 4
    try:
        for _ in range(min(struct.unpack_from("<I", data)[0], 500)):
            kind, name = struct.unpack_from("<HH", data, at)
            at = _behind_name(data, at + 4) if name >= _NAMED else at + 4
            if kind in _FIXED:
                at += _FIXED[kind]
                continue
            if kind not in _VARIABLE:
                return
            value, at = _value(data, at)
            if kind == _UNICODE:
                yield name, value.decode("utf-16-le", "replace").rstrip("\0")
            else:
                yield name, charset.decode(value.split(b"\0")[0], None)
    except struct.error:
        return


def _behind_name(data: bytes, at: int) -> int:
    (by_text,) = struct.unpack_from("<I", data, at + 16)
    if not by_text:
        return at + 24
    (size,) = struct.unpack_from("<I", data, at + 20)
    return at + 24 + _padded(size)


def _value(data: bytes, at: int) -> tuple[bytes, int]:
    """The first of the values, and where they end."""
    count, size = struct.unpack_from("<II", data, at)
    if count != 1 or at + 8 + size > len(data):
        raise struct.error
    return data[at + 8 : at + 8 + size], at + 8 + _padded(size)


def _padded(size: int) -> int:
    return (size + 3) // 4 * 4

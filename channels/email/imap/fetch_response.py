"""What is read out of a mail server's answers to FETCH. Pure."""

from typing import Protocol

from channels.email.patterns import pattern

_UID = pattern(rb"\bUID (\d+)")
_SIZE = pattern(rb"\bRFC822\.SIZE (\d+)")
_LITERAL = pattern(rb"\{\d+\}$")
_SHORT = pattern(rb'\bBODY\[\](?:<0>)? (?:NIL|"((?:[^"\\]|\\.)*+)")')  # what is no literal: nothing, or a few words


class Answer(Protocol):
    """What a command was answered: its result, and its lines (literals among them)."""

    result: str
    lines: list[bytes | bytearray]


def sizes(answer: Answer) -> dict[int, int]:
    """In bytes, by UID."""
    found: dict[int, int] = {}
    for line in answer.lines:
        uid, size = _UID.search(bytes(line)), _SIZE.search(bytes(line))
        if uid is not None and size is not None:
            found[int(uid[1])] = int(size[1])
    return found


def literals(answer: Answer) -> dict[int, bytes]:
    """Each literal with the UID that stands before it, or, as some servers have it, after it."""
    found: dict[int, bytes] = {}
    for place, line in enumerate(answer.lines):
        if not isinstance(line, bytearray):
            found |= _short(bytes(line))
            continue
        before = bytes(answer.lines[place - 1]) if place else b""
        after = bytes(answer.lines[place + 1]) if place + 1 < len(answer.lines) else b""
        uid = _UID.search(_LITERAL.sub(b"", before)) or _UID.search(after)
        if uid is not None:
            found[int(uid[1])] = bytes(line)
    return found


def _short(line: bytes) -> dict[int, bytes]:
    written = _SHORT.search(line)
    uid = _UID.search(_SHORT.sub(b"", line)) if written is not None else None
    if written is None or uid is None:
        return {}
    return {int(uid[1]): (written[1] or b"").replace(b'\\"', b'"').replace(b"\\\\", b"\\")}


def response_text(answer: Answer) -> str:
    """Its last line, printable: the server's own words."""
    return full_response_text(answer)[:200]


def full_response_text(answer: Answer) -> str:
    """The same, however long."""
    last = bytes(answer.lines[-1]).decode("utf-8", "replace") if answer.lines else ""
    return "".join(c if c.isprintable() else " " for c in last)

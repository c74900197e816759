"""Delivery reports (RFC 3464): who did not get a message and why, and which message it was. Pure."""

from collections.abc import Iterator

from channels.email.mime import headers
from channels.email.mime import part_tree as mime
from channels.email.mime.addresses import valid
from channels.email.mime.headers import Headers, clean
from channels.email.mime.parsed_mail import Bounce
from channels.email.mime.part_tree import Part
from channels.email.patterns import pattern
from channels.email.word_lists import any_of, read_word_lists

MOST = 50
LONGEST_REASON = 300
LONGEST_NOTICE = 60_000

_IGNORE = 2
_GONE = pattern(any_of(read_word_lists(__package__)["gone"]), _IGNORE)
_GONE_STATUS = pattern(r"5\.1\.\d+|5\.4\.4|5\.2\.1")
_STATUS = pattern(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
_CODE = pattern(r"(?<![\d.])([45]\d\d)[ -]")
ADDRESS = pattern(r"[^\s@<>()\[\]\\,;:\"'=|，。；：、（）＜＞《》“”【】]{1,64}@[\w](?:[\w.-]{0,250}[\w])?")
_EMPTY_LINES = pattern(rb"\n[ \t]*\n")
REPORT_TYPES = {"message/delivery-status", "message/global-delivery-status"}
COPY_TYPES = {
    "message/rfc822",
    "text/rfc822-headers",
    "message/rfc822-headers",
    "message/global",
    "message/global-headers",
}


def rows(part: Part, original: str | None) -> Iterator[Bounce]:
    """The rows of a message/delivery-status: one block a message, then one a recipient."""
    for fields in _blocks(part):
        address = _recipient(fields)
        action = fields.raw("action").split()[0].lower().rstrip(";,") if fields.raw("action").split() else ""
        if address is None or action in ("delivered", "relayed", "expanded"):
            continue
        reason = _reason(fields)
        status = status_in(fields.raw("status")) or status_in(reason)
        late = action == "delayed" or (action != "failed" and (status or "").startswith("4"))
        yield Bounce(
            address=address,
            status=status,
            hard=not late,
            gone=not late and is_gone(status, reason),
            action=action or None,
            reason=reason or None,
            original_id=original,
        )


def is_gone(status: str | None, reason: str) -> bool:
    if status is not None and not status.endswith(".0.0"):
        return _GONE_STATUS.match(status) is not None
    return _GONE.search(reason) is not None


def _blocks(part: Part) -> Iterator[Headers]:
    body = part.data().replace(b"\r\n", b"\n").strip(b"\n")
    for block in _EMPTY_LINES.split(body)[: 2 * MOST]:
        fields, _ = headers.read(block + b"\n")
        yield fields


def _recipient(fields: Headers) -> str | None:
    """The address that we wrote to where the report names it, else the final recipient."""
    for name in ("original-recipient", "final-recipient", "x-actual-recipient"):
        written = fields.raw(name).strip()
        kind, semicolon, rest = written.partition(";")
        address = address_in(rest if semicolon else written)
        if address is not None and (not semicolon or kind.strip().lower() in ("rfc822", "utf-8", "smtp", "")):
            return address
    return None


def address_in(text: str) -> str | None:
    plain = clean(text).strip("<> \"'")
    if valid(plain):
        return plain
    found = ADDRESS.search(plain)
    return found[0] if found is not None and valid(found[0]) else None


def _reason(fields: Headers) -> str:
    written = fields.text("diagnostic-code")
    return (written.partition(";")[2].strip() or written)[:LONGEST_REASON]


def status_in(text: str) -> str | None:
    found = _STATUS.search(text)
    if found is not None:
        return found[1]
    code = _CODE.search(text + " ")
    return f"{code[1][0]}.0.0" if code is not None else None


def original_id(root: Part) -> str | None:
    """The Message-ID of what came back: from the copy, from its headers, or out of the notice."""
    for part in root.walk():
        if part.type == "message/disposition-notification":
            found = _first_id(part.data(), b"original-message-id")
        elif part.type in COPY_TYPES:
            found = _first_id(part.data(), b"message-id")
        else:
            continue
        if found:
            return found
    plain = next((part for part in root.walk() if part.type == "text/plain"), None)
    return _first_id(plain.data()[:LONGEST_NOTICE], b"message-id") if plain is not None else None


def _first_id(data: bytes, name: bytes) -> str | None:
    lower = data[: mime.LARGEST_HEADER].lower()
    at = lower.find(name + b":")
    if at < 0:
        return None
    line = data[at + len(name) + 1 : at + len(name) + 600]
    found = headers.ids(line.decode("utf-8", "replace").split("\n\n")[0].partition("\nReferences")[0][:500])
    return found[0] if found else None

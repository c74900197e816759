"""What no database takes, taken out of an inbound event: NUL, lone surrogates, and endless text."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from conversation.model.message import (
    Attachment,
    CallbackRequested,
    ContactChanged,
    DeliveryReported,
    InboundEvent,
    Malformed,
    MessageEchoed,
    MessageEdited,
    MessageReacted,
    MessageReceived,
    MessageRetracted,
)
from conversation.model.people import Identity

TEXT_LIMIT = 100_000
NAME_LIMIT = 1_000
KEY_LIMIT = 500  # a b-tree key of PostgreSQL ends at 2,704 bytes, and a letter may have four
_HINTS = (
    *("language", "locale", "issue", "subject", "reply_to", "token", "machine"),
    *("album", "unsupported", "reply_token"),
)
_EMOJI_LIMIT = 64  # a family of many is long
REPLACEMENT = "\ufffd"


Kept = (
    MessageReceived
    | MessageEdited
    | MessageRetracted
    | MessageReacted
    | MessageEchoed
    | ContactChanged
    | DeliveryReported
    | Malformed
)


@dataclass(frozen=True, slots=True)
class Clean:
    """The event as it can be stored; `changed` says that its raw bytes hold more than it does."""

    event: Kept
    changed: bool = False


def clean_text(text: str, limit: int = TEXT_LIMIT) -> str:
    """The text without NUL and lone surrogates, cut at `limit` characters."""
    text = text[:limit]
    if "\x00" in text:
        text = text.replace("\x00", REPLACEMENT)
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return "".join(REPLACEMENT if "\ud800" <= letter <= "\udfff" else letter for letter in text)
    return text


def clean_key(key: str) -> str:
    """A key that stays itself, or one that cannot be mistaken for another key that looks the same when cleaned."""
    cleaned = clean_text(key, KEY_LIMIT)
    if cleaned == key:
        return key
    return f"{cleaned[:200]}~{hashlib.sha256(key.encode(errors='surrogatepass')).hexdigest()}"


def clean(event: InboundEvent) -> Clean:
    """Any inbound event as one that can be stored; a request to be called becomes a message."""
    if isinstance(event, MessageReceived):
        return _clean_message(event)
    if isinstance(event, CallbackRequested):
        return _clean_message(_as_message(event))
    if isinstance(event, DeliveryReported):
        error = event.error and clean_text(event.error, NAME_LIMIT)
        to = event.to and clean_key(event.to)
        return Clean(replace(event, external_id=clean_key(event.external_id), error=error, to=to))
    if isinstance(event, Malformed):
        return Clean(replace(event, external_id=clean_key(event.external_id), reason=clean_text(event.reason)))
    return Clean(_clean_update(event))


def _clean_update(
    event: MessageEdited | MessageRetracted | MessageReacted | MessageEchoed | ContactChanged,
) -> MessageEdited | MessageRetracted | MessageReacted | MessageEchoed | ContactChanged:
    """What a medium reports besides messages."""
    fields: dict[str, Any] = {"external_id": clean_key(event.external_id)}
    for name, cleaned in _UPDATE_FIELDS.items():
        value = getattr(event, name, None)
        if value is not None:
            fields[name] = cleaned(value)
    return replace(event, **fields)


def raw_of(event: Kept) -> bytes:
    """The bytes to keep of an event: what arrived, or where that was not handed over, the event itself as JSON."""
    raw: bytes = getattr(event, "raw", b"")
    if raw:
        return raw
    fields = {name: value for name, value in asdict(event).items() if name != "raw"}
    return json.dumps(fields, default=str, ensure_ascii=True).encode()


def _clean_message(event: MessageReceived) -> Clean:
    """Almost every message is clean: it is looked at, and copied only when it is not."""
    fields: dict[str, Any] = {
        "external_id": clean_key(event.external_id),
        "sender": _clean_identity(event.sender),
        "text": clean_text(event.text),
        "html": event.html and clean_text(event.html, 4 * TEXT_LIMIT),
        "attachments": tuple([_clean_attachment(attachment) for attachment in event.attachments]),
        "attributes": _clean_mapping(event.attributes),
    }
    fields |= {name: _hint(getattr(event, name)) for name in _HINTS}
    changed = {name: value for name, value in fields.items() if value != getattr(event, name)}
    return Clean(replace(event, **changed), changed=True) if changed else Clean(event)


def _as_message(event: CallbackRequested) -> MessageReceived:
    """A request to be called, as words in the customer's conversation: nothing of it is lost."""
    note = event.note and clean_text(event.note, NAME_LIMIT * 4)
    asked = replace(event, external_id=clean_key(event.external_id), note=note)
    number = f"{event.number} ext. {event.extension}" if event.extension else event.number
    wanted = _wall(event.slot, event.zones) if event.slot else "as soon as possible"
    lines = [note, f"callback: {number}", f"when: {wanted}"]
    return MessageReceived(
        channel=event.channel,
        external_id=event.external_id,
        sender=replace(event.sender, phone=event.sender.phone or event.number),
        text="\n".join(line for line in lines if line),
        received_at=event.received_at,
        language=event.language,
        locale=event.locale,
        issue=event.issue,
        token=event.token,
        callback=asked,
    )


def _wall(at: datetime, zones: Sequence[str]) -> str:
    return f"{at.astimezone(ZoneInfo(zones[0])):%Y-%m-%d %H:%M} {zones[0]}"


def _hint(text: str | None) -> str | None:
    return text and clean_text(text, NAME_LIMIT)


def _clean_identity(identity: Identity) -> Identity:
    address, name = clean_key(identity.address), _hint(identity.name)
    email, phone = _hint(identity.email), _hint(identity.phone)
    also = tuple([clean_key(one) for one in identity.also if one and one != identity.address]) if identity.also else ()
    before = (identity.address, identity.name, identity.email, identity.phone, identity.also)
    if (address, name, email, phone, also) == before:
        return identity
    return replace(identity, address=address, name=name, email=email, phone=phone, also=also)


def _clean_attachment(attachment: Attachment) -> Attachment:
    return replace(
        attachment, name=clean_text(attachment.name, NAME_LIMIT), type=clean_text(attachment.type, NAME_LIMIT)
    )


def _clean_mapping(mapping: Mapping[str, object]) -> Mapping[str, object]:
    if not mapping:
        return mapping
    return {clean_text(str(name), NAME_LIMIT): _clean_value(value) for name, value in mapping.items()}


def _clean_value(value: object) -> object:
    if isinstance(value, str):
        return clean_text(value, NAME_LIMIT * 4)
    if isinstance(value, Mapping):
        return _clean_mapping(value)
    if isinstance(value, list | tuple):
        return [_clean_value(item) for item in value]
    if isinstance(value, float) and (value != value or abs(value) == float("inf")):  # noqa: PLR0124 NaN is not itself
        return str(value)
    return value


_UPDATE_FIELDS: Mapping[str, Callable[[Any], Any]] = {
    "text": clean_text,
    "emoji": lambda emoji: clean_text(emoji, _EMOJI_LIMIT),
    "author_name": _hint,
    "new_address": clean_key,
    "sender": _clean_identity,
    "to": _clean_identity,
    "attachments": lambda files: tuple(map(_clean_attachment, files)),
}

"""The body of a LINE webhook -> events. Pure. Each event of a batch stands alone: a bad one becomes `Malformed`.

A message's `external_id` is its message id, which edits, unsends and quotes name; any other event's is its `webhookEventId`.
https://developers.line.biz/en/reference/messaging-api/#webhook-event-objects
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from channels import json_fields as fields
from channels import strict_json
from channels.deep_links import chosen
from channels.edits import new_words
from channels.line.content import content
from channels.line.tokens import stamped
from channels.payload_source import Source
from conversation.errors import MalformedPayload
from conversation.model.message import (
    ContactChanged,
    InboundEvent,
    MessageEdited,
    MessageReceived,
    MessageRetracted,
)
from conversation.model.people import Identity

MOST_EVENTS = 1000

_LONGEST_DATA = 2000
_PICKED = ("datetime", "date", "time")  # what a postback's date picker returns


@dataclass(frozen=True, slots=True, kw_only=True)
class _Event(Source):
    """One event of the batch, and what every part of its reading needs to know."""

    value: Mapping[str, Any]
    sender: Identity
    raw: bytes

    @property
    def own_id(self) -> str:
        return fields.identifier(self.value, "webhookEventId")

    @property
    def at(self) -> datetime | None:
        return fields.epoch(self.value, "timestamp")


def events(body: bytes, *, channel: str, received_at: datetime, groups: bool = False) -> Sequence[InboundEvent]:
    """The events in these bytes; none in the call by which the console tries the address. Raises `MalformedPayload`."""
    call = strict_json.loads(body)
    if not isinstance(call, dict) or "events" not in call:
        raise MalformedPayload("not an object with 'events'", code="wrong_type")
    items = fields.rows(call, "events", most=MOST_EVENTS)
    source = Source(channel=channel, received_at=received_at)
    found = (_one(item, at, source, groups=groups) for at, item in enumerate(items))
    return [event for event in found if event is not None]


def _one(value: Any, at: int, source: Source, *, groups: bool) -> InboundEvent | None:
    raw = strict_json.compact(value)
    try:
        return _read(value, source, raw, groups=groups)
    except MalformedPayload as fault:
        return source.malformed(fault, external_id=_name_of(value, at), raw=raw)


def _read(value: Any, source: Source, raw: bytes, *, groups: bool) -> InboundEvent | None:
    if not isinstance(value, dict):
        raise MalformedPayload("an event is not an object", code="wrong_type")
    sender = _sender(value, source.channel, groups=groups)
    if sender is None:
        return None
    read = _READERS.get(fields.text(value, "type", longest=100) or "", _unsupported)
    at = source.received_at
    return read(_Event(channel=source.channel, received_at=at, value=value, sender=sender, raw=raw))


def _name_of(value: Any, at: int) -> str:
    try:
        return fields.identifier(value, "webhookEventId")
    except (MalformedPayload, AttributeError):
        return f"#{at}"


def _sender(value: Mapping[str, Any], channel: str, *, groups: bool) -> Identity | None:
    """Whom an answer goes to; None where it is a group or room that this account does not serve."""
    source = fields.table(value, "source")
    if source is None:
        raise MalformedPayload("an event without a source", code="unsupported")
    key = {"user": "userId", "group": "groupId", "room": "roomId"}.get(str(source.get("type")))
    if key is None:
        raise MalformedPayload("a source of an unknown type", code="unsupported")
    if key != "userId" and not groups:
        return None
    return Identity(channel=channel, address=fields.identifier(source, key))


def _message(event: _Event) -> InboundEvent:
    message = fields.needed_table(event.value, "message")
    own_id = fields.identifier(message, "id")
    found = content(message, f"{event.channel}/{own_id}")
    return MessageReceived(
        channel=event.channel,
        external_id=own_id,
        sender=event.sender,
        text=found.text,
        received_at=event.received_at,
        sent_at=event.at,
        attachments=found.attachments,
        album=found.album,
        unsupported=found.unsupported,
        reply_to=fields.text(message, "quotedMessageId", longest=200) or None,
        reply_token=_reply_token(event),
        raw=event.raw,
    )


def _postback(event: _Event) -> InboundEvent:
    """A button of a menu: its data are the text, and may name the issue and the language."""
    postback = fields.needed_table(event.value, "postback")
    data = fields.text(postback, "data", longest=_LONGEST_DATA) or ""
    params = fields.table(postback, "params") or {}
    picked = [fields.text(params, key, longest=100) for key in _PICKED]
    choice = chosen(data)
    return MessageReceived(
        channel=event.channel,
        external_id=event.own_id,
        sender=event.sender,
        text=" ".join(part for part in (choice.text, *picked) if part),
        received_at=event.received_at,
        sent_at=event.at,
        language=choice.language,
        issue=choice.issue,
        reply_token=_reply_token(event),
        raw=event.raw,
    )


def _reply_token(event: _Event) -> str | None:
    return stamped(fields.text(event.value, "replyToken", longest=200), event.received_at)


def _edited(event: _Event) -> InboundEvent:
    message = fields.needed_table(event.value, "message")
    return MessageEdited(
        channel=event.channel,
        external_id=fields.identifier(message, "id"),
        text=new_words(fields.text(message, "text")),
        received_at=event.received_at,
        sender=event.sender,
        edited_at=event.at,
        raw=event.raw,
    )


def _unsent(event: _Event) -> InboundEvent:
    return MessageRetracted(
        channel=event.channel,
        external_id=fields.identifier(fields.needed_table(event.value, "unsend"), "messageId"),
        received_at=event.received_at,
        sender=event.sender,
    )


def _followed(event: _Event) -> InboundEvent:
    return _contact(event, reachable=True)


def _unfollowed(event: _Event) -> InboundEvent:
    return _contact(event, reachable=False)


def _contact(event: _Event, *, reachable: bool) -> InboundEvent:
    return ContactChanged(
        channel=event.channel,
        external_id=event.own_id,
        sender=event.sender,
        received_at=event.received_at,
        reachable=reachable,
    )


def _unsupported(event: _Event) -> InboundEvent:
    raise MalformedPayload(f"an event of type {str(event.value.get('type'))[:50]!r}", code="unsupported")


_READERS: Mapping[str, Callable[[_Event], InboundEvent]] = {
    "message": _message,
    "messageEdited": _edited,
    "unsend": _unsent,
    "postback": _postback,
    "follow": _followed,
    "unfollow": _unfollowed,
    "join": _followed,
    "leave": _unfollowed,
}

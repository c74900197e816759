"""The body of a Viber callback -> events. Pure. One call holds one event; what cannot be read becomes `Malformed`.

`message_token` names a message for ever: a customer's, and one of ours in its delivery report.
https://developers.viber.com/docs/api/rest-bot-api/#callbacks
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from channels import json_fields as fields
from channels import strict_json
from channels.payload_source import Source
from channels.viber.content import content
from conversation.errors import MalformedPayload
from conversation.model.message import (
    ContactChanged,
    DeliveryReported,
    InboundEvent,
    Malformed,
    MessageReceived,
    Status,
)
from conversation.model.people import Identity

_LONGEST_NAME = 200
_LONGEST_REASON = 500
_SILENT = frozenset({"webhook", "conversation_started"})  # Viber tries our address; somebody opened the chat


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call(Source):
    """One call, and what every part of its reading needs to know."""

    value: Mapping[str, Any]
    raw: bytes

    @property
    def token(self) -> str:
        return str(fields.needed_integer(self.value, "message_token"))


def events(body: bytes, *, channel: str, received_at: datetime) -> Sequence[InboundEvent]:
    """The events in these bytes; none where nobody wrote anything yet. Raises `MalformedPayload` for what is no call at all."""
    value = fields.object_of(strict_json.loads(body))
    kind = fields.text(value, "event", longest=100)
    if not kind:
        raise MalformedPayload("'event' is missing", code="missing")
    if kind in _SILENT:
        return []
    call = _Call(channel=channel, received_at=received_at, value=value, raw=body)
    try:
        return [_READERS.get(kind, _unsupported)(call)]
    except MalformedPayload as fault:
        return [_malformed(call, fault)]


def opened(body: bytes) -> bool:
    """Whether somebody opened the chat, who has not written and has not asked to be written to."""
    try:
        value = strict_json.loads(body)
    except MalformedPayload:
        return False
    return isinstance(value, dict) and value.get("event") == "conversation_started"


def _malformed(call: _Call, fault: MalformedPayload) -> Malformed:
    token = call.value.get("message_token")
    return call.malformed(fault, external_id=str(token) if isinstance(token, int) else "#0", raw=call.raw)


def _message(call: _Call) -> InboundEvent:
    message = fields.needed_table(call.value, "message")
    token, sender = call.token, fields.needed_table(call.value, "sender")
    found = content(message, f"{call.channel}/{token}")
    return MessageReceived(
        channel=call.channel,
        external_id=token,
        sender=_person(call, sender),
        text=found.text,
        received_at=call.received_at,
        sent_at=fields.epoch(call.value, "timestamp"),
        attachments=found.attachments,
        locale=_locale(sender),
        unsupported=found.unsupported,
        raw=call.raw,
    )


def _person(call: _Call, person: Mapping[str, Any]) -> Identity:
    name = fields.text(person, "name", longest=_LONGEST_NAME)
    return Identity(channel=call.channel, address=fields.identifier(person, "id"), name=name or None)


def _locale(person: Mapping[str, Any]) -> str | None:
    """The language of the telephone: a hint, so that nonsense is no fault."""
    try:
        return fields.language(person, "language")
    except MalformedPayload:
        return None


def _subscribed(call: _Call) -> InboundEvent:
    return _contact(call, _person(call, fields.needed_table(call.value, "user")), reachable=True)


def _unsubscribed(call: _Call) -> InboundEvent:
    gone = Identity(channel=call.channel, address=fields.identifier(call.value, "user_id"))
    return _contact(call, gone, reachable=False)


def _contact(call: _Call, who: Identity, *, reachable: bool) -> InboundEvent:
    return ContactChanged(
        channel=call.channel,
        external_id=call.token,
        sender=who,
        received_at=call.received_at,
        reachable=reachable,
    )


def _reported(status: Status) -> Callable[[_Call], InboundEvent]:
    def read(call: _Call) -> InboundEvent:
        reason = fields.text(call.value, "desc") or "" if status is Status.FAILED else None
        return DeliveryReported(
            channel=call.channel,
            external_id=call.token,
            status=status,
            received_at=call.received_at,
            error=None if reason is None else f"refused: {reason[:_LONGEST_REASON] or 'Viber could not show it'}",
        )

    return read


def _unsupported(call: _Call) -> InboundEvent:
    raise MalformedPayload(f"an event of type {str(call.value.get('event'))[:50]!r}", code="unsupported")


_READERS: Mapping[str, Callable[[_Call], InboundEvent]] = {
    "message": _message,
    "subscribed": _subscribed,
    "unsubscribed": _unsubscribed,
    "delivered": _reported(Status.DELIVERED),
    "seen": _reported(Status.READ),
    "failed": _reported(Status.FAILED),
}

"""A form that Twilio posts -> events. Pure. One call holds one message, or the status of one of ours.

`MessageSid` names a message for ever. https://www.twilio.com/docs/messaging/guides/webhook-request and
https://www.twilio.com/docs/messaging/guides/track-outbound-message-status
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from channels import json_fields as fields
from channels import strict_json
from channels import twilio_signature as twilio
from channels.file_types import file_id
from channels.payload_source import Source
from channels.sms.errors import words_of
from conversation.errors import MalformedPayload
from conversation.model.message import (
    PROVIDER,
    Attachment,
    ContactChanged,
    DeliveryReported,
    InboundEvent,
    MessageReceived,
    Status,
)
from conversation.model.people import Identity

MOST_FILES = 10
WHATSAPP = "whatsapp:"  # before a number that writes by WhatsApp
WINDOW = timedelta(hours=24)  # in which WhatsApp lets us answer

_LONGEST_NAME = 200
_LONGEST_TEXT = 1_000_000
_OPT_OUT = "opt-out"
_FILE = re.compile(r"/2010-04-01/Accounts/AC[0-9a-f]{32}/Messages/[MS]M[0-9a-f]{32}/Media/ME[0-9a-f]{32}$")  # noqa: TID251 - a constant, linear
_STATUSES: Mapping[str, Status | None] = {
    "accepted": None,
    "scheduled": None,
    "queued": None,
    "sending": None,
    "sent": Status.SENT,
    "delivered": Status.DELIVERED,
    "read": Status.READ,
    "undelivered": Status.FAILED,
    "failed": Status.FAILED,
    "canceled": Status.FAILED,
}
# Twilio's own reading of STOP, START and HELP, which it answers by itself
_REACHABLE: Mapping[str, bool | None] = {"STOP": False, "START": True, "HELP": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call(Source):
    """One call, and what every part of its reading needs to know."""

    value: Mapping[str, str]
    raw: bytes

    @property
    def sid(self) -> str:
        return fields.identifier(self.value, "MessageSid" if "MessageSid" in self.value else "SmsSid", longest=64)


def events(body: bytes, *, channel: str, received_at: datetime) -> Sequence[InboundEvent]:
    """The events in this form. Raises `MalformedPayload` for what is no form, or names no message."""
    value = {name: strict_json.clean(text) for name, text in twilio.form(body)}
    call = _Call(channel=channel, received_at=received_at, value=value, raw=body)
    sid = call.sid
    try:
        status = value.get("MessageStatus") or "received"
        return _message(call) if status == "received" else _report(call, status)
    except MalformedPayload as fault:
        return [call.malformed(fault, external_id=sid, raw=body)]


def _message(call: _Call) -> list[InboundEvent]:
    sender, opted = _sender(call), call.value.get("OptOutType", "").upper()
    message = MessageReceived(
        channel=call.channel,
        external_id=call.sid,
        sender=sender,
        text=fields.text(call.value, "Body", longest=_LONGEST_TEXT) or "",
        received_at=call.received_at,
        attachments=tuple(_attachment(call, at) for at in range(_files(call))),
        reply_until=call.received_at + WINDOW if sender.address.startswith(WHATSAPP) else None,
        machine=_OPT_OUT if opted in _REACHABLE else None,
        raw=call.raw,
    )
    reachable = _REACHABLE.get(opted)
    return [message] if reachable is None else [message, _contact(call, sender, reachable=reachable)]


def _sender(call: _Call) -> Identity:
    address = fields.identifier(call.value, "From", longest=_LONGEST_NAME)
    name = fields.text(call.value, "ProfileName", longest=_LONGEST_NAME)
    return Identity(channel=call.channel, address=address, name=name or None, phone=address.removeprefix(WHATSAPP))


def _contact(call: _Call, sender: Identity, *, reachable: bool) -> ContactChanged:
    return ContactChanged(
        channel=call.channel,
        external_id=f"{call.sid}/{_OPT_OUT}",
        sender=sender,
        received_at=call.received_at,
        reachable=reachable,
    )


def _files(call: _Call) -> int:
    value = call.value.get("NumMedia", "0") or "0"
    if not (value.isascii() and value.isdigit()) or int(value[:9]) > MOST_FILES:
        raise MalformedPayload(f"'NumMedia' is no number up to {MOST_FILES}", code="wrong_type")
    return int(value)


def _attachment(call: _Call, at: int) -> Attachment:
    """Files lie with Twilio and are asked for with the account's own name and token: never anywhere else."""
    found = _FILE.search(fields.identifier(call.value, f"MediaUrl{at}", longest=1000))
    if found is None:
        raise MalformedPayload(f"'MediaUrl{at}' is not where Twilio keeps files", code="bad_url")
    kind = fields.text(call.value, f"MediaContentType{at}", longest=_LONGEST_NAME) or "application/octet-stream"
    return Attachment(
        id=file_id(f"{call.channel}/{call.sid}/{at}"),
        name=f"{kind.partition('/')[0]}-{at + 1}",
        type=kind,
        url=PROVIDER + found[0],
    )


def _report(call: _Call, value: str) -> list[InboundEvent]:
    if value not in _STATUSES:
        raise MalformedPayload(f"a message that is {value[:50]!r}", code="unsupported")
    status = _STATUSES[value]
    if status is None:
        return []
    report = DeliveryReported(
        channel=call.channel,
        external_id=call.sid,
        status=status,
        received_at=call.received_at,
        error=words_of(call.value.get("ErrorCode", "")) if status is Status.FAILED else None,
    )
    return [report]

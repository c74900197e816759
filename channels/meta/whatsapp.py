"""A change of `whatsapp_business_account` -> events. Pure.

Sources: developers.facebook.com/docs/whatsapp/cloud-api/webhooks (components, payload examples), "Business-scoped user IDs",
"Coexistence" (smb_message_echoes).
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from channels import json_fields as fields
from channels import strict_json
from channels.edits import new_words
from channels.meta import errors
from channels.meta.common_fields import MOST, Here, NotForUs, each, inner, named, number, referred, unusable
from channels.meta.whatsapp_content import FORWARDED, content
from conversation.errors import MalformedPayload
from conversation.model.message import (
    ContactChanged,
    DeliveryReported,
    InboundEvent,
    MessageEchoed,
    MessageEdited,
    MessageReacted,
    MessageReceived,
    MessageRetracted,
    Status,
)
from conversation.model.people import Identity

_STATUSES: Mapping[str, Status] = {
    "sent": Status.SENT,
    "delivered": Status.DELIVERED,
    "read": Status.READ,
    "played": Status.READ,
    "failed": Status.FAILED,
}
_MOVED = {"user_changed_number": ("wa_id", "new_wa_id"), "user_changed_user_id": ("user_id",)}
_MOST_ERRORS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class _Value:
    here: Here
    contacts: Sequence[Mapping[str, Any]]


def change(field: str, value: Mapping[str, Any], here: Here) -> list[InboundEvent]:
    """The messages, receipts and echoes of one change; anything else is quarantined whole."""
    if field == "messages":
        rows = [one for one in fields.rows(value, "contacts", most=MOST) if isinstance(one, dict)]
        context = _Value(here=here, contacts=rows)
        found = each(here, fields.rows(value, "messages", most=MOST), partial(_message, context))
        found += each(here, fields.rows(value, "statuses", most=MOST), partial(_status, here))
    elif field == "smb_message_echoes":
        found = each(here, fields.rows(value, "message_echoes", most=MOST), partial(_echo, here))
    else:
        found = []
    return found or [unusable(here, {"field": field, "value": value}, f"'{field[:100]}' says nothing of a customer")]


# -- what customers do -------------------------------------------------------------------------------------------------


def _message(context: _Value, message: Mapping[str, Any]) -> list[InboundEvent]:
    if "group_id" in message:
        raise NotForUs("said in a group")
    kind = fields.text(message, "type", longest=100) or "unknown"
    if kind == "request_welcome":
        raise NotForUs("a customer opened the chat, and has said nothing yet")
    sender = _sender(context, message)
    update = _UPDATES.get(kind)
    if update is not None:
        return [update(context.here, message, sender)]
    return [_received(context.here, message, kind, sender)]


def _sender(context: _Value, message: Mapping[str, Any]) -> Identity:
    """Known by a number, by a business-scoped id, or by both: either may be hidden, and both are the same person."""
    number_, user = named(message, "from"), named(message, "from_user_id")
    contact = next((one for one in context.contacts if _is_of(one, number_, user)), {})
    number_ = number_ or named(contact, "wa_id")
    user = user or named(contact, "user_id")
    return _identity(context.here, number_, user, name=named(inner(contact, "profile"), "name"))


def _is_of(contact: Mapping[str, Any], number_: str | None, user: str | None) -> bool:
    known = {named(contact, "wa_id"), named(contact, "user_id")} - {None}
    return bool(known & {number_, user})


def _identity(here: Here, number_: str | None, user: str | None, *, name: str | None = None) -> Identity:
    known = [one for one in (number_, user) if one]
    if not known:
        raise MalformedPayload("neither a number nor an id of the customer", code="missing")
    address = fields.identifier({"from": known[0]}, "from")
    phone = f"+{address}" if address.isascii() and address.isdigit() else None
    return Identity(channel=here.channel, address=address, name=name, phone=phone, also=tuple(known[1:]))


def _received(here: Here, message: Mapping[str, Any], kind: str, sender: Identity) -> MessageReceived:
    external_id = fields.identifier(message, "id", longest=500)
    found = content(message, kind, f"{here.channel}/{external_id}")
    at = fields.epoch(message, "timestamp")
    return MessageReceived(
        channel=here.channel,
        external_id=external_id,
        sender=sender,
        text=found.text,
        received_at=here.received_at,
        sent_at=at,
        attachments=found.attachments,
        reply_to=named(inner(message, "context"), "id"),
        unsupported=found.unsupported,
        reply_until=here.window(at),
        attributes=referred(inner(message, "referral")),
        raw=strict_json.compact(message),
    )


def _reaction(here: Here, message: Mapping[str, Any], sender: Identity) -> InboundEvent:
    reaction = inner(message, "reaction")
    return MessageReacted(
        channel=here.channel,
        external_id=fields.identifier(reaction, "message_id", longest=500),
        sender=sender,
        emoji=fields.text(reaction, "emoji", longest=64) or None,
        received_at=here.received_at,
        sent_at=fields.epoch(message, "timestamp"),
    )


def _edit(here: Here, message: Mapping[str, Any], sender: Identity) -> InboundEvent:
    edit = inner(message, "edit")
    new = inner(edit, "message")
    external_id = fields.identifier(edit, "original_message_id", longest=500)
    found = content(new, fields.text(new, "type", longest=100) or "unknown", f"{here.channel}/{external_id}")
    new_words(found.text.removeprefix(FORWARDED))
    return MessageEdited(
        channel=here.channel,
        external_id=external_id,
        text=found.text,
        received_at=here.received_at,
        sender=sender,
        edited_at=fields.epoch(message, "timestamp"),
        raw=strict_json.compact(message),
    )


def _revoke(here: Here, message: Mapping[str, Any], sender: Identity) -> InboundEvent:
    return MessageRetracted(
        channel=here.channel,
        external_id=fields.identifier(inner(message, "revoke"), "original_message_id", longest=500),
        received_at=here.received_at,
        sender=sender,
    )


def _system(here: Here, message: Mapping[str, Any], sender: Identity) -> InboundEvent:
    system = inner(message, "system")
    kind = fields.text(system, "type", longest=100) or "system"
    moved = next((new for key in _MOVED.get(kind, ()) if (new := named(system, key))), None)
    if moved is None:
        raise NotForUs(f"WhatsApp itself reports '{kind}'")
    return ContactChanged(
        channel=here.channel,
        external_id=fields.identifier(message, "id", longest=500),
        sender=sender,
        received_at=here.received_at,
        new_address=moved,
    )


_UPDATES = {
    "reaction": _reaction,
    "edit": _edit,
    "revoke": _revoke,
    "system": _system,
}


# -- what becomes of ours ----------------------------------------------------------------------------------------------


def _status(here: Here, status: Mapping[str, Any]) -> list[InboundEvent]:
    if fields.text(status, "recipient_type") == "group":
        raise NotForUs("of a message to a group")
    context = fields.text(status, "status", longest=100) or ""
    if context not in _STATUSES:
        raise NotForUs(f"the status '{context}' changes nothing")
    rows = fields.rows(status, "errors", most=_MOST_ERRORS)
    fault = errors.failure_words(rows[0]) if rows and isinstance(rows[0], dict) else None
    return [
        DeliveryReported(
            channel=here.channel,
            external_id=_ours(status) or fields.identifier(status, "id", longest=500),
            status=_STATUSES[context],
            received_at=here.received_at,
            error=fault if context == "failed" else None,
        )
    ]


def _ours(status: Mapping[str, Any]) -> str | None:
    """Our own id of the message, which was sent along: it is known even where the answer to our request was lost."""
    given = status.get("biz_opaque_callback_data")
    try:
        return str(uuid.UUID(given)) if isinstance(given, str) else None
    except ValueError:
        return None


def _echo(here: Here, message: Mapping[str, Any]) -> list[InboundEvent]:
    """Written in the WhatsApp Business app by somebody of the business."""
    kind = fields.text(message, "type", longest=100) or "unknown"
    if kind in _UPDATES:
        raise NotForUs(f"'{kind}' of an answer that was given in the app")
    external_id = number(message, "id")
    found = content(message, kind, f"{here.channel}/{external_id}")
    return [
        MessageEchoed(
            channel=here.channel,
            external_id=external_id,
            to=_identity(here, named(message, "to"), named(message, "to_user_id")),
            text=found.text or (f"[{found.unsupported}]" if found.unsupported else ""),
            received_at=here.received_at,
            sent_at=fields.epoch(message, "timestamp"),
            attachments=found.attachments,
        )
    ]

"""Rows of the outbox to data classes and back."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping

from conversation.model.outbound import Effect, OutboundMessage, OutboxRow, Quoted
from conversation.model.people import Identity
from storage.codecs.rows import Values, attachment_from, attachment_to
from storage.schema.types import from_micros, to_micros

_MADE = (
    "to",
    "attachments",
    "created_at",
    "reply_until",
    "parameters",
    "references",
    "sent",
    "quoted",
)  # each written in its own way
_INSTANTS = ("created_at", "reply_until")
_PLAIN = tuple(field.name for field in fields(OutboundMessage) if field.name not in _MADE)


def message_to_json(message: OutboundMessage) -> Values:
    """An outbound message for a JSON column; what is not set is left out."""
    body = {name: value for name in _PLAIN if (value := getattr(message, name)) not in (None, False)}
    to = message.to
    body["to"] = {
        "channel": to.channel,
        "address": to.address,
        "name": to.name,
        "email": to.email,
        "phone": to.phone,
        "verified": to.verified,
        "id": to.id,
        "customer": to.customer,
    }
    if message.attachments:
        body["attachments"] = [attachment_to(attachment) for attachment in message.attachments]
    if message.quoted:
        body["quoted"] = [{"author": one.author, "at": to_micros(one.at), "text": one.text} for one in message.quoted]
    if message.parameters:
        body["parameters"] = list(message.parameters)
    if message.references:
        body["references"] = list(message.references)
    for name in _INSTANTS:
        if (at := getattr(message, name)) is not None:
            body[name] = to_micros(at)
    return body


def message_from_json(body: Mapping[str, Any], sent: tuple[str, ...]) -> OutboundMessage:
    """The same back, with the parts that already left."""
    fields: Values = {name: body[name] for name in _PLAIN if name in body}
    fields |= {name: from_micros(body[name]) for name in _INSTANTS if name in body}
    return OutboundMessage(
        **fields,
        parameters=tuple(body.get("parameters", ())),
        references=tuple(body.get("references", ())),
        to=Identity(**body["to"]),
        attachments=tuple(map(attachment_from, body.get("attachments", ()))),
        sent=sent,
        quoted=tuple(Quoted(**{**one, "at": from_micros(one["at"])}) for one in body.get("quoted", ())),
    )


def outbox_values(row: OutboxRow, *, at: datetime) -> Values:
    """All columns of a new row of `outbox`, due at that instant."""
    message = row.message
    return {
        "id": row.id,
        "effect": row.effect.value,
        "target": row.target,
        "conversation_id": row.conversation,
        "message_id": None if message is None else message.id,
        "body": dict(row.payload) if message is None else message_to_json(message),
        "state": "queued",
        "attempts": row.attempts,
        "at": at,
        "give_up_at": row.give_up_at,
        "lease_owner": None,
        "lease_until": None,
        "epoch": row.epoch,
        "sent": list(message.sent) if message is not None and message.sent else None,
        "error": None,
        "created_at": row.created_at,
        "finished_at": None,
    }


def outbox_row_of(row: RowMapping) -> OutboxRow:
    """A row of `outbox`, as claimed."""
    effect, body = Effect(row["effect"]), row["body"]
    is_message = effect is Effect.MESSAGE
    return OutboxRow(
        id=row["id"],
        effect=effect,
        target=row["target"],
        created_at=row["created_at"],
        conversation=row["conversation_id"],
        message=message_from_json(body, tuple(row["sent"] or ())) if is_message else None,
        payload={} if is_message else body,
        attempts=row["attempts"],
        epoch=row["epoch"],
        give_up_at=row["give_up_at"],
    )

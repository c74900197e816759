"""Reports of media that only say "everything before": all that was sent to somebody up to an instant moves."""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection, func, select

from conversation.model.message import DeliveryReported, Message, Status, advance
from storage.codecs.rows import message_of, message_values
from storage.customers import aliases
from storage.database.bulk_sql import Insert, Update
from storage.schema.messages import messages, watermarks

_update = Update(messages, ["status", "error"])
_keep = Insert(
    watermarks,
    conflict="(identity_id, status) DO UPDATE SET up_to = excluded.up_to WHERE watermarks.up_to < excluded.up_to",
)
_LEFT = (Status.SENT, Status.DELIVERED, Status.UNCERTAIN)


def apply(c: Connection, reports: Sequence[DeliveryReported]) -> list[Message]:
    """The messages that moved. What is known to be sent only later is held against what is kept here."""
    keys = {(report.channel, report.to) for report in reports if report.to is not None}
    known = aliases.whose(c, keys) if keys else {}
    moved: dict[str, Message] = {}
    for report in reports:
        identity, _ = known.get((report.channel, report.to or ""), ("", ""))
        if identity and report.up_to is not None:
            _keep(c, [{"identity_id": identity, "status": report.status.value, "up_to": report.up_to}])
            moved |= {message.id: message for message in _moved(c, identity, report)}
    return list(moved.values())


def _moved(c: Connection, identity: str, report: DeliveryReported) -> list[Message]:
    row = messages.c
    below = [status.value for status in _LEFT if advance(status, report.status) is not status]
    theirs = row.conversation_id.in_(aliases.conversations_of(identity))
    sent = (theirs, row.identity_id == identity, row.direction == "out", row.status.in_(below))
    before = func.coalesce(row.sent_at, row.created_at) <= report.up_to
    found = c.execute(select(messages).where(*sent, before).order_by(row.id).with_for_update()).mappings()
    moved = [message_of(one) for one in found]
    after = [replace(one, status=advance(one.status, report.status), error=report.error) for one in moved]
    _update(c, map(message_values, after))
    return after

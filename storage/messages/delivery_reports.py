"""Delivery reports: statuses move forward only, and a report that overtook its message is kept for it."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from sqlalchemy import Connection

from conversation.model.message import DeliveryReported, Message, Status, advance
from storage.codecs.rows import message_of, message_values
from storage.database.bulk_sql import STATEMENTS, Insert, Update, ids, pairs
from storage.messages import read_up_to as watermark
from storage.messages import split_messages as parts
from storage.messages.edits_and_reactions import Key
from storage.schema.messages import early_reports, messages
from storage.schema.types import to_micros

_update = Update(messages, ["status", "error"])
# `failed` over `delivered` would lose the better news, `sent` over `failed` the worse
_keep = Insert(
    early_reports,
    conflict="(channel, external_id) DO UPDATE SET status = excluded.status, error = excluded.error, at = excluded.at"
    " WHERE excluded.status = 'read' OR early_reports.status NOT IN ('delivered', 'read', 'failed')"
    " OR (early_reports.status = 'failed' AND excluded.status = 'delivered')",
)
_OUTBOX = {Status.FAILED: "failed"}


def apply(connection: Connection, reports: Sequence[DeliveryReported]) -> list[Message]:
    """Fold the reports into their messages, in order; the messages that moved."""
    watermarks = [report for report in reports if report.up_to is not None]
    reports = [report for report in reports if report.up_to is None]
    marked = watermark.apply(connection, watermarks)
    _settle(connection, marked, watermarks)
    return marked + (_apply(connection, reports) if reports else [])


def _apply(connection: Connection, reports: Sequence[DeliveryReported]) -> list[Message]:
    dialect = connection.dialect.name
    keys = sorted({(report.channel, report.external_id) for report in reports})
    rows = connection.execute(STATEMENTS[dialect].reported, pairs(dialect, keys)).mappings()
    before = {message.id: message for message in map(message_of, rows)}
    by_key = {(m.channel, name): m.id for m in before.values() for name in (m.external_id, m.id) if name}
    later = parts.later(connection, before)
    by_key |= {(before[one].channel, name): one for one, names in later.items() for name in names}
    after = dict(before)
    kept: dict[Key, DeliveryReported] = {}
    for report in reports:
        key = (report.channel, report.external_id)
        known = by_key.get(key)
        if known is None or known in later:
            kept[key] = _better(kept.get(key), report)
        else:
            after[known] = _advanced(after[known], report.status, report.error)
    _keep_all(connection, kept.values())
    for one, names in later.items():
        if before[one].status not in (Status.QUEUED, Status.SENDING):  # some parts have still to leave
            after[one] = _advanced(before[one], *parts.reached(connection, before[one], names))
    moved = [message for message in after.values() if message.status is not before[message.id].status]
    _update(connection, map(message_values, moved))
    _settle(connection, moved, reports)
    return moved


def _advanced(message: Message, reported: Status, error: str | None) -> Message:
    status = advance(message.status, reported)
    return message if status is message.status else replace(message, status=status, error=error)


def _better(first: DeliveryReported | None, second: DeliveryReported) -> DeliveryReported:
    if first is None:
        return second
    return second if advance(first.status, second.status) is second.status else first


def _settle(connection: Connection, moved: Iterable[Message], reports: Sequence[DeliveryReported]) -> None:
    """An `uncertain` row of the outbox blocks its conversation until now."""
    now = max((report.received_at for report in reports), default=None)
    by_state: dict[str, list[str]] = {}
    for message in moved:
        by_state.setdefault(_OUTBOX.get(message.status, "sent"), []).append(message.id)
    if now is None:
        return
    dialect = connection.dialect.name
    for state, settled in by_state.items():
        parameters = {**ids(dialect, settled), "state": state, "now": to_micros(now)}
        connection.execute(STATEMENTS[dialect].settled, parameters)


def _keep_all(connection: Connection, kept: Iterable[DeliveryReported]) -> None:
    """Of messages that are not known yet, and of those that left in parts: each part by itself."""
    rows = [
        {
            "channel": report.channel,
            "external_id": report.external_id,
            "status": report.status.value,
            "error": report.error,
            "at": report.received_at,
        }
        for report in kept
    ]
    _keep(connection, sorted(rows, key=lambda row: (row["channel"], row["external_id"])))

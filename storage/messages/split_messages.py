"""Messages that left in parts: the provider reports each part, and the message has come as far as the last of them.

What is reported of a part is kept with the reports that came early, under the part's own id.
"""

from collections.abc import Collection, Mapping

from sqlalchemy import Connection, select

from conversation.model.message import LADDER, Message, Status
from storage.schema.messages import early_reports, message_parts

_REPORTED = (Status.SENT, Status.DELIVERED, Status.READ)


def later(c: Connection, messages: Collection[str]) -> dict[str, list[str]]:
    """The provider's ids of all parts but the first, of those messages that have any."""
    if not messages:
        return {}
    row = message_parts.c
    wanted = select(row.message_id, row.external_id).where(row.message_id.in_(list(messages)))
    found: dict[str, list[str]] = {}
    for message, external_id in c.execute(wanted.order_by(row.message_id, row.external_id)):
        found.setdefault(message, []).append(external_id)
    return found


def reached(c: Connection, message: Message, others: Collection[str]) -> tuple[Status, str | None]:
    """(status, error) of the whole: failed where a part is, else what the part that is least far has reached."""
    row = early_reports.c
    ids = [message.external_id or message.id, *others]
    kept = select(row.external_id, row.status, row.error).where(
        row.channel == message.channel, row.external_id.in_(ids)
    )
    reported: Mapping[str, tuple[Status, str | None]] = {
        name: (Status(status), error) for name, status, error in c.execute(kept)
    }
    failed = next((reported[name] for name in ids if name in reported and reported[name][0] is Status.FAILED), None)
    if failed is not None:
        return failed
    first = message.status if message.status in _REPORTED else Status.SENT
    stands = [reported.get(name, (Status.SENT if place else first, None))[0] for place, name in enumerate(ids)]
    return min(stands, key=lambda one: LADDER.index(one) if one in LADDER else 0), None

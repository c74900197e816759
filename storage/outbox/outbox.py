"""What must be sent: claimed under a lease, head of a conversation only, settled by its holder.

A message waits for earlier unsettled messages of its conversation; a webhook waits for earlier calls of the same webhook about the
same conversation, so that a dead pager never holds up messages to a customer.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, TextClause, bindparam, func, or_, select, text, update
from sqlalchemy.sql.selectable import TextualSelect

from conversation.model.outbound import OutboxRow, OutboxState, WebhookCall
from conversation.ports.channel import Clock
from storage.codecs.outbox import outbox_row_of, outbox_values
from storage.database.bulk_sql import POSTGRESQL, Insert
from storage.database.lease_owners import is_predecessors
from storage.database.run import Run
from storage.outbox import webhook_calls
from storage.outbox.webhook_calls import NOT_EXPIRED
from storage.schema.delivery import outbox
from storage.schema.types import from_micros, to_micros

_UNSETTLED = ("queued", "sending", "uncertain", "parked")
_COLUMNS = ", ".join(f"outbox.{column.name}" for column in outbox.columns)
# spelled as in the partial indexes, so that both databases use them
_HEAD = (
    "NOT EXISTS (SELECT 1 FROM outbox AS e WHERE e.conversation_id = o.conversation_id AND e.id < o.id"
    " AND e.state IN ('queued', 'sending', 'uncertain', 'parked') AND e.effect = o.effect"
    " AND (e.effect = 'message' OR e.target = o.target))"
)
_TAKE = (
    "UPDATE outbox SET state = 'sending', attempts = attempts + 1, epoch = epoch + 1,"
    " lease_owner = :owner, lease_until = :until"
)
_OF_TARGET = (
    f"SELECT o.id, o.at FROM outbox AS o WHERE o.state = 'queued' AND o.at <= :now AND {NOT_EXPIRED} AND {_HEAD}"
)
_CLAIM: Mapping[str, TextualSelect] = {
    POSTGRESQL: text(
        "WITH due AS MATERIALIZED (SELECT d.id FROM unnest(CAST(:targets AS text[])) AS t (name) CROSS JOIN LATERAL ("
        f"{_OF_TARGET} AND o.target = t.name ORDER BY o.at, o.id LIMIT :share FOR UPDATE OF o SKIP LOCKED) AS d)"
        f" {_TAKE} FROM due WHERE outbox.id = due.id RETURNING {_COLUMNS}"
    ).columns(*outbox.columns),
    "sqlite": text(
        f"{_TAKE} WHERE id IN (SELECT d.id FROM ({_OF_TARGET} AND o.target = :target"
        f" ORDER BY o.at, o.id LIMIT :share) AS d) RETURNING {_COLUMNS}"
    ).columns(*outbox.columns),
}
_NEXT: TextClause = text(
    f"SELECT o.at FROM outbox AS o WHERE o.state = 'queued' AND o.target = :target AND {NOT_EXPIRED} AND {_HEAD}"
    " ORDER BY o.at, o.id LIMIT 1"
)

_insert = Insert(outbox)


def _claim(
    connection: Connection, owner: str, targets: Sequence[str], *, share: int, now: datetime, until: datetime
) -> list[OutboxRow]:
    statement = _CLAIM[connection.dialect.name]
    lease = {"owner": owner, "now": to_micros(now), "until": to_micros(until), "share": share}
    # on SQLite there is one writer: a loop is as good as a join
    named = [{"targets": list(targets)}] if connection.dialect.name == POSTGRESQL else [{"target": t} for t in targets]
    found = [row for one in named for row in connection.execute(statement, {**lease, **one}).mappings()]
    return sorted(map(outbox_row_of, found), key=lambda row: row.id)


def _stranded(connection: Connection, now: datetime, limit: int, owner: str) -> list[OutboxRow]:
    over = or_(outbox.c.lease_until < now, is_predecessors(outbox.c.lease_owner, owner))
    lost = select(outbox).where(outbox.c.state == "sending", over)
    locked = lost.order_by(outbox.c.lease_until).limit(limit).with_for_update(skip_locked=True)
    return [outbox_row_of(row) for row in connection.execute(locked).mappings()]


def _renew(connection: Connection, owner: str, until: datetime) -> set[str]:
    mine = (outbox.c.state == "sending", outbox.c.lease_owner == owner)
    kept = update(outbox).where(*mine).values(lease_until=until).returning(outbox.c.id)
    return set(connection.execute(kept).scalars())


def _finish(connection: Connection, row: OutboxRow, values: Mapping[str, Any]) -> bool:
    mine = (outbox.c.id == row.id, outbox.c.epoch == row.epoch, outbox.c.state == "sending")
    return connection.execute(update(outbox).where(*mine).values(**values)).rowcount == 1


_RESOLVE = text(
    "UPDATE outbox SET state = :state, epoch = epoch + 1, finished_at = :now"
    " WHERE message_id = :message AND state IN ('uncertain', 'failed', 'parked')"
)
# a second try gets the time that the first one had
_RETRY = text(
    "UPDATE outbox SET state = 'queued', epoch = epoch + 1, finished_at = NULL, at = :now, attempts = 0,"
    " give_up_at = give_up_at - created_at + :now"
    " WHERE message_id = :message AND state IN ('uncertain', 'failed', 'parked')"
)


def _resolve(connection: Connection, message: str, state: OutboxState, now: datetime) -> bool:
    parameters: dict[str, Any] = {"message": message, "now": to_micros(now)}
    if state is OutboxState.QUEUED:
        return connection.execute(_RETRY, parameters).rowcount > 0
    return connection.execute(_RESOLVE, {**parameters, "state": state.value}).rowcount > 0


_ABANDON = (
    text(
        "UPDATE outbox SET state = 'failed', epoch = epoch + 1, error = :error, finished_at = :now"
        " WHERE id IN (SELECT o.id FROM outbox AS o WHERE o.state = 'queued' AND o.effect = 'message'"
        f" AND o.give_up_at < :late AND o.target NOT IN :served ORDER BY o.id LIMIT :limit) AND state = 'queued' RETURNING {_COLUMNS}"
    )
    .bindparams(bindparam("served", expanding=True))
    .columns(*outbox.columns)
)


def _abandon(
    c: Connection, served: Sequence[str], error: str, *, late: datetime, now: datetime, limit: int
) -> list[OutboxRow]:
    names = {"served": list(served), "error": error, "limit": limit}
    found = c.execute(_ABANDON, {**names, "late": to_micros(late), "now": to_micros(now)})
    return [outbox_row_of(row) for row in found.mappings()]


_HOLD = text(
    "UPDATE outbox SET state = 'uncertain', epoch = epoch + 1, error = :error, finished_at = :now, lease_owner = NULL, lease_until = NULL"
    " WHERE id IN (SELECT o.id FROM outbox AS o WHERE o.state IN ('queued', 'sending') AND o.effect = 'message'"
    f" ORDER BY o.id LIMIT :limit) RETURNING {_COLUMNS}"
).columns(*outbox.columns)


def _hold(c: Connection, error: str, now: datetime, limit: int) -> list[OutboxRow]:
    held = c.execute(_HOLD, {"error": error, "now": to_micros(now), "limit": limit}).mappings()
    return sorted(map(outbox_row_of, held), key=lambda row: row.id)


def _next_due(connection: Connection, targets: Sequence[str], now: datetime) -> int | None:
    found = (connection.execute(_NEXT, {"target": target, "now": to_micros(now)}).scalar() for target in targets)
    return min((int(at) for at in found if at is not None), default=None)


def _counts(connection: Connection) -> dict[str, int]:
    wanted = select(outbox.c.state, func.count()).where(text(f"state IN {_UNSETTLED}")).group_by(outbox.c.state)
    return dict.fromkeys(_UNSETTLED, 0) | {row[0]: int(row[1]) for row in connection.execute(wanted)}


class Outbox:
    """The port `Outbox`."""

    def __init__(self, run: Run, dialect: str, clock: Clock) -> None:  # noqa: ARG002 every repository is made alike
        self._run = run
        self._clock = clock

    async def add(self, row: OutboxRow, *, at: datetime) -> None:
        """In the same transaction as the fact that causes it."""
        await self._run(lambda c: _insert(c, [outbox_values(row, at=at)]))

    async def claim(
        self, owner: str, *, targets: Sequence[str], limit: int, now: datetime, lease: timedelta
    ) -> list[OutboxRow]:
        """Due heads become `sending` under a lease, oldest first; every target gets its share of `limit`."""
        if not targets:
            return []
        share = max(1, limit // len(targets))
        return await self._run(lambda c: _claim(c, owner, targets, share=share, now=now, until=now + lease))

    async def renew(self, owner: str, *, until: datetime) -> set[str]:
        """Everything this owner is sending stays claimed until then; the ids of these rows."""
        return await self._run(lambda c: _renew(c, owner, until))

    async def stranded(self, now: datetime, limit: int, *, owner: str = "") -> list[OutboxRow]:
        """Rows still `sending` whose holder is dead or cannot renew, locked; settle them with `finish` in this transaction."""
        return await self._run(lambda c: _stranded(c, now, limit, owner))

    async def finish(
        self,
        row: OutboxRow,
        state: OutboxState,
        *,
        error: str | None = None,
        retry_at: datetime | None = None,
        sent: tuple[str, ...] = (),
    ) -> bool:
        """Settle a claimed row, only if its epoch is still the holder's. `queued` with `again_at` means: try again."""
        now = self._clock.now()
        retried = state is OutboxState.QUEUED
        values: dict[str, Any] = {
            "state": state.value,
            "error": error,
            "lease_owner": None,
            "lease_until": None,
            "finished_at": None if retried else now,
        }
        values |= {"at": retry_at or now} if retried else {}
        values |= {"sent": list(sent)} if sent else {}
        return await self._run(lambda c: _finish(c, row, values))

    async def resolve(self, message: str, state: OutboxState, *, now: datetime) -> bool:
        """A person settles an `uncertain`, `failed` or `parked` row: `sent`, `failed`, or `queued` to try again."""
        return await self._run(lambda c: _resolve(c, message, state, now))

    async def abandon(self, served: Sequence[str], *, error: str, now: datetime, limit: int) -> list[OutboxRow]:
        """Messages past their deadline whose channel is none of these become `failed`; which they were."""
        at = self._clock.now()
        return await self._run(lambda c: _abandon(c, served, error, late=now, now=at, limit=limit))

    async def hold(self, *, error: str, now: datetime, limit: int) -> list[OutboxRow]:
        """Messages that wait to leave, or were being sent, become `uncertain`: these rows, oldest first. Calls of webhooks stay."""
        return await self._run(lambda c: _hold(c, error, now, limit))

    async def next_due(self, targets: Sequence[str]) -> datetime | None:
        """When the next head becomes due."""
        due = await self._run(lambda c: _next_due(c, targets, self._clock.now()))
        return None if due is None else from_micros(due)

    async def unacknowledged(self, limit: int) -> list[WebhookCall]:
        """Calls of webhooks that are on their way, oldest first."""
        return await self._run(lambda c: webhook_calls.unacknowledged(c, limit))

    async def failed_calls(self, since: datetime, limit: int) -> list[WebhookCall]:
        """Calls of webhooks made since then that came to nothing, newest first."""
        return await self._run(lambda c: webhook_calls.failed(c, since, limit))

    async def expired_calls(self, now: datetime, limit: int) -> list[WebhookCall]:
        """Calls that waited too long: `claim` gives them to nobody. Not locked."""
        return await self._run(lambda c: webhook_calls.expired(c, now, limit))

    async def unserved_calls(self, served: Sequence[str], before: datetime, limit: int) -> list[WebhookCall]:
        """Calls queued since before then of which none of these is the webhook, and nothing is said about it. Not locked."""
        return await self._run(lambda c: webhook_calls.unserved(c, served, before, limit))

    async def note_call(self, call: WebhookCall, error: str) -> bool:
        """Say why it waits; False where it moved meanwhile."""
        return await self._run(lambda c: webhook_calls.note(c, call, error))

    async def give_up_call(self, call: WebhookCall, error: str) -> bool:
        """It becomes `failed`; False where it moved meanwhile."""
        now = self._clock.now()
        return await self._run(lambda c: webhook_calls.give_up(c, call, error, now))

    async def counts(self) -> dict[str, int]:
        """How many rows are not settled yet, by state. Settled ones are history: nobody counts millions for a gauge."""
        return await self._run(_counts)

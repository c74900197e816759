"""One holder at a time, for what only one node may do."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, ColumnElement, Connection, and_, case, delete, func, literal, or_, select, update

from storage.database.lease_owners import is_predecessors
from storage.database.run import Run
from storage.database.upsert import Now, insert_into, instant, span_micros
from storage.schema.events import leases
from storage.schema.types import EPOCH


def _take(c: Connection, dialect: str, now: Now | None, *, name: str, owner: str, span: timedelta) -> int | None:
    """One statement: the row is locked by the very thing that reads it. The epoch grows with every new holder."""
    at = instant(dialect, now)
    row = leases.c
    new = insert_into(dialect, leases).values(name=name, owner=owner, until=at + span_micros(span), epoch=1)
    held = and_(row.owner == new.excluded.owner, row.until > at)
    taken = new.on_conflict_do_update(
        index_elements=["name"],
        set_={
            "owner": new.excluded.owner,
            "until": new.excluded.until,
            "epoch": case((held, row.epoch), else_=row.epoch + 1),
        },
        where=or_(row.owner == new.excluded.owner, row.until <= at, is_predecessors(row.owner, owner)),
    )
    epoch = c.execute(taken.returning(row.epoch)).scalar()
    return None if epoch is None else int(epoch)


def _begins_with(prefix: str) -> ColumnElement[bool]:
    return func.substr(leases.c.name, 1, len(prefix)) == prefix


def _living(c: Connection, at: ColumnElement[int], prefix: str) -> dict[str, datetime]:
    row = leases.c
    found = c.execute(select(row.name, row.until).where(_begins_with(prefix), row.until > at))
    return {row[0]: row[1] for row in found}


def _forget(c: Connection, at: ColumnElement[int], prefix: str, age: timedelta) -> None:
    old = leases.c.until < at - literal(span_micros(age), BigInteger)
    c.execute(delete(leases).where(_begins_with(prefix), old))


def _release(c: Connection, name: str, owner: str) -> None:
    # the row stays, so that the epoch never starts again
    c.execute(update(leases).where(leases.c.name == name, leases.c.owner == owner).values(until=EPOCH))


class Leases:
    """The port `Leases` of `conversation.ports.storage`. Without `now` the time is the database's."""

    def __init__(self, run: Run, dialect: str, now: Now | None = None) -> None:
        self._run = run
        self._dialect = dialect
        self._now = now

    async def take(self, name: str, owner: str, span: timedelta) -> int | None:
        """Take or renew: the epoch, or None where somebody else holds it.

        A lease that ran out, or that a dead process of the same node held, comes with a new epoch.
        """
        return await self._run(lambda c: _take(c, self._dialect, self._now, name=name, owner=owner, span=span))

    async def release(self, name: str, owner: str) -> None:
        """Give it back early; harmless for who does not hold it."""
        await self._run(lambda c: _release(c, name, owner))

    async def living(self, prefix: str) -> Mapping[str, datetime]:
        """Leases of names that begin so and have not run out: until when each lasts."""
        return await self._run(lambda c: _living(c, instant(self._dialect, self._now), prefix))

    async def forget(self, prefix: str, age: timedelta) -> None:
        """Remove leases of names that begin so and ran out longer ago than this; their epochs begin anew."""
        await self._run(lambda c: _forget(c, instant(self._dialect, self._now), prefix, age))

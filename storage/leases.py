"""One holder at a time, for what only one node may do."""

from datetime import timedelta

from sqlalchemy import Connection, and_, case, or_, update

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

"""What agents said and nobody has read yet: it goes by mail when its time comes."""

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, delete, func, select, update

from conversation.ports.storage.follow_ups import Awaited
from storage.database.run import Run
from storage.database.upsert import insert_into
from storage.schema.delivery import follow_ups

_row = follow_ups.c


def _named(conversation: str, identity: str) -> ColumnElement[bool]:
    return and_(_row.conversation_id == conversation, _row.identity_id == identity)


def _schedule(c: Connection, dialect: str, conversation: str, identity: str, at: datetime) -> None:
    new = insert_into(dialect, follow_ups).values(conversation_id=conversation, identity_id=identity, at=at)
    stands = func.coalesce(_row.at, new.excluded.at)
    c.execute(new.on_conflict_do_update(index_elements=["conversation_id", "identity_id"], set_={"at": stands}))


def _postpone(c: Connection, identity: str, to: datetime) -> None:
    c.execute(update(follow_ups).where(_row.identity_id == identity, _row.at < to).values(at=to))


def _due(c: Connection, now: datetime, limit: int) -> list[Awaited]:
    wanted = select(follow_ups).where(_row.at <= now).order_by(_row.at).limit(limit)
    return [Awaited(conversation=r[0], identity=r[1], at=r[2], mailed=r[3]) for r in c.execute(wanted)]


def _take(c: Connection, conversation: str, identity: str, now: datetime) -> Awaited | None:
    wanted = select(follow_ups).where(_named(conversation, identity), _row.at <= now).with_for_update()
    found = c.execute(wanted).first()
    return None if found is None else Awaited(conversation=found[0], identity=found[1], at=found[2], mailed=found[3])


def _settle(c: Connection, conversation: str, identity: str, mailed: int) -> None:
    """A row with nothing to remember is not kept."""
    if mailed:
        c.execute(update(follow_ups).where(_named(conversation, identity)).values(at=None, mailed=mailed))
    else:
        c.execute(delete(follow_ups).where(_named(conversation, identity)))


class FollowUps:
    """The port `FollowUps` of `conversation.ports.storage`."""

    def __init__(self, run: Run, dialect: str) -> None:
        self._run = run
        self._dialect = dialect

    async def schedule(self, conversation: str, identity: str, *, at: datetime) -> None:
        """Wait until then; where something waits already, its time stands."""
        await self._run(lambda c: _schedule(c, self._dialect, conversation, identity, at))

    async def postpone(self, identity: str, *, to: datetime) -> None:
        """Nothing of this identity is due before then."""
        await self._run(lambda c: _postpone(c, identity, to))

    async def due(self, now: datetime, limit: int) -> list[Awaited]:
        """Whose time has come, oldest first; not locked."""
        return await self._run(lambda c: _due(c, now, limit))

    async def take(self, conversation: str, identity: str, *, now: datetime) -> Awaited | None:
        """Locked, if it is still due; to be taken under the conversation's lock."""
        return await self._run(lambda c: _take(c, conversation, identity, now))

    async def settle(self, conversation: str, identity: str, *, mailed: int) -> None:
        """Nothing waits any more; up to there it was mailed."""
        await self._run(lambda c: _settle(c, conversation, identity, mailed))

"""Revisions of the rules, one of them active, and the audit of who changed what."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, insert, select, text, update

from conversation.id_generator import new_id
from conversation.ports.storage.rulebooks import ACTIVATED, Revision
from storage.codecs.rows import revision_of
from storage.database.run import Run
from storage.schema.events import audit
from storage.schema.rules import rulebooks


def _one(c: Connection, condition: ColumnElement[bool]) -> Revision | None:
    row = c.execute(select(rulebooks).where(condition)).mappings().first()
    return None if row is None else revision_of(row)


def _active(c: Connection, *, for_change: bool = False) -> Revision | None:
    if for_change:
        _one_by_one(c)
    return _one(c, rulebooks.c.active)


def _one_by_one(c: Connection) -> None:
    if c.dialect.name == "postgresql":  # nodes that start at once come one after the other; readers are not held up
        c.execute(text("LOCK TABLE rulebooks IN SHARE ROW EXCLUSIVE MODE"))


def _before(c: Connection, revision: str) -> str | None:
    made = select(audit.c.data).where(audit.c.action == ACTIVATED, audit.c.subject == revision)
    data = c.execute(made.order_by(audit.c.id.desc()).limit(1)).scalar()
    before = data.get("before") if isinstance(data, dict) else None
    return before if isinstance(before, str) else None


def _activate(c: Connection, new: Revision, *, only_if_new: bool) -> Revision:
    _one_by_one(c)
    seen = _one(c, rulebooks.c.digest == new.digest)
    active = _active(c)
    if active is not None and (active.digest == new.digest or (only_if_new and seen is not None)):
        return active
    row = rulebooks.c
    c.execute(update(rulebooks).where(row.active).values(active=False))
    if seen is not None:
        c.execute(update(rulebooks).where(row.id == seen.id).values(active=True))
        return replace(seen, active=True)
    fresh = {"id": new.id, "digest": new.digest, "source": new.source, "author": new.author, "at": new.at}
    c.execute(insert(rulebooks).values(active=True, **fresh))
    return new


class Rulebooks:
    """The port `Rulebooks` of `conversation.ports.storage`."""

    def __init__(self, run: Run, dialect: str) -> None:
        self._run = run
        self._dialect = dialect

    async def active(self, *, for_change: bool = False) -> Revision | None:
        """The revision in force. `for_change`: nobody else activates one before this transaction ends."""
        return await self._run(lambda c: _active(c, for_change=for_change))

    async def before(self, revision: str) -> str | None:
        """The revision that was in force when this one was last activated, as the audit has it; None where that is unknown."""
        return await self._run(lambda c: _before(c, revision))

    async def activate(self, *, digest: str, source: str, author: str, now: datetime, only_if_new: bool) -> Revision:
        """Make this the one in force, reusing the row of a digest seen before; the revision in force afterwards.

        With `only_if_new` a digest seen before changes nothing, unless there is no active revision at all.
        """
        new = Revision(id=new_id(), digest=digest, source=source, author=author, at=now, active=True)
        return await self._run(lambda c: _activate(c, new, only_if_new=only_if_new))

    async def is_known(self, digest: str) -> bool:
        """Whether rules of this digest were ever in force."""
        return await self._run(lambda c: _one(c, rulebooks.c.digest == digest) is not None)

    async def get(self, revision: str) -> Revision | None:
        """By id."""
        return await self._run(lambda c: _one(c, rulebooks.c.id == revision))

    async def newest(self, limit: int) -> list[Revision]:
        """All that were ever in force, newest first."""
        listed = select(rulebooks).order_by(rulebooks.c.at.desc(), rulebooks.c.id.desc()).limit(limit)
        return await self._run(lambda c: [revision_of(row) for row in c.execute(listed).mappings()])

    async def audit(self, *, actor: str, action: str, subject: str, data: Mapping[str, object], now: datetime) -> None:
        """One line of who did what."""
        row = {"id": new_id(), "at": now, "actor": actor, "action": action, "subject": subject, "data": dict(data)}
        await self._run(lambda c: c.execute(insert(audit).values(row)))

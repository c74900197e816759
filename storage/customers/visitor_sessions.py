"""Visitors' sessions, by the hash of their token."""

from datetime import datetime

from sqlalchemy import Connection, insert, select

from conversation.ports.storage.visitor_sessions import StoredSession
from storage.codecs.rows import session_of
from storage.database.run import Run
from storage.schema.customers import visitor_sessions


def _add(c: Connection, session: StoredSession, digest: str, now: datetime) -> None:
    row = {
        "digest": digest,
        "id": session.id,
        "channel": session.channel,
        "identity_id": session.identity,
        "language": session.language,
        "claims": dict(session.claims),
        "until": session.until,
        "created_at": now,
    }
    c.execute(insert(visitor_sessions).values(row))


def _find(c: Connection, channel: str, digest: str, now: datetime) -> StoredSession | None:
    row = visitor_sessions.c
    living = select(visitor_sessions).where(row.digest == digest, row.channel == channel, row.until > now)
    found = c.execute(living).mappings().first()
    return None if found is None else session_of(found)


class VisitorSessions:
    """The port `VisitorSessions` of `conversation.ports.storage`."""

    def __init__(self, run: Run, dialect: str) -> None:
        self._run = run
        self._dialect = dialect

    async def add(self, session: StoredSession, *, digest: str, now: datetime) -> None:
        """A new session."""
        await self._run(lambda c: _add(c, session, digest, now))

    async def find(self, channel: str, digest: str, *, now: datetime) -> StoredSession | None:
        """A living one, on that channel only."""
        return await self._run(lambda c: _find(c, channel, digest, now))

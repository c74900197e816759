"""Where mailboxes and pollers have read to."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from conversation.ports.channel import Clock
from storage.database.bulk_sql import Insert
from storage.database.run import Run
from storage.schema.intake import cursors

_upsert = Insert(cursors, conflict="(channel) DO UPDATE SET cursor = excluded.cursor, at = excluded.at")

_insert = Insert(cursors, conflict="(channel) DO NOTHING")


def write_cursors(connection: Connection, read: Mapping[str, Mapping[str, object]], now: datetime) -> None:
    """Set several at once, in order of channel."""
    _upsert(connection, ({"channel": channel, "cursor": dict(read[channel]), "at": now} for channel in sorted(read)))


def _get(connection: Connection, channel: str) -> dict[str, Any] | None:
    return connection.execute(select(cursors.c.cursor).where(cursors.c.channel == channel)).scalar()


class Cursors:
    """The port `Cursors`."""

    def __init__(self, run: Run, dialect: str, clock: Clock) -> None:  # noqa: ARG002 every repository is made alike
        self._run = run
        self._clock = clock

    async def get(self, channel: str) -> Mapping[str, object] | None:
        """The cursor last committed."""
        return await self._run(lambda c: _get(c, channel))

    async def first(self, channel: str, cursor: Mapping[str, object]) -> Mapping[str, object]:
        """What is kept under this name: `cursor` where nothing was, whoever else writes at the same time."""
        now = self._clock.now()
        await self._run(lambda c: _insert(c, [{"channel": channel, "cursor": dict(cursor), "at": now}]))
        return await self.get(channel) or cursor

    async def set(self, channel: str, cursor: Mapping[str, object]) -> None:
        """In the same transaction as what was read."""
        now = self._clock.now()
        await self._run(lambda c: write_cursors(c, {channel: cursor}, now))

"""Hints over LISTEN and NOTIFY, on a connection of their own: one NOTIFY for each flush, not for each transaction."""

import asyncio
from collections.abc import Callable

import asyncpg

from storage.database.postgresql import asyncpg_url
from storage.database.sessions import LISTENING, direct
from storage.signals.relay import Connect, Link

_CHANNEL = "huntgroup_hints"
_TIMEOUT = 5.0


class _Notify:
    """A link over one connection of asyncpg."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self.lost = asyncio.Event()
        connection.add_termination_listener(lambda _connection: self.lost.set())

    async def send(self, payload: str) -> None:
        await self._connection.execute("SELECT pg_notify($1, $2)", _CHANNEL, payload, timeout=_TIMEOUT)

    async def close(self) -> None:
        self._connection.terminate()


def over_postgresql(database: str) -> Connect:
    """How to connect to the other nodes through the database they share."""
    dsn = asyncpg_url(database).set(drivername="postgresql").render_as_string(hide_password=False)

    async def connect(heard: Callable[[str], None]) -> Link:
        connection = await direct({"application_name": LISTENING})(dsn, timeout=_TIMEOUT)
        try:
            await connection.add_listener(_CHANNEL, lambda _connection, _pid, _channel, payload: heard(str(payload)))
        except BaseException:
            connection.terminate()
            raise
        return _Notify(connection)

    return connect

"""Sessions on PostgreSQL: on the server itself, or through a connection pooler whose transactions share the server's sessions."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

import asyncpg

from conversation.errors import StoreUnavailable
from storage.database.driver_errors import POOLER_IS_FULL

POOLED, LISTENING = "huntgroup", "huntgroup hints"  # what sessions call themselves in pg_stat_activity
Connect = Callable[..., Awaitable[asyncpg.Connection]]
_MARK = "enable_seqscan"  # set on every direct session; no server has it off by itself: where it is on, what we asked for did not arrive
_POOLER = (
    "a connection pooler answers at this address: keep it as `database`, and name the server itself as `database_direct`"
    " in [service]"
)
_FORGETFUL = (
    "the pooler keeps no prepared statements (PgBouncer before 1.21, or max_prepared_statements = 0):"
    " write prepared_statements = false in [service]"
)


class _PooledSession(asyncpg.Connection):  # type: ignore[misc]  # the driver has no types
    """Each transaction may run in another session of the server: what ours needs is set with each BEGIN, for that transaction only."""

    __slots__ = ()
    for_transaction = ""

    async def execute(self, query: str, *args: Any, timeout: float | None = None) -> str:
        """In one message with BEGIN: it costs no round trip, and the pooler sends both to one session."""
        more = self.for_transaction if query.startswith("BEGIN") else ""
        return cast("str", await super().execute(query + more, *args, timeout=timeout))


def direct(settings: Mapping[str, str]) -> Connect:
    """How to connect to the server itself. A pooler is refused, in words: it would drop our settings, and every LISTEN."""

    async def connect(*args: Any, **more: Any) -> asyncpg.Connection:
        try:
            connection = await asyncpg.connect(*args, server_settings={**settings, _MARK: "off"}, **more)
        except asyncpg.ProtocolViolationError as error:
            if any(words in str(error) for words in POOLER_IS_FULL):
                raise
            raise StoreUnavailable(_POOLER) from error
        return await _checked(connection, _must_be_direct)

    return connect


def pooled(settings: Mapping[str, str], *, name: str, prepared_statements: bool) -> Connect:
    """How to connect to a pooler in transaction mode, which knows no settings of a session but `application_name`."""
    sets = "".join(f" SET LOCAL {key} = '{value}';" for key, value in settings.items())
    session = type("PooledSession", (_PooledSession,), {"__slots__": (), "for_transaction": sets})

    async def connect(*args: Any, **more: Any) -> asyncpg.Connection:
        settings = {"application_name": name}
        connection = await asyncpg.connect(*args, server_settings=settings, connection_class=session, **more)
        return await _checked(connection, _must_keep_statements) if prepared_statements else connection

    return connect


async def _checked(
    connection: asyncpg.Connection, check: Callable[[asyncpg.Connection], Awaitable[None]]
) -> asyncpg.Connection:
    try:
        await check(connection)
    except BaseException:
        connection.terminate()  # nobody else would close it
        raise
    return connection


async def _must_be_direct(connection: asyncpg.Connection) -> None:
    if await connection.fetchval(f"SELECT current_setting('{_MARK}')") != "off":
        raise StoreUnavailable(_POOLER)


async def _must_keep_statements(connection: asyncpg.Connection) -> None:
    """A pooler that keeps them gives them names of its own; else ours stands in a session that the next transaction may not get."""
    name = f"huntgroup_{connection.get_server_pid()}"
    async with connection.transaction():
        statement = await connection.prepare("SELECT count(*) FROM pg_prepared_statements WHERE name = $1", name=name)
        if await statement.fetchval(name):
            raise StoreUnavailable(_FORGETFUL)

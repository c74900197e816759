"""PostgreSQL: asyncpg under SQLAlchemy's greenlet, a pool, and time-outs on everything."""

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, event, make_url
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool, QueuePool

from storage.database.bulk_sql import from_json
from storage.database.driver_errors import connecting, is_read_only, translated
from storage.database.pool_settings import PoolSettings
from storage.database.sessions import POOLED, Connect, direct, pooled
from storage.database.transactions import WRITE_PROBE, Last, to_the_end

T = TypeVar("T")
_COMMAND = 20.0
_LEAVE_ALL_EVERY = 1.0  # seconds
_MIGRATIONS_WAIT = "3s"  # for a lock: others queue behind whoever waits for one
# where the pooler keeps none, each statement is prepared without a name, in the transaction that uses it
_STATEMENTS = {
    True: {"prepared_statement_cache_size": 500},
    False: {"prepared_statement_cache_size": 0, "statement_cache_size": 0},
}
_OF_DRIVER = ("command_timeout", "prepared_statement_cache_size", "statement_cache_size")
_SETTINGS = {
    "application_name": POOLED,
    "statement_timeout": "15s",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "60s",
    # a plan made while the tables were small is kept for long: one that reads a whole table must not be among them
    "enable_seqscan": "off",
    "random_page_cost": "1.1",
    "jit": "off",  # short statements only: compiling them costs more than it saves
    "client_min_messages": "warning",
}


def asyncpg_url(url: str) -> URL:
    """The same address for SQLAlchemy's asyncpg; a socket folder in `?host=` wins over the host."""
    made = make_url(url).set(drivername="postgresql+asyncpg")
    return made.set(host=None) if "host" in made.query else made


def make_engine(url: str, *, durable: bool = True, pool: PoolSettings | None = None) -> AsyncEngine:
    """An engine with a pool; without one, to the server itself."""
    settings = _SETTINGS if durable else {**_SETTINGS, "synchronous_commit": "off"}
    if pool is None:
        return _engine(url, direct(settings), poolclass=NullPool, command_timeout=_COMMAND)
    engine = _engine(
        url,
        _connect(settings, pool),
        pool_size=pool.size,
        max_overflow=pool.overflow,
        pool_timeout=pool.wait,
        pool_use_lifo=True,
        command_timeout=_COMMAND,
        **_STATEMENTS[pool.prepared_statements],
    )
    event.listen(engine.sync_engine, "handle_error", _LeavesReadOnlyServers())
    return engine


def make_migration_engine(url: str) -> AsyncEngine:
    """For migrations: no pool, and no time-out of a statement, for an index of a large table takes minutes."""
    settings = {**_SETTINGS, "application_name": "huntgroup migrate", "statement_timeout": "0"}
    settings |= {"idle_in_transaction_session_timeout": "0", "lock_timeout": _MIGRATIONS_WAIT}
    return _engine(url, direct(settings), poolclass=NullPool)


def _connect(settings: Mapping[str, str], pool: PoolSettings) -> Connect:
    if not pool.pooler:
        return direct(settings)
    kept = {key: value for key, value in settings.items() if key != "application_name"}
    return pooled(kept, name=POOLED, prepared_statements=pool.prepared_statements)


def _engine(url: str, connect: Connect, **more: Any) -> AsyncEngine:
    of_driver = {key: more.pop(key) for key in _OF_DRIVER if key in more}
    return create_async_engine(
        asyncpg_url(url),
        json_deserializer=from_json,
        connect_args={"async_creator_fn": connect, "timeout": 10.0, **of_driver},
        **more,
    )


class _LeavesReadOnlyServers:
    """After a failover an old connection stays with the old server, or with the setting it began with: it would refuse writes for ever."""

    def __init__(self) -> None:
        self._left_all_at = -_LEAVE_ALL_EVERY

    def __call__(self, context: ExceptionContext) -> None:
        """Let go of the connection, and now and then of all: the others are as old. Not always, for readers go on meanwhile."""
        if not is_read_only(context.original_exception):
            return
        now = time.monotonic()
        context.is_disconnect = True
        context.invalidate_pool_on_disconnect = now - self._left_all_at >= _LEAVE_ALL_EVERY
        if context.invalidate_pool_on_disconnect:
            self._left_all_at = now


class _OnConnection:
    """A transaction on one connection."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def run(self, verb: Callable[[Connection], T], /) -> T:
        with translated():
            return await self._connection.run_sync(verb)

    async def commit(self, last: Last | None) -> None:
        with translated():
            if last is not None:
                await self._connection.run_sync(last)
            await self._connection.commit()


class PostgresDatabase:
    """A server shared by any number of nodes."""

    dialect = "postgresql"

    def __init__(self, url: str, *, durable: bool, pool: PoolSettings) -> None:
        self._pool = pool
        self._engine = make_engine(url, durable=durable, pool=pool)
        self._reader = self._engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        self._single = self._engine.execution_options(isolation_level="AUTOCOMMIT")

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[_OnConnection]:
        """READ COMMITTED: row locks and constraints do the work."""
        async with self._on(self._engine) as transaction:
            yield transaction

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[_OnConnection]:
        """One snapshot for all statements, as on SQLite."""
        async with self._on(self._reader) as transaction:
            yield transaction

    async def check_writable(self) -> None:
        """One statement that commits itself: a node that freezes half-way holds no lock that the others' checks wait for."""
        async with self._connected(self._single) as connection:
            with translated():
                await connection.execute(WRITE_PROBE)

    def connections(self) -> Mapping[str, int]:
        """Of the pool; never a question to the server."""
        pool = self._engine.sync_engine.pool
        if not isinstance(pool, QueuePool):
            return {}
        used, idle = pool.checkedout(), pool.checkedin()
        return {"used": used, "idle": idle, "free": max(0, self._pool.most - used - idle)}

    @asynccontextmanager
    async def _on(self, engine: AsyncEngine) -> AsyncIterator[_OnConnection]:
        async with self._connected(engine) as connection:
            yield _OnConnection(connection)

    @asynccontextmanager
    async def _connected(self, engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
        with connecting():
            connection = await engine.connect()
        try:
            yield connection
        finally:
            with translated():  # the connection may have been lost meanwhile
                await to_the_end(connection.close())  # rolls back what was not committed

    async def close(self) -> None:
        """Close the pool."""
        await to_the_end(self._engine.dispose())

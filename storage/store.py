"""Opening the database: transactions for readers and writers, each with its unit of work."""

import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

from sqlalchemy import text

from conversation.errors import StoreUnavailable
from conversation.ports.channel import Clock, Signals
from storage.agents.agent_cache import Roster
from storage.database import postgresql, sqlite
from storage.database.outage_log import Outages
from storage.database.pool_settings import PoolSettings
from storage.database.server_clock import ServerTime, server_time
from storage.database.transactions import Database, Transaction, to_the_end
from storage.migration import schema_state
from storage.schema_window import SchemaState
from storage.unit_of_work import StoreWork

log = logging.getLogger(__name__)
Observe = Callable[[str, float, str], None]  # purpose, seconds, "committed", "rolled_back" or "read"


def _unobserved(_purpose: str, _seconds: float, _outcome: str) -> None:
    """Nobody measures."""


class Store:
    """The port `Storage`. A task must not begin a second transaction inside its first one: on SQLite it would wait for itself."""

    def __init__(self, database: Database, *, clock: Clock, signals: Signals, observe: Observe) -> None:
        self._database = database
        self._clock = clock
        self._signals = signals
        self._observe = observe
        self._outages = Outages(clock)
        self._roster = Roster(clock)

    @property
    def is_shared(self) -> bool:
        """Whether other nodes may serve the same database."""
        return self.dialect == "postgresql"

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._database.dialect

    @asynccontextmanager
    async def begin(self, purpose: str) -> AsyncIterator[StoreWork]:
        """A transaction that writes: leaving it commits, an exception or a cancellation rolls it back."""
        started, outcome = self._clock.monotonic(), "rolled_back"
        try:
            async with self._database.writing() as transaction:
                work = StoreWork(transaction.run, self._database.dialect, self._clock, self._roster)
                yield work
                await to_the_end(self._commit(transaction, work))
                outcome = "committed"
        except StoreUnavailable as error:
            self._outages.note(purpose, error)
            raise
        finally:
            self._observe(purpose, self._clock.monotonic() - started, outcome)

    @asynccontextmanager
    async def read(self, purpose: str) -> AsyncIterator[StoreWork]:
        """A transaction that only reads, one snapshot, and does not wait for writers."""
        started = self._clock.monotonic()
        try:
            async with self._database.reading() as transaction:
                yield StoreWork(transaction.run, self._database.dialect, self._clock, self._roster)
        except StoreUnavailable as error:
            self._outages.note(purpose, error)
            raise
        finally:
            self._observe(purpose, self._clock.monotonic() - started, "read")

    async def _commit(self, transaction: Transaction, work: StoreWork) -> None:
        await transaction.commit(work.last_statements())
        work.committed(self._signals)

    async def ping(self) -> None:
        """Return when the database answers; raises `StoreUnavailable`."""
        async with self._database.reading() as transaction:
            await transaction.run(lambda connection: connection.execute(text("SELECT 1")).scalar())

    async def check_writable(self) -> None:
        """Return when one row was written and committed; raises `StoreUnavailable`, whose `reason` says what failed."""
        try:
            await self._database.check_writable()
        except StoreUnavailable as error:
            self._outages.note("check_writable", error)
            raise

    async def server_time(self) -> ServerTime | None:
        """What the clock of PostgreSQL shows; None on SQLite, which has this machine's. Raises `StoreUnavailable`."""
        if self.dialect == "sqlite":
            return None
        async with self._database.reading() as transaction:
            return await transaction.run(lambda connection: server_time(connection, self._clock.monotonic))

    def connections(self) -> Mapping[str, int]:
        """How many connections of the pool are used, idle, and not opened yet; empty on SQLite."""
        return self._database.connections()

    async def schema(self) -> SchemaState:
        """Where the schema stands, and which programs may serve it."""
        async with self._database.reading() as transaction:
            return await transaction.run(schema_state)

    async def close(self) -> None:
        """Close every connection; harmless twice."""
        await self._database.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def open_storage(
    url: str,
    *,
    clock: Clock,
    signals: Signals,
    durable: bool = True,
    readers: int = 2,
    pool: PoolSettings | None = None,
    observe: Observe = _unobserved,
) -> Store:
    """The store at `sqlite:///path` or `postgresql://user@host/name`. It connects with its first transaction.

    `durable` False gives up the sync at commit: for tests only. `pool` is PostgreSQL's.
    """
    database: Database
    if url.startswith("sqlite"):
        database = sqlite.SqliteDatabase(url, durable=durable, readers=readers)
    else:
        database = postgresql.PostgresDatabase(url, durable=durable, pool=pool or PoolSettings())
    return Store(database, clock=clock, signals=signals, observe=observe)

"""SQLite: one writer in its own thread, a few readers in theirs. A verb is one hop whatever number of statements it has."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import NullPool

from storage.database.bulk_sql import from_json
from storage.database.driver_errors import translated
from storage.database.transactions import WRITE_PROBE, Last, Transaction, to_the_end

T = TypeVar("T")
BUSY = 5_000  # milliseconds that another process may hold the file


def make_engine(url: str, *, durable: bool = True, read_only: bool = False) -> Engine:
    """An engine whose connections are set up as the service needs them; transactions are begun by hand."""
    engine = create_engine(
        url,
        poolclass=NullPool,
        connect_args={"isolation_level": None, "timeout": BUSY / 1000},
        json_deserializer=from_json,
    )

    @event.listens_for(engine, "connect")
    def _set_up(connection: Any, _record: Any) -> None:
        connection.execute(f"PRAGMA busy_timeout = {BUSY}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'OFF'}")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA cache_size = -32000")
        connection.execute("PRAGMA temp_store = MEMORY")
        if read_only:
            connection.execute("PRAGMA query_only = ON")

    return engine


class _Thread:
    """One thread with one connection. Calls run one after the other, so a roll-back queued now is over before the next begins."""

    def __init__(self, engine: Engine, begin: str) -> None:
        self._engine = engine
        self._begin = begin
        self._connection: Connection | None = None
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="huntgroup-sqlite")

    def run(self, verb: Callable[[Connection], T], /) -> Awaitable[T]:
        """Run a verb in the thread, inside a transaction."""
        return asyncio.wrap_future(self._executor.submit(self._inside, verb))

    def commit(self, last: Last | None) -> Awaitable[None]:
        return asyncio.wrap_future(self._executor.submit(self._commit, last))

    def rollback(self) -> None:
        """Queue a roll-back; nobody needs to wait for it."""
        self._executor.submit(self._end)

    async def close(self) -> None:
        with contextlib.suppress(RuntimeError):  # closed before
            await asyncio.wrap_future(self._executor.submit(self._drop))
        self._executor.shutdown(wait=False)

    def _inside(self, verb: Callable[[Connection], T]) -> T:
        with translated():
            if self._connection is None:
                self._connection = self._engine.connect()
            driver = self._connection.connection.dbapi_connection
            if driver is not None and not driver.in_transaction:
                self._connection.exec_driver_sql(self._begin)
            return verb(self._connection)

    def _commit(self, last: Last | None) -> None:
        if last is not None:
            self._inside(last)
        with translated():
            if self._connection is not None:
                self._connection.commit()

    def _end(self) -> None:
        try:
            if self._connection is not None:
                self._connection.rollback()
        except Exception:  # noqa: BLE001 a connection that cannot roll back is thrown away, which rolls back
            self._drop()

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class SqliteDatabase:
    """The embedded database: `readers` threads and the writer's."""

    dialect = "sqlite"

    def __init__(self, url: str, *, durable: bool, readers: int) -> None:
        self._writer = _Thread(make_engine(url, durable=durable), "BEGIN IMMEDIATE")
        reading = make_engine(url, durable=durable, read_only=True)
        self._readers = [_Thread(reading, "BEGIN") for _ in range(readers)]
        self._free: asyncio.LifoQueue[_Thread] = asyncio.LifoQueue()
        for reader in self._readers:
            self._free.put_nowait(reader)
        self._turn = asyncio.Lock()  # fair: first come, first served

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Transaction]:
        """The writer, alone. BEGIN IMMEDIATE goes with the first verb."""
        async with self._turn:
            try:
                yield self._writer
            finally:
                self._writer.rollback()  # nothing to do after a commit

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Transaction]:
        """A reader's snapshot; it waits for a free reader, never for the writer."""
        reader = await self._free.get()
        try:
            yield reader
        finally:
            reader.rollback()
            self._free.put_nowait(reader)

    async def check_writable(self) -> None:
        """In the writer's turn, as every write."""
        async with self.writing() as transaction:
            await transaction.run(lambda connection: connection.execute(WRITE_PROBE))
            await to_the_end(transaction.commit(None))

    def connections(self) -> Mapping[str, int]:
        """One writer and its readers: nothing that runs out."""
        return {}

    async def close(self) -> None:
        """Close the connections; the last one out empties the WAL."""
        await to_the_end(self._close())

    async def _close(self) -> None:
        for thread in (*self._readers, self._writer):
            await thread.close()

"""Opening the memory of the house, and bringing its schema up to date."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import Connection, inspect, text

from conversation.errors import StoreUnavailable
from conversation.ports.channel import Clock, Signals
from storage.agents.agent_cache import Roster
from storage.database import postgresql, sqlite
from storage.database.driver_errors import translated
from storage.database.outage_log import Outages
from storage.database.transactions import Database, Transaction, to_the_end
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
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._database.dialect

    @asynccontextmanager
    async def begin(self, purpose: str) -> AsyncIterator[StoreWork]:
        """A transaction that writes: leaving it commits, an exception or a cancellation rolls it back."""
        started, outcome = self._clock.monotonic(), "rolled_back"
        try:
            async with self._database.writing() as transaction:
                work = StoreWork(transaction.run, self.dialect, self._clock, self._roster)
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
                yield StoreWork(transaction.run, self.dialect, self._clock, self._roster)
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

    async def schema_revision(self) -> str | None:
        """The migration this database stands at, None before the first."""
        async with self._database.reading() as transaction:
            return await transaction.run(_revision_of)

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
    observe: Observe = _unobserved,
) -> Store:
    """The store at `sqlite:///path` or `postgresql://user@host/name`. It connects with its first transaction.

    `durable` False gives up the sync at commit: for tests only.
    """
    database: Database
    if url.startswith("sqlite"):
        database = sqlite.SqliteDatabase(url, durable=durable, readers=readers)
    else:
        database = postgresql.PostgresDatabase(url, durable=durable)
    return Store(database, clock=clock, signals=signals, observe=observe)


# -- schema ------------------------------------------------------------------------------------------------------------


@cache
def _folder() -> Path:
    """Where the migrations lie, in a checkout and in an installed wheel alike."""
    found = find_spec("migrations")
    if found is None or not found.submodule_search_locations:
        raise RuntimeError("the package `migrations` is not installed")
    return Path(next(iter(found.submodule_search_locations)))


@cache
def head_revision() -> str | None:
    """The newest migration this program knows: they are numbered, so that no start needs Alembic to tell."""
    return max((path.name.partition("_")[0] for path in (_folder() / "versions").glob("[0-9]*_*.py")), default=None)


def _revision_of(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


def _migrate(connection: Connection) -> None:
    stands, newest = _revision_of(connection), head_revision()
    if stands == newest:
        return
    if stands is not None and newest is not None and stands > newest:
        raise StoreUnavailable(
            f"its schema is at {stands}, newer than this program ({newest}): a newer huntgroup was here"
        )
    from alembic import command  # noqa: PLC0415 a quarter of a second that only a start on an old schema pays
    from alembic.config import Config  # noqa: PLC0415

    configuration = Config()
    configuration.set_main_option("script_location", str(_folder()).replace("%", "%%"))
    configuration.set_main_option("path_separator", "os")
    configuration.attributes["connection"] = connection
    command.upgrade(configuration, "head")


def _upgrade_sqlite(url: str) -> None:
    with sqlite.make_engine(url).connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        _migrate(connection)
        connection.commit()


async def _upgrade_postgresql(url: str) -> None:
    engine = postgresql.make_engine(url, pooled=False)
    try:
        async with engine.begin() as connection:
            # two nodes that start at once migrate one after the other
            await connection.execute(text("SELECT pg_advisory_xact_lock(4861747)"))
            await connection.run_sync(_migrate)
    finally:
        await engine.dispose()


async def upgrade(url: str) -> None:
    """Bring the schema to the newest migration, in one transaction. Raises `StoreUnavailable`, in words."""
    with translated():
        if url.startswith("sqlite"):
            await asyncio.to_thread(_upgrade_sqlite, url)
        else:
            await _upgrade_postgresql(url)
    log.info("schema_upgraded", extra={"revision": head_revision()})

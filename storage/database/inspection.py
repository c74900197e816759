"""A look at a database that changes nothing: whether it answers, where its schema stands, how it keeps what was committed."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from conversation.errors import StoreUnavailable
from conversation.ports.channel import Clock
from storage.database import postgresql
from storage.database.driver_errors import connecting
from storage.database.sqlite import BUSY
from storage.schema_window import SchemaState

_ASKED = 3  # times that the server's clock is asked; the quickest answer is the most exact
_HALF = 2
_SETTINGS = ("fsync", "full_page_writes", "synchronous_commit", "server_encoding", "server_version")
_SERVER = text("SELECT pg_is_in_recovery(), " + ", ".join(f"current_setting('{name}')" for name in _SETTINGS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """What a PostgreSQL server reports, and where the schema of this database stands.

    `ahead` is how far its clock is before ours, as far as the round trip allows an estimate.
    """

    schema: SchemaState
    version: str
    encoding: str
    fsync: bool
    full_page_writes: bool
    synchronous_commit: str
    read_only: bool
    ahead: timedelta


def sqlite_path(url: str) -> Path:
    """The file of a `sqlite:///` address."""
    return Path(url.removeprefix("sqlite:///"))


def file_schema(path: Path) -> SchemaState:
    """Where the schema of a SQLite file stands. Raises `StoreUnavailable`, in words."""
    # where nobody has it open there is no WAL, and then this inspection makes none either
    how = "mode=ro" if Path(f"{path}-wal").exists() else "immutable=1"
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?{how}", uri=True, timeout=BUSY / 1000)) as connection:
            return SchemaState(
                _only_of(connection, "alembic_version", "version_num"),
                _only_of(connection, "schema_compatibility", "oldest_program"),
            )
    except sqlite3.Error as error:
        raise StoreUnavailable(str(error)) from error


def _only_of(connection: sqlite3.Connection, table: str, column: str) -> str | None:
    named = connection.execute("SELECT name FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    found = connection.execute(f"SELECT {column} FROM {table}").fetchone() if named else None  # noqa: S608 ours
    return str(found[0]) if found else None


async def server_at(url: str, clock: Clock) -> Server:
    """What answers at a `postgresql://` address. Raises `StoreUnavailable`, in words."""
    engine = postgresql.make_engine(url)
    try:
        with connecting():
            async with engine.execution_options(postgresql_readonly=True).connect() as connection:
                return await _server(connection, clock)
    finally:
        await engine.dispose()


async def _schema(connection: AsyncConnection) -> SchemaState:
    return SchemaState(
        await _only(connection, "alembic_version", "version_num"),
        await _only(connection, "schema_compatibility", "oldest_program"),
    )


async def _only(connection: AsyncConnection, table: str, column: str) -> str | None:
    """The one value of a table of ours, if there is such a table."""
    if await connection.scalar(text("SELECT to_regclass(:name)"), {"name": table}) is None:
        return None
    found = await connection.scalar(text(f"SELECT {column} FROM {table}"))  # noqa: S608 both are named above
    return None if found is None else str(found)


async def _server(connection: AsyncConnection, clock: Clock) -> Server:
    recovering, *values = (await connection.execute(_SERVER)).one()
    settings = dict(zip(_SETTINGS, map(str, values), strict=True))
    return Server(
        schema=await _schema(connection),
        version=settings["server_version"],
        encoding=settings["server_encoding"],
        fsync=settings["fsync"] == "on",
        full_page_writes=settings["full_page_writes"] == "on",
        synchronous_commit=settings["synchronous_commit"],
        read_only=bool(recovering),
        ahead=await _ahead(connection, clock),
    )


async def _ahead(connection: AsyncConnection, clock: Clock) -> timedelta:
    asked = [await _once(connection, clock) for _ in range(_ASKED)]
    way, server, middle = min(asked, key=lambda one: one[0])
    apart = server - middle
    return apart if abs(apart) > way / _HALF else timedelta(0)


async def _once(connection: AsyncConnection, clock: Clock) -> tuple[timedelta, datetime, datetime]:
    """How long it took, the server's time, and ours in the middle of it."""
    before = clock.now()
    server = await connection.scalar(text("SELECT clock_timestamp()"))
    way = clock.now() - before
    if not isinstance(server, datetime):
        raise StoreUnavailable("the server does not give the time")
    return way, server, before + way / _HALF

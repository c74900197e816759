"""Bringing the schema up to date by Alembic's migrations: one upgrade at a time, with patience for locks.

On PostgreSQL each migration is a transaction of its own; on SQLite all of them are one.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import Connection, delete, insert, inspect, select, text
from sqlalchemy.exc import PendingRollbackError
from sqlalchemy.ext.asyncio import AsyncConnection

from conversation.errors import Conflict, HuntgroupError, StoreUnavailable
from storage.backfills import unfinished
from storage.database import postgresql, sqlite
from storage.database.driver_errors import translated
from storage.database.inspection import file_schema, sqlite_path
from storage.schema.compatibility import schema_compatibility
from storage.schema_window import SchemaState, fault_of

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.migration import MigrationContext
    from alembic.runtime.migration import MigrationInfo
    from alembic.script import Script

T = TypeVar("T")
log = logging.getLogger(__name__)
Progress = Callable[[str], None]
_LOCKED = "locked"  # the reason of a lock that was not had in time
_ATTEMPTS = 30
_LONGEST_PAUSE = 10.0  # seconds between two attempts; nobody is held up meanwhile
_TURN_EVERY = 0.25  # seconds
_TURN = text("SELECT pg_try_advisory_lock(4861747)")  # of the session: it outlives the transactions of the migrations


@dataclass(frozen=True, slots=True)
class Step:
    """A migration that is still to be applied."""

    revision: str
    title: str
    backfills: tuple[str, ...] = ()  # that must be finished before


@cache
def _folder() -> Path:
    """Where the migrations are, in a checkout and in an installed wheel alike."""
    found = find_spec("migrations")
    if found is None or not found.submodule_search_locations:
        raise RuntimeError("the package `migrations` is not installed")
    return Path(next(iter(found.submodule_search_locations)))


@cache
def head_revision() -> str | None:
    """The newest migration this program knows: they are numbered, so that no start needs Alembic for it."""
    return max((path.name.partition("_")[0] for path in (_folder() / "versions").glob("[0-9]*_*.py")), default=None)


def schema_state(connection: Connection) -> SchemaState:
    """Where the schema stands. Which programs may serve it is read where it is newer than this one."""
    tables = inspect(connection)
    if not tables.has_table("alembic_version"):
        return SchemaState(None)
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if found is None or str(found) <= (head_revision() or "") or not tables.has_table(schema_compatibility.name):
        return SchemaState(None if found is None else str(found))
    return SchemaState(str(found), connection.execute(select(schema_compatibility.c.oldest_program)).scalar())


# -- the upgrade -------------------------------------------------------------------------------------------------------


def _configuration() -> "Config":
    from alembic.config import Config  # noqa: PLC0415 a quarter of a second that only a start on an old schema pays

    configuration = Config()
    configuration.set_main_option("script_location", str(_folder()).replace("%", "%%"))
    configuration.set_main_option("path_separator", "os")
    return configuration


@cache
def _scripts() -> "Sequence[Script]":
    """Every migration, the first one first."""
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    found = ScriptDirectory.from_config(_configuration()).walk_revisions()
    return sorted(found, key=lambda one: str(one.revision))


def _steps(stands: str | None) -> list[Step]:
    later = [one for one in _scripts() if one.revision > (stands or "")]
    return [Step(one.revision, one.doc, tuple(getattr(one.module, "backfills", ()))) for one in later]


def _note_programs(*, ctx: "MigrationContext", step: "MigrationInfo", **_more: object) -> None:
    """Who may serve after this migration: each one's own word, and of those that name nobody nobody older."""
    connection, reached = ctx.connection, step.up_revision_id or ""
    if connection is None or not inspect(connection).has_table(schema_compatibility.name):
        return
    known = (one for one in _scripts() if one.revision <= reached)
    oldest = max(getattr(one.module, "oldest_program", one.revision) for one in known)
    connection.execute(delete(schema_compatibility))
    connection.execute(insert(schema_compatibility).values(oldest_program=oldest))


def _is_newer(state: SchemaState) -> bool:
    """Whether a newer program was here. Raises `StoreUnavailable` where this one cannot serve what it left."""
    newest = head_revision()
    if state.revision is None or newest is None or state.revision <= newest:
        return False
    fault = fault_of(state, newest)
    if fault is not None:
        raise StoreUnavailable(fault)
    return True


def _ahead(connection: Connection) -> tuple[str | None, list[Step]]:
    """Where the schema stands, and what is to be applied: that of a newer program is left as it is."""
    state = schema_state(connection)
    if state.revision == head_revision() or _is_newer(state):
        return state.revision, []
    steps = _steps(state.revision)
    if state.revision is not None:  # a new database has no rows to fill
        _refuse_unfinished(connection, steps)
    return state.revision, steps


def _refuse_unfinished(connection: Connection, steps: Sequence[Step]) -> None:
    """Before anything is changed: the nodes that fill it go on serving. Raises `StoreUnavailable`."""
    for step in steps:
        if found := unfinished(connection, step.backfills):
            raise StoreUnavailable(
                f"{step.revision} needs a backfill that is not finished: {found[0]}; it is filled while nodes serve,"
                " and `huntgroup migrate --status` shows how far it is"
            )


def _apply(connection: Connection, until: Step) -> None:
    """All migrations up to this one, each in a transaction of its own, unless the connection is in one."""
    from alembic import command  # noqa: PLC0415

    configuration = _configuration()
    configuration.attributes.update(connection=connection, applied=_note_programs)
    command.upgrade(configuration, until.revision)


def _upgrade_sqlite(url: str, progress: Progress) -> str | None:
    with sqlite.make_engine(url).connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        stands, steps = _ahead(connection)
        if steps:
            _apply(connection, steps[-1])
        connection.commit()
    for step in steps:
        progress(f"{step.revision}: {step.title}")
    return steps[-1].revision if steps else stands


async def _upgrade_postgresql(url: str, progress: Progress) -> str | None:
    """Each migration commits by itself: its locks end with it, and a failure keeps what came before."""
    async with _in_turn(url, progress) as connection:
        stands, steps = await _patiently(connection, _ahead, progress)
        for step in steps:
            with _named(step, stands):
                await _patiently(connection, partial(_apply, until=step), progress)
            stands = step.revision
            progress(f"{step.revision}: {step.title}")
    return stands


@contextmanager
def _named(step: Step, stands: str | None) -> Iterator[None]:
    """A failure names the migration, and where the schema stands: the next `migrate` goes on from there."""
    kept = f"the schema is at {stands or 'no revision'}, and the next `huntgroup migrate` goes on from there"
    try:
        yield
    except HuntgroupError as error:
        raise StoreUnavailable(f"{step.revision} was not applied: {error}; {kept}") from error
    except Exception as error:
        error.add_note(f"{step.revision} was not applied; {kept}")
        raise


@asynccontextmanager
async def _in_turn(url: str, progress: Progress) -> AsyncIterator[AsyncConnection]:
    """A connection whose session is the only one that migrates, until it is closed.

    The turn is asked for every now and then: a statement that waits holds a snapshot, and an index that is made concurrently
    waits for the end of those. It is free as soon as the connection is closed or lost.
    """
    engine = postgresql.make_migration_engine(url)
    try:
        with translated():
            async with engine.connect() as connection:
                waiting = False
                while not await _has_turn(connection):
                    if not waiting:
                        progress("another upgrade is at work: waiting for its end")
                    waiting = True
                    await asyncio.sleep(_TURN_EVERY)
                yield connection
    finally:
        await engine.dispose()


async def _has_turn(connection: AsyncConnection) -> bool:
    async with connection.begin():
        return bool(await connection.scalar(_TURN))


async def _patiently(connection: AsyncConnection, call: Callable[[Connection], T], progress: Progress) -> T:
    """A lock that is not had in three seconds is asked for later: whoever waits for a table holds up all who come after."""
    attempt = 0
    while True:
        attempt += 1
        try:
            return await _attempt(connection, call)
        except (StoreUnavailable, Conflict) as error:
            locked = isinstance(error, Conflict) or error.reason == _LOCKED
            if not locked or attempt == _ATTEMPTS:
                raise
        pause = min(_LONGEST_PAUSE, 0.25 * 2**attempt)
        progress(f"a table is locked by others, attempt {attempt} of {_ATTEMPTS}: again in {pause:g} s")
        await asyncio.sleep(pause)


async def _attempt(connection: AsyncConnection, call: Callable[[Connection], T]) -> T:
    with translated():
        try:
            return await connection.run_sync(call)
        except PendingRollbackError as error:  # what hides the driver's error on the way out of Alembic's blocks
            raise StoreUnavailable("the connection to the database was lost") from error
        finally:
            await connection.rollback()  # what was only read, or failed before it began a transaction


async def upgrade(url: str, *, progress: Progress = lambda _words: None) -> str | None:
    """Bring the schema to the newest migration, without a time-out; where it stands then.

    Raises `StoreUnavailable`, in words.
    """
    if url.startswith("sqlite"):
        with translated():
            stands = await asyncio.to_thread(_upgrade_sqlite, url, progress)
    else:
        stands = await _upgrade_postgresql(url, progress)
    log.info("schema_upgraded", extra={"revision": stands})
    return stands


# -- what an upgrade would do ------------------------------------------------------------------------------------------


async def schema_at(url: str) -> SchemaState:
    """Where the schema of this database stands; nothing is changed. Raises `StoreUnavailable`."""
    with translated():
        if url.startswith("sqlite"):
            return await asyncio.to_thread(_state_of_file, url)
        engine = postgresql.make_migration_engine(url)
        try:
            async with engine.connect() as connection:
                return await connection.run_sync(schema_state)
        finally:
            await engine.dispose()


def pending(state: SchemaState) -> Sequence[Step]:
    """The migrations that `upgrade` would apply, in order. Raises `StoreUnavailable` where a newer program is needed."""
    return [] if _is_newer(state) else _steps(state.revision)


def _state_of_file(url: str) -> SchemaState:
    path = sqlite_path(url)
    return file_schema(path) if path.exists() else SchemaState(None)  # connecting would make the file

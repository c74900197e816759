"""Bringing the schema up to date: Alembic's migrations in one transaction, one upgrade at a time, with patience for locks."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, delete, insert, inspect, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from conversation.errors import StoreUnavailable
from storage.database import postgresql, sqlite
from storage.database.driver_errors import translated
from storage.database.inspection import file_schema, sqlite_path
from storage.schema.compatibility import schema_compatibility
from storage.schema_window import SchemaState, fault_of

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

log = logging.getLogger(__name__)
Progress = Callable[[str], None]
_LOCKED = "locked"  # the reason of a lock that was not had in time
_ATTEMPTS = 30
_LONGEST_PAUSE = 10.0  # seconds between two attempts; nobody is held up meanwhile


@dataclass(frozen=True, slots=True)
class Step:
    """A migration that is still to be applied."""

    revision: str
    title: str


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


def _scripts() -> "ScriptDirectory":
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    return ScriptDirectory.from_config(_configuration())


def _steps(stands: str | None) -> list[Step]:
    found = [Step(one.revision, one.doc) for one in _scripts().walk_revisions()]
    return sorted((one for one in found if one.revision > (stands or "")), key=lambda one: one.revision)


def _oldest_program() -> str:
    """Who may serve after all migrations: each one's own word, and of those that name nobody nobody older."""
    return max(getattr(one.module, "oldest_program", one.revision) for one in _scripts().walk_revisions())


def _is_newer(state: SchemaState) -> bool:
    """Whether a newer program was here. Raises `StoreUnavailable` where this one cannot serve what it left."""
    newest = head_revision()
    if state.revision is None or newest is None or state.revision <= newest:
        return False
    fault = fault_of(state, newest)
    if fault is not None:
        raise StoreUnavailable(fault)
    return True


def _migrate(connection: Connection, progress: Progress) -> str | None:
    """Where the schema stands in the end: that of a newer program is left as it is."""
    state = schema_state(connection)
    if state.revision == head_revision() or _is_newer(state):
        return state.revision
    from alembic import command  # noqa: PLC0415

    def applied(step: Any, **_more: object) -> None:
        progress(f"{step.up_revision_id}: {step.up_revision.doc}")

    configuration = _configuration()
    configuration.attributes.update(connection=connection, applied=applied)
    command.upgrade(configuration, "head")
    connection.execute(delete(schema_compatibility))
    connection.execute(insert(schema_compatibility).values(oldest_program=_oldest_program()))
    return head_revision()


def _upgrade_sqlite(url: str, progress: Progress) -> str | None:
    with sqlite.make_engine(url).connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        stands = _migrate(connection, progress)
        connection.commit()
    return stands


async def _upgrade_postgresql(url: str, progress: Progress) -> str | None:
    """A lock that is not had in three seconds is asked for later: whoever waits for a table holds up all who come after."""
    engine = postgresql.make_migration_engine(url)
    attempt = 0
    try:
        while True:
            attempt += 1
            try:
                return await _attempt_postgresql(engine, progress)
            except StoreUnavailable as error:
                if error.reason != _LOCKED or attempt == _ATTEMPTS:
                    raise
                pause = min(_LONGEST_PAUSE, 0.25 * 2**attempt)
                progress(f"a table is locked by others, attempt {attempt} of {_ATTEMPTS}: again in {pause:g} s")
                await asyncio.sleep(pause)
    finally:
        await engine.dispose()


async def _attempt_postgresql(engine: AsyncEngine, progress: Progress) -> str | None:
    with translated():
        async with engine.begin() as connection:
            # two nodes that start at once migrate one after the other; they may wait long for each other
            await connection.execute(text("SET LOCAL lock_timeout = 0"))
            await connection.execute(text("SELECT pg_advisory_xact_lock(4861747)"))
            await connection.execute(text("SET LOCAL lock_timeout = '3s'"))
            return await connection.run_sync(lambda c: _migrate(c, progress))


async def upgrade(url: str, *, progress: Progress = lambda _words: None) -> str | None:
    """Bring the schema to the newest migration, in one transaction without a time-out; where it stands then.

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

"""Ready is what can be written here and now; whoever asks often does not load the database."""

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

import storage.database.sqlite
from channels.supervisor import AccountHealth, Health
from conversation.errors import StoreUnavailable
from ops.composition.background_tasks import TaskKeeper
from ops.composition.readiness import Readiness
from ops.composition.supervised_loops import LoopSupervisor
from router.flows.active_rules import RulesInForce
from router.rules.document import Document
from router.rules.rulebook import compile_rules
from storage.migration import head_revision
from storage.schema_window import OLDEST, SchemaState
from storage.signals import open_signals
from storage.store import Store, open_storage
from tests.desk.conftest import RULES
from tests.fakes import FakeClock
from tests.postgres import Postgres
from tests.storage.makers import execute

WELL = {"database": "ok", "schema": "ok", "rules": "ok"}


class Database:
    """A store that is only checked: counted, and held up or failing on request."""

    def __init__(self) -> None:
        self.writes = 0
        self.failure: Exception | None = None
        self.free = asyncio.Event()
        self.free.set()

    async def schema(self) -> SchemaState:
        return SchemaState(head_revision())

    async def check_writable(self) -> None:
        self.writes += 1
        await self.free.wait()
        if self.failure is not None:
            raise self.failure


@pytest.fixture
async def keeper() -> AsyncIterator[TaskKeeper]:
    keeper = TaskKeeper(LoopSupervisor(FakeClock()))
    yield keeper
    await keeper.close()


def on(store: Store | Database, clock: FakeClock, keeper: TaskKeeper, *, patience: float = 60.0) -> Readiness:
    rules = RulesInForce(compile_rules(Document.model_validate(RULES), revision="r", channels={}))
    since = clock.now()
    mail = AccountHealth(name="mail", kind="email", state=Health.DEGRADED, detail="a secret reason", since=since)
    return Readiness(store, rules, lambda: [mail], clock, background=keeper.start, patience=patience)  # type: ignore[arg-type]


@asynccontextmanager
async def storage_at(url: str, clock: FakeClock) -> AsyncIterator[Store]:
    signals = open_signals("local", database=url, clock=clock)
    async with open_storage(url, clock=clock, signals=signals, durable=False) as store:
        yield store


async def parts(readiness: Readiness, clock: FakeClock) -> dict[str, str]:
    """As they are now, not as they were within this second."""
    clock.advance(timedelta(seconds=2))
    return dict((await readiness.check()).parts)


async def test_a_database_that_can_be_written_is_ready_whatever_a_mailbox_does(
    store: Store, clock: FakeClock, keeper: TaskKeeper
) -> None:
    ready = await on(store, clock, keeper).check()
    assert (ready.parts, ready.channels) == (WELL, {"mail": "degraded"})
    assert (ready.serves, ready.status) == (True, "degraded")


async def test_asking_for_ever_leaves_one_row(store: Store, clock: FakeClock, keeper: TaskKeeper) -> None:
    readiness = on(store, clock, keeper)
    before = set((await execute(store, text("SELECT name FROM counters"))).scalars())
    for _ in range(5):
        assert await parts(readiness, clock) == WELL
    after = set((await execute(store, text("SELECT name FROM counters"))).scalars())
    assert after - before == {"write_probe"}


async def test_a_postgresql_that_only_reads_is_not_ready_until_it_writes_again(
    postgres: Postgres, postgres_url: str, clock: FakeClock, keeper: TaskKeeper
) -> None:
    name = postgres_url.partition("@/")[2].partition("?")[0] or postgres_url.rsplit("/", 1)[1]
    cut = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
    async with storage_at(postgres_url, clock) as store:
        readiness = on(store, clock, keeper)
        assert await parts(readiness, clock) == WELL
        await asyncio.to_thread(postgres.run, f"ALTER DATABASE {name} SET default_transaction_read_only = on", cut)
        async with asyncio.timeout(30):  # first the connections that were cut are found out
            while "schema" not in (found := await parts(readiness, clock)):
                pass
        assert found == {**WELL, "database": "read-only"}
        with pytest.raises(StoreUnavailable) as caught:
            async with store.begin("write") as work:
                await work._run(lambda c: c.execute(text("UPDATE counters SET value = value")))
        assert caught.value.reason == "read-only"
        # nobody cuts the connections that began while it was read-only: they are let go by whoever is refused on them
        await asyncio.to_thread(postgres.run, f"ALTER DATABASE {name} RESET default_transaction_read_only")
        async with asyncio.timeout(30):
            while await parts(readiness, clock) != WELL:
                pass


async def test_a_file_that_only_reads_is_not_ready_until_it_writes_again(
    sqlite_url: str, clock: FakeClock, keeper: TaskKeeper
) -> None:
    async with storage_at(sqlite_url, clock) as store:
        readiness = on(store, clock, keeper)

        assert await parts(readiness, clock) == WELL
        writer: Any = store._database._writer  # type: ignore[attr-defined]  # a disk that turns read-only asks nobody either

        def only_reads(mode: str) -> None:
            driver = writer._connection.connection.dbapi_connection
            writer._executor.submit(driver.execute, f"PRAGMA query_only = {mode}").result()

        only_reads("ON")
        assert await parts(readiness, clock) == {**WELL, "database": "read-only"}
        only_reads("OFF")
        assert await parts(readiness, clock) == WELL


async def test_a_file_that_another_process_holds_is_not_ready(
    sqlite_url: str, clock: FakeClock, keeper: TaskKeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage.database.sqlite, "BUSY", 50)
    other = sqlite3.connect(Path(sqlite_url.removeprefix("sqlite:///")), isolation_level=None)
    async with storage_at(sqlite_url, clock) as store:
        readiness = on(store, clock, keeper)
        other.execute("BEGIN IMMEDIATE")
        assert await parts(readiness, clock) == {**WELL, "database": "locked"}
        other.execute("ROLLBACK")
        assert await parts(readiness, clock) == WELL
    other.close()


async def test_an_old_schema_is_not_ready(store: Store, clock: FakeClock, keeper: TaskKeeper) -> None:
    await execute(store, text("UPDATE alembic_version SET version_num = '0001'"))
    found = await parts(on(store, clock, keeper), clock)
    needed = f"the schema is at 0001, this program needs {OLDEST} or newer: run `huntgroup migrate` first"
    assert found == {**WELL, "schema": needed}


async def test_a_hundred_strangers_in_one_second_cost_one_write(clock: FakeClock, keeper: TaskKeeper) -> None:
    database = Database()
    readiness = on(database, clock, keeper)
    database.free.clear()
    asked = [asyncio.ensure_future(readiness.check()) for _ in range(100)]
    await asyncio.sleep(0)
    database.free.set()
    assert all(ready.serves for ready in await asyncio.gather(*asked))
    await readiness.check()
    assert database.writes == 1
    await parts(readiness, clock)
    assert database.writes == 2


async def test_a_check_that_hangs_is_answered_in_time_and_not_begun_twice(clock: FakeClock, keeper: TaskKeeper) -> None:
    database = Database()
    readiness = on(database, clock, keeper, patience=0.02)
    database.free.clear()
    for _ in range(3):
        assert (await parts(readiness, clock))["database"] == "does not answer in time"
    assert database.writes == 1
    database.free.set()
    async with asyncio.timeout(30):
        while (await parts(readiness, clock)) != WELL:
            pass


@pytest.mark.parametrize("failure", [StoreUnavailable("password of host secret.example"), ZeroDivisionError("secret")])
async def test_whatever_fails_is_one_line_in_the_log_and_no_detail_for_strangers(
    clock: FakeClock, keeper: TaskKeeper, caplog: pytest.LogCaptureFixture, failure: Exception
) -> None:
    database = Database()
    readiness = on(database, clock, keeper)
    database.failure = failure
    for _ in range(3):
        found = await parts(readiness, clock)
        assert found["database"] in ("does not answer", "cannot be checked")
    database.failure = None
    assert await parts(readiness, clock) == WELL
    lines = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert (lines.count("not_ready"), lines.count("ready_again")) == (1, 1)

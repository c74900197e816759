"""The engine on both databases: commit, roll back, cancellation, and what errors mean."""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_dbapi as driver
from sqlalchemy.exc import DBAPIError, PendingRollbackError, ResourceClosedError

import storage.database.sqlite
from conversation.errors import Conflict, NoConnectionFree, Refused, StoreError, StoreUnavailable
from conversation.model.events import EventType, NewEvent
from storage.database.driver_errors import meaning, translated
from storage.database.pool_settings import PoolSettings
from storage.migration import head_revision
from storage.signals import open_signals
from storage.store import Store, open_storage
from tests.fakes import FakeClock
from tests.postgres import Postgres

Verb = Callable[[Connection], Any]


def opened(url: str, **more: Any) -> Store:
    clock = FakeClock()
    return open_storage(url, clock=clock, signals=open_signals("local", database=url, clock=clock), **more)


def put(name: str, value: int = 0) -> Verb:
    return lambda c: c.execute(text("INSERT INTO counters (name, value) VALUES (:n, :v)"), {"n": name, "v": value})


def value_of(name: str) -> Verb:
    return lambda c: c.execute(text("SELECT value FROM counters WHERE name = :n"), {"n": name}).scalar()


def add_one(name: str) -> Verb:
    return lambda c: c.execute(text("UPDATE counters SET value = value + 1 WHERE name = :n"), {"n": name})


def pragma(name: str) -> Verb:
    return lambda c: c.execute(text(f"PRAGMA {name}")).scalar()


async def test_the_store_answers_and_stands_at_the_newest_migration(store: Store) -> None:
    await store.ping()
    assert (await store.schema()).revision == head_revision()


async def test_leaving_commits_and_an_error_rolls_back(store: Store) -> None:
    async with store.begin("fine") as work:
        await work._run(put("kept"))
    with pytest.raises(ZeroDivisionError):
        async with store.begin("broken") as work:
            await work._run(put("lost"))
            raise ZeroDivisionError
    async with store.read("look") as work:
        assert await work._run(value_of("kept")) == 0
        assert await work._run(value_of("lost")) is None


async def test_reading_does_not_wait_for_a_writer_and_sees_one_snapshot(store: Store) -> None:
    async with store.begin("first") as work:
        await work._run(put("n"))
    async with store.read("look") as reader:
        assert await reader._run(value_of("n")) == 0
        async with asyncio.timeout(60), store.begin("write") as work:
            await work._run(add_one("n"))
            async with store.read("beside") as beside:
                assert await beside._run(value_of("n")) == 0
        assert await reader._run(value_of("n")) == 0
    async with store.read("later") as reader:
        assert await reader._run(value_of("n")) == 1


async def test_a_reader_cannot_write(store: Store) -> None:
    with pytest.raises(Exception, match=r"readonly|read-only"):
        async with store.read("look") as work:
            await work._run(put("n"))


async def test_many_writers_at_once_lose_nothing(store: Store) -> None:
    async with store.begin("first") as work:
        await work._run(put("n"))

    async def write() -> None:
        async with store.begin("write") as work:
            await work._run(add_one("n"))

    async with asyncio.timeout(60):
        await asyncio.gather(*(write() for _ in range(60)))
    async with store.read("look") as work:
        assert await work._run(value_of("n")) == 60


async def test_a_cancelled_verb_is_rolled_back_and_blocks_nobody(store: Store) -> None:
    def slow(connection: Connection) -> None:
        put("half")(connection)
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_sleep(30)"))
        else:
            time.sleep(0.2)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05), store.begin("slow") as work:
            await work._run(slow)
    async with asyncio.timeout(60), store.begin("next") as work:
        assert await work._run(value_of("half")) is None


async def test_a_waiter_that_gives_up_leaves_the_turn_to_the_next(store: Store) -> None:
    async with store.begin("holds") as work:
        await work._run(add_one("feed"))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05), store.begin("waits") as waiting:
                await waiting._run(add_one("feed"))
    async with asyncio.timeout(60), store.begin("next") as work:
        await work.events.add([NewEvent(type=EventType.CREATED)], now=FakeClock().now())


@pytest.mark.parametrize("value", [2**80, None, "x\0y"])
async def test_a_value_that_fits_no_column_is_refused(store: Store, value: object) -> None:
    statement = "INSERT INTO customers (id, attributes, created_at) VALUES ('1', :a, 1)"
    if isinstance(value, int):
        statement = "UPDATE counters SET value = :a"
    elif isinstance(value, str):
        statement = "INSERT INTO counters (name, value) VALUES (:a, NULL)"
    with pytest.raises(Refused):
        async with store.begin("bad") as work:
            await work._run(lambda c: c.execute(text(statement), {"a": value}))


async def test_a_broken_constraint_is_refused(store: Store) -> None:
    with pytest.raises(Refused):
        async with store.begin("twice") as work:
            await work._run(put("feed"))


async def test_a_bug_in_a_statement_is_no_error_of_the_store(store: Store) -> None:
    with pytest.raises(Exception, match="nothing_like_it") as caught:
        async with store.begin("bug") as work:
            await work._run(lambda c: c.execute(text("SELECT nothing_like_it")))
    assert not isinstance(caught.value, StoreError)


@pytest.mark.parametrize("url", ["sqlite:////nowhere/at/all.db", "postgresql://nobody@/none?host=/nowhere"])
async def test_a_database_that_is_not_there_is_unavailable(url: str) -> None:
    async with opened(url) as store:
        with pytest.raises(StoreUnavailable):
            await store.ping()
        with pytest.raises(StoreUnavailable):
            async with store.begin("write") as work:
                await work.events.head()
    await store.close()


async def test_a_database_of_another_name_is_unavailable(postgres: Postgres) -> None:
    async with opened(postgres.url("none_of_this_name")) as store:
        with pytest.raises(StoreUnavailable):
            await store.ping()


async def test_a_file_locked_by_another_process_is_unavailable_until_it_is_free(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage.database.sqlite, "BUSY", 50)
    other = sqlite3.connect(Path(sqlite_url.removeprefix("sqlite:///")), isolation_level=None)
    async with opened(sqlite_url) as store:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable):
            async with store.begin("write") as work:
                await work._run(add_one("feed"))
        other.execute("ROLLBACK")
        async with store.begin("write") as work:
            await work._run(add_one("feed"))
    other.close()


async def test_the_embedded_database_syncs_at_every_commit(sqlite_url: str) -> None:
    async with opened(sqlite_url) as store, store.begin("look") as work:
        settings = [
            await work._run(pragma(name)) for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        ]
    assert settings == ["wal", 2, 1, 5000]


async def test_a_deadlock_asks_to_try_again(postgres_url: str) -> None:
    async with opened(postgres_url) as store:
        async with store.begin("two rows") as work:
            await work._run(put("a"))
            await work._run(put("b"))
        both = asyncio.Barrier(2)

        async def cross(first: str, second: str) -> None:
            async with store.begin("cross") as work:
                await work._run(add_one(first))
                await both.wait()
                await work._run(add_one(second))

        results = await asyncio.gather(cross("a", "b"), cross("b", "a"), return_exceptions=True)
        (lost,) = [result for result in results if result is not None]
        assert isinstance(lost, Conflict)
        assert lost.code == "retry"


async def test_a_statement_that_takes_too_long_is_unavailable(postgres_url: str) -> None:
    async with opened(postgres_url) as store:
        with pytest.raises(StoreUnavailable):
            async with store.begin("slow") as work:
                await work._run(lambda c: c.execute(text("SET LOCAL statement_timeout = '30ms'")))
                await work._run(lambda c: c.execute(text("SELECT pg_sleep(20)")))
        await store.ping()


async def test_a_lost_connection_is_unavailable_and_the_next_one_works(postgres: Postgres, postgres_url: str) -> None:
    kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'huntgroup'"
    async with opened(postgres_url) as store:
        with pytest.raises(StoreUnavailable):
            async with store.begin("cut") as work:
                await work._run(add_one("feed"))
                await asyncio.to_thread(postgres.run, kill)
                await work._run(add_one("feed"))
        async with store.begin("again") as work:
            assert await work._run(value_of("feed")) == 0


async def test_purposes_are_observed_with_their_outcome(database_url: str) -> None:
    seen: list[tuple[str, str]] = []
    async with opened(
        database_url, observe=lambda purpose, _seconds, outcome: seen.append((purpose, outcome))
    ) as store:
        async with store.begin("a"):
            pass
        async with store.read("b"):
            pass
        with pytest.raises(ZeroDivisionError):
            async with store.begin("c"):
                raise ZeroDivisionError
    assert seen == [("a", "committed"), ("b", "read"), ("c", "rolled_back")]


async def test_who_finds_no_connection_free_is_told_so(postgres_url: str) -> None:
    pool = PoolSettings(size=2, overflow=1, wait=0.05)
    async with opened(postgres_url, pool=pool) as store, AsyncExitStack() as held:
        for _ in range(3):  # the pool, and what may go beyond it
            await held.enter_async_context(store.read("held"))
        assert store.connections() == {"used": 3, "idle": 0, "free": 0}
        with pytest.raises(NoConnectionFree):
            async with store.read("one too many"):
                pass


class _DriverError(Exception):
    """As the drivers raise it: only its code counts."""

    def __init__(self, detail: str, *, sqlstate: str | None = None, sqlite_errorname: str = "") -> None:
        super().__init__(detail)
        self.sqlstate = sqlstate
        self.sqlite_errorname = sqlite_errorname


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("25006", "read-only"),
        ("SQLITE_READONLY", "read-only"),
        ("SQLITE_READONLY_DBMOVED", "read-only"),
        ("53100", "disk full"),
        ("SQLITE_FULL", "disk full"),
        ("SQLITE_BUSY", "locked"),
        ("SQLITE_BUSY_SNAPSHOT", "locked"),
        ("55P03", "locked"),
        ("53300", "too many connections"),
        ("42501", "permission denied"),
        *((code, "unknown error") for code in ("PG000", "ZZ999", "99999")),
        *(
            (code, "does not answer")
            for code in ("57P01", "57P03", "08006", "26000", "42P05", "40003", "55000", "XX000", "XX001")
        ),
        *(
            (code, "does not answer")
            for code in ("SQLITE_IOERR_WRITE", "SQLITE_CORRUPT", "SQLITE_PROTOCOL", "SQLITE_NOLFS")
        ),
    ],
)
def test_what_is_no_fault_of_a_statement_is_unavailable_with_a_reason(code: str, reason: str) -> None:
    given = {"sqlite_errorname": code} if code.startswith("SQLITE") else {"sqlstate": code}
    found = meaning(DBAPIError("INSERT", {}, _DriverError("no", **given)))
    assert isinstance(found, StoreUnavailable)
    assert found.reason == reason


@pytest.mark.parametrize(
    "kind", [driver.InterfaceError, driver.InternalClientError, driver.InvalidCachedStatementError]
)
def test_a_connection_that_lost_its_place_is_unavailable(kind: type[Exception]) -> None:
    assert isinstance(meaning(DBAPIError("SELECT", {}, kind("another operation is in progress"))), StoreUnavailable)


@pytest.mark.parametrize("code", ["42601", "42P01", "21000", "25P02", "P0001", "SQLITE_ERROR", "SQLITE_MISUSE"])
def test_a_wrong_statement_stays_a_bug(code: str) -> None:
    given = {"sqlite_errorname": code} if code.startswith("SQLITE") else {"sqlstate": code}
    assert not isinstance(meaning(DBAPIError("SELEC", {}, _DriverError("no", **given))), StoreError)


@pytest.mark.parametrize("code", ["22003", "23505", "44000", "54000", "SQLITE_CONSTRAINT_UNIQUE", "SQLITE_TOOBIG"])
def test_a_value_that_the_database_will_never_take_is_refused(code: str) -> None:
    given = {"sqlite_errorname": code} if code.startswith("SQLITE") else {"sqlstate": code}
    assert isinstance(meaning(DBAPIError("INSERT", {}, _DriverError("no", **given))), Refused)


@pytest.mark.parametrize("lost", [PendingRollbackError("rolled back"), ResourceClosedError("closed")])
def test_a_transaction_that_lost_its_connection_is_unavailable(lost: Exception) -> None:
    with pytest.raises(StoreUnavailable), translated():
        raise lost


def _refusal(code: str, detail: str) -> bytes:
    """As a server or a pooler refuses a connection: message E of the protocol."""
    fields = b"SFATAL\0VFATAL\0C" + code.encode() + b"\0M" + detail.encode() + b"\0\0"
    return b"E" + (len(fields) + 4).to_bytes(4, "big") + fields


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (_refusal("53300", "sorry, too many clients already"), "too many connections"),
        (_refusal("08P01", "no more connections allowed (max_client_conn)"), "too many connections"),
        (_refusal("08P01", "query_wait_timeout"), "too many connections"),
        (_refusal("08P01", "server login has been failing, try again later (server_login_retry)"), "does not answer"),
        (_refusal("0A000", "unsupported frontend protocol"), "unknown error"),
        (_refusal("22023", "invalid value for a parameter"), "unknown error"),
        (_refusal("40001", "not today"), "unknown error"),
        (_refusal("ZZ999", "odd"), "unknown error"),
        (_refusal("", "no state at all"), "unknown error"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not answer"),
        (b"", "does not answer"),
    ],
)
async def test_whatever_a_server_refuses_a_connection_with_it_is_unavailable(
    said: bytes, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(8)
        writer.write(said)
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, opened(f"postgresql://nobody@127.0.0.1:{port}/none?ssl=disable") as store:
        with pytest.raises(StoreUnavailable) as caught:
            async with store.begin("write"):
                pass
        with pytest.raises(StoreUnavailable):
            await store.check_writable()
    assert caught.value.reason == reason
    lines = [vars(record) for record in caplog.records if record.getMessage() == "store_unavailable"]
    assert [(line["reason"], line["exc_info"]) for line in lines] == [(reason, None)]


async def test_a_full_disk_is_told_by_its_reason(sqlite_url: str) -> None:
    async with opened(sqlite_url) as store:
        async with store.begin("limit") as work:
            await work._run(lambda c: c.exec_driver_sql("PRAGMA max_page_count = 1"))  # as few pages as there are
        with pytest.raises(StoreUnavailable) as caught:
            async with store.begin("write") as work:
                await work._run(put("x" * 1_000_000))
    assert caught.value.reason == "disk full"


async def test_an_outage_is_one_line_in_the_log_for_each_reason(
    sqlite_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(sqlite_url) as store:
        for reason in ("read-only", "read-only", "disk full", "read-only"):
            with pytest.raises(StoreUnavailable):
                async with store.begin("write"):
                    raise StoreUnavailable("refused", reason=reason)
    lines = [vars(record) for record in caplog.records if record.getMessage() == "store_unavailable"]
    assert [(line["reason"], line["purpose"], line["count"]) for line in lines] == [
        ("read-only", "write", 1),
        ("disk full", "write", 1),
    ]


async def test_a_server_that_writes_again_is_written_to_at_once_whatever_connections_were_kept(
    postgres: Postgres, postgres_url: str
) -> None:
    name = postgres_url.partition("@/")[2].partition("?")[0] or postgres_url.rsplit("/", 1)[1]
    together = 5

    async def write(store: Store, meet: asyncio.Barrier) -> None:
        async with store.begin("write") as work:
            await work._run(lambda c: c.execute(text("SELECT 1")))
            await meet.wait()  # each on a connection of its own
            await work._run(lambda c: c.execute(text("INSERT INTO counters SELECT 'kept', 1 WHERE false")))

    async def outcomes(store: Store) -> list[object]:
        meet = asyncio.Barrier(together)
        return await asyncio.gather(*(write(store, meet) for _ in range(together)), return_exceptions=True)

    await asyncio.to_thread(postgres.run, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    async with opened(postgres_url) as store:
        meet = asyncio.Barrier(together)

        async def look() -> None:
            async with store.read("look") as work:
                await work._run(lambda c: c.execute(text("SELECT 1")))
                await meet.wait()

        await asyncio.gather(*(look() for _ in range(together)))
        await asyncio.to_thread(postgres.run, f"ALTER DATABASE {name} RESET default_transaction_read_only")
        with pytest.raises(StoreUnavailable) as caught:
            async with store.begin("write") as work:
                await work._run(put("refused"))
        assert caught.value.reason == "read-only"
        assert await outcomes(store) == [None] * together

"""Indexes of tables in use: writers go on, and what a broken attempt left is repaired."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from conversation.errors import HuntgroupError, StoreUnavailable
from storage.migration import schema_at, upgrade
from tests.storage.next_release import HEAD, NEXT, next_release, running_as
from tests.storage.test_upgrades_under_use import connected, until

CALL = 'create_index_concurrently("audit_by_subject", "audit", ["subject", "at"]{})'
BODY = f"from migrations.concurrent_indexes import create_index_concurrently\n{CALL}"
ENTRY = "INSERT INTO audit (id, at, actor, action, subject, data) VALUES ($1, 1, '', 'test', $2, '{}')"
VALID = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('audit_by_subject')"
BUILDING = "SELECT pid FROM pg_stat_progress_create_index WHERE phase LIKE 'waiting for%'"


@asynccontextmanager
async def an_old_snapshot(url: str) -> AsyncIterator[None]:
    """A long read, as of a report or a dump: an index that is created concurrently waits for its end."""
    async with connected(url) as reader, reader.transaction(isolation="repeatable_read"):
        await reader.fetch("SELECT count(*) FROM audit")
        yield


async def test_writers_go_on_while_an_index_waits_for_its_end(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Longer than the time-out of locks, too: nobody queues behind it."""
    monkeypatch.setattr("storage.database.postgresql._MIGRATIONS_WAIT", "200ms")
    said: list[str] = []
    with running_as(next_release(tmp_path, BODY.format("")), monkeypatch):
        async with connected(postgres_url) as writer:
            async with an_old_snapshot(postgres_url):
                creating = asyncio.create_task(upgrade(postgres_url, progress=said.append))
                await until(lambda: writer.fetchval(BUILDING))
                for number in range(40):
                    await writer.execute(ENTRY, f"id-{number}", f"target-{number}", timeout=1)
                    await asyncio.sleep(0.01)
                assert not creating.done()
            assert await asyncio.wait_for(creating, 30) == NEXT
            assert await writer.fetchval(VALID) is True
            await writer.execute("SET enable_seqscan = off")
            plan = await writer.fetch("EXPLAIN SELECT id FROM audit WHERE subject = 'target-7'")
            assert "audit_by_subject" in str(plan)
            assert await writer.fetch("SELECT id FROM audit WHERE subject = 'target-7'") == [("id-7",)]
    assert said == [f"{NEXT}: Nothing, one release later."]


async def test_what_a_killed_upgrade_left_is_repaired_by_the_next(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_as(next_release(tmp_path, BODY.format("")), monkeypatch):
        async with connected(postgres_url) as other:
            async with an_old_snapshot(postgres_url):
                creating = asyncio.create_task(upgrade(postgres_url))
                await until(lambda: other.fetchval(BUILDING))
                await other.execute(f"SELECT pg_terminate_backend(pid) FROM ({BUILDING}) AS b")
                with pytest.raises(
                    StoreUnavailable, match=f"^{NEXT} was not applied: the connection to the database was lost;"
                ):
                    await creating
            assert await other.fetchval(VALID) is False
            assert (await schema_at(postgres_url)).revision == HEAD
            await other.execute(ENTRY, "id-1", "target-1")

            assert await upgrade(postgres_url) == NEXT
            assert await other.fetchval(VALID) is True


async def test_an_index_that_was_ready_before_its_migration_was_noted_stays(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connected(postgres_url) as other:
        await other.execute("CREATE INDEX audit_by_subject ON audit (subject, at)")
        before = await other.fetchval("SELECT to_regclass('audit_by_subject')::oid")
        with running_as(next_release(tmp_path, BODY.format("")), monkeypatch):
            assert await upgrade(postgres_url) == NEXT
        assert await other.fetchval("SELECT to_regclass('audit_by_subject')::oid") == before


async def test_rows_that_a_unique_index_does_not_allow_are_named_and_may_be_corrected(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unique = BODY.format(", unique=True, where=\"action = 'test'\"")
    async with connected(postgres_url) as other:
        for number in range(2):
            await other.execute(ENTRY, f"id-{number}", "target")
        with running_as(next_release(tmp_path, unique), monkeypatch):
            with pytest.raises(HuntgroupError, match='could not create unique index "audit_by_subject"'):
                await upgrade(postgres_url)
            await other.execute("UPDATE audit SET subject = id")
            assert await upgrade(postgres_url) == NEXT
        definition = await other.fetchval("SELECT pg_get_indexdef('audit_by_subject'::regclass)")
    assert definition.startswith("CREATE UNIQUE INDEX audit_by_subject ON public.audit")
    assert definition.endswith("WHERE (action = 'test'::text)")


async def test_the_patience_for_locks_of_other_migrations_is_as_before(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection is the same: what an index may wait for, a table may not."""
    shown = 'assert op.get_bind().exec_driver_sql("SHOW lock_timeout").scalar() == "3s"'
    with running_as(next_release(tmp_path, BODY.format(""), shown), monkeypatch):
        await upgrade(postgres_url)


async def test_on_sqlite_the_index_is_created_plainly(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_as(next_release(tmp_path, BODY.format(", where=\"action = 'test'\"")), monkeypatch):
        assert await upgrade(sqlite_url) == NEXT
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as connection:
        found = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'audit_by_subject'").fetchall()
    assert found == [("CREATE INDEX audit_by_subject ON audit (subject, at) WHERE action = 'test'",)]

"""Upgrades of a PostgreSQL that is in use: one at a time, patient with locks, and never half of a migration."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from conversation.errors import StoreUnavailable
from storage import migration
from storage.migration import schema_at, upgrade
from tests.storage.next_release import HEAD, NEXT, next_release, numbered, running_as

ADDS = 'op.execute("ALTER TABLE queue_notes ADD COLUMN {} text")'
MAKES = 'op.execute("CREATE TABLE queue_notes (id text PRIMARY KEY)")'


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Locks are given up sooner than in production."""
    monkeypatch.setattr("storage.database.postgresql._MIGRATIONS_WAIT", "200ms")


@asynccontextmanager
async def connected(url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


async def until(seen: Callable[[], Awaitable[object]] | Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while True:
            found = seen()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(0.02)


async def test_a_second_upgrade_waits_for_the_first_and_finds_nothing_left(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = f'{MAKES}\nop.execute("SELECT pg_sleep(0.8)")'
    said: list[str] = []
    with running_as(next_release(tmp_path, slow), monkeypatch):
        both = await asyncio.gather(*(upgrade(postgres_url, progress=said.append) for _ in range(2)))
    assert both == [NEXT, NEXT]
    assert sorted(said) == [f"{NEXT}: Nothing, one release later.", "another upgrade is at work: waiting for its end"]


async def test_the_turn_of_an_upgrade_that_was_killed_is_free(postgres_url: str) -> None:
    said: list[str] = []
    async with connected(postgres_url) as other:
        await other.execute("SELECT pg_advisory_lock(4861747)")
        waiting = asyncio.create_task(upgrade(postgres_url, progress=said.append))
        await until(lambda: said != [])
        assert not waiting.done()
        other.terminate()
        assert await asyncio.wait_for(waiting, 30) == HEAD


async def test_a_locked_table_is_asked_for_until_it_is_free_and_nobody_queues_for_long(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever reads the table meanwhile waits behind the migration for one attempt at most."""
    said: list[str] = []
    with running_as(next_release(tmp_path, 'op.execute("ALTER TABLE audit ADD COLUMN note text")'), monkeypatch):
        async with connected(postgres_url) as holder, connected(postgres_url) as reader:
            held = holder.transaction()
            await held.start()
            await holder.execute("LOCK TABLE audit IN ACCESS SHARE MODE")
            waiting = asyncio.create_task(upgrade(postgres_url, progress=said.append))
            loop, longest = asyncio.get_running_loop(), 0.0
            while len(said) < 2:
                began = loop.time()
                await reader.fetch("SELECT count(*) FROM audit")
                longest = max(longest, loop.time() - began)
                await asyncio.sleep(0.01)
            assert not waiting.done()
            await held.rollback()
            assert await asyncio.wait_for(waiting, 30) == NEXT
            assert await reader.fetch("SELECT note FROM audit") == []
    assert [words.partition(":")[0] for words in said[:2]] == [
        "a table is locked by others, attempt 1 of 30",
        "a table is locked by others, attempt 2 of 30",
    ]
    assert longest < 1


async def test_a_lock_that_is_never_had_is_named_and_leaves_what_came_before(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migration, "_ATTEMPTS", 2)
    bodies = MAKES, 'op.execute("ALTER TABLE audit ADD COLUMN note text")'
    with running_as(next_release(tmp_path, *bodies), monkeypatch):
        async with connected(postgres_url) as holder, holder.transaction():
            await holder.execute("LOCK TABLE audit IN ACCESS SHARE MODE")
            with pytest.raises(StoreUnavailable, match=f"^{numbered(2)} was not applied: .* the schema is at {NEXT},"):
                await upgrade(postgres_url)
        assert (await schema_at(postgres_url)).revision == NEXT
        assert await upgrade(postgres_url) == numbered(2)


async def test_a_third_migration_that_fails_keeps_the_first_two_and_the_next_upgrade_goes_on(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the failed one did before it failed is undone: only whole migrations are there."""
    fails = ADDS.format("b") + "\nop.execute(\"INSERT INTO queue_notes (id) VALUES ('1'), ('1')\")"
    bodies = MAKES, ADDS.format("a"), fails, ADDS.format("c")
    folder = next_release(tmp_path, *bodies, oldest_program=HEAD)
    said: list[str] = []
    with running_as(folder, monkeypatch):
        with pytest.raises(StoreUnavailable, match=f"^{numbered(3)} was not applied: .*duplicate key"):
            await upgrade(postgres_url, progress=said.append)
        assert [words.partition(":")[0] for words in said] == [NEXT, numbered(2)]
        state = await schema_at(postgres_url)
        assert (state.revision, await columns(postgres_url)) == (numbered(2), ["id", "a"])
    assert (await schema_at(postgres_url)).oldest_program == HEAD  # this release serves what is there
    mended = folder / "versions" / f"{numbered(3)}_next.py"
    mended.write_text(mended.read_text("utf-8").replace(", ('1')", ""), "utf-8")
    with running_as(folder, monkeypatch):
        assert await upgrade(postgres_url, progress=said.append) == numbered(4)
    assert [words.partition(":")[0] for words in said[2:]] == [numbered(3), numbered(4)]
    assert await columns(postgres_url) == ["id", "a", "b", "c"]


async def columns(url: str) -> list[str]:
    asked = (
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'queue_notes' ORDER BY ordinal_position"
    )
    async with connected(url) as connection:
        return [str(row[0]) for row in await connection.fetch(asked)]


async def test_a_migration_whose_mistake_is_in_its_code_is_named_as_well(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        running_as(next_release(tmp_path, "raise KeyError('queue')"), monkeypatch),
        pytest.raises(KeyError) as failed,
    ):
        await upgrade(postgres_url)
    assert failed.value.__notes__ == [
        f"{NEXT} was not applied; the schema is at {HEAD}, and the next `huntgroup migrate` goes on from there"
    ]

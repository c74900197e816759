"""Backfills on both databases: in batches, until nothing is missing; and what a contracting migration asks of them."""

import logging
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from conversation.errors import NotFound, StoreUnavailable
from conversation.ports.storage.backfills import BackfillProgress
from ops.commands.migrate import _print_pending, _print_status
from router.flows.maintenance.backfill_runner import BackfillRunner
from storage import backfills
from storage.migration import schema_at, upgrade
from storage.signals import open_signals
from storage.store import Store, open_storage
from tests.fakes import FakeClock
from tests.serving import huntgroup, write_config
from tests.storage.next_release import HEAD, NEXT, next_release, numbered, running_as
from tests.storage.test_migrations import _made_by, empty_url
from tests.upgrade.backfilling import EXPAND, LENGTHS, MISSING, NAME

__all__ = ["empty_url"]
MESSAGE = text(
    "INSERT INTO messages (id, conversation_id, seq, direction, author_kind, text, status, created_at)"
    " VALUES (:id, 'c', :seq, 'in', 'customer', 'four', 'received', 1)"
)


@pytest.fixture(autouse=True)
def declared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfills, "DECLARED", (LENGTHS,))


async def run(store: Store, *statements: str) -> None:
    async with store.begin("test") as work:
        await work._run(lambda c: [c.execute(text(one)) for one in statements])


async def write(store: Store, numbers: range) -> None:
    def insert(connection: Connection) -> None:
        connection.execute(MESSAGE, [{"id": f"m{number:05}", "seq": number} for number in numbers])

    async with store.begin("test") as work:
        await work._run(insert)


async def missing(store: Store) -> int:
    async with store.read("test") as work:
        return int(await work._run(lambda c: c.execute(text(MISSING)).scalar_one()))


async def progress(store: Store) -> BackfillProgress:
    async with store.read("test") as work:
        (one,) = await work.backfills.progress()
    return one


async def fill(store: Store, limit: int) -> BackfillProgress:
    async with store.begin("test") as work:
        return await work.backfills.fill(NAME, limit)


async def test_batches_go_on_from_the_cursor_until_a_pass_finds_nothing(store: Store, clock: FakeClock) -> None:
    await run(store, EXPAND)
    await write(store, range(25))
    assert await progress(store) == BackfillProgress(name=NAME)
    first = await fill(store, 10)
    assert (first.examined, first.changed, await missing(store)) == (10, 10, 15)
    await fill(store, 10)
    await run(store, "UPDATE messages SET length = NULL WHERE id = 'm00003'")  # by a node of an older release
    assert (await fill(store, 10)).examined == 25
    assert (await fill(store, 10)).passes == 1
    assert await missing(store) == 1
    seen = [await fill(store, 10) for _ in range(8)]
    assert [one.passes for one in seen] == [1, 1, 1, 2, 2, 2, 2, 3]
    assert (seen[-1].finished_at, await missing(store)) == (clock.now(), 0)
    assert await fill(store, 10) == seen[-1]


async def test_a_backfill_that_nobody_declares_is_not_found(store: Store) -> None:
    async with store.begin("test") as work:
        with pytest.raises(NotFound):
            await work.backfills.fill("other", 10)


async def test_on_an_older_schema_of_the_window_there_is_nothing_to_fill(empty_url: str, clock: FakeClock) -> None:
    signals = open_signals("local", database=empty_url, clock=clock)
    async with open_storage(empty_url, clock=clock, signals=signals) as store:
        async with store.begin("the release before") as work:
            await work._run(lambda c: _made_by(c, "0011"))
        async with store.read("test") as work:
            assert await work.backfills.progress() == []
        assert await BackfillRunner(store, clock).once() == 60


async def test_one_node_fills_and_another_goes_on_where_it_ended(
    store: Store, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    await run(store, EXPAND)
    await write(store, range(1_200))
    first, second = BackfillRunner(store, clock), BackfillRunner(store, clock)
    with caplog.at_level(logging.INFO):
        assert await first.once() < 1
        assert await second.once() == 10  # the lease is the other's
        async with store.begin("test") as work:
            await work.leases.release("backfills", first._node)
        while await second.once() < 10:
            assert (await progress(store)).finished_at is None or await missing(store) == 0
    assert (await missing(store), (await progress(store)).ratio) == (0, 1.0)
    assert [record.message for record in caplog.records] == [
        "backfill_progress",
        "backfill_progress",
        "backfill_finished",
    ]


async def test_between_two_batches_the_database_has_as_much_time_as_one_took(store: Store, clock: FakeClock) -> None:
    await run(store, EXPAND)
    await write(store, range(1_200))
    taken = LENGTHS.fill

    def slow(connection: Connection, after: str, until: str) -> int:
        clock.advance(timedelta(seconds=3))
        return taken(connection, after, until)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backfills, "DECLARED", (backfills.Backfill(NAME, LENGTHS.table, slow),))
        runner = BackfillRunner(store, clock)
        rests = [await runner.once() for _ in range(2)]
    assert rests == [pytest.approx(3), pytest.approx(3)]
    assert (await progress(store)).examined == 200  # slow batches stay small


async def test_a_store_that_fails_is_asked_later(clock: FakeClock) -> None:
    class Failing:
        def read(self, _purpose: str) -> None:
            raise StoreUnavailable("gone")

    assert await BackfillRunner(Failing(), clock)._safely() == 10  # type: ignore[arg-type]


async def test_a_contracting_migration_is_refused_until_its_backfill_is_finished(
    database_url: str,
    store: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Nothing is changed, not by the migrations before it either."""
    await run(store, EXPAND)
    await write(store, range(25))
    with running_as(next_release(tmp_path, "pass", "pass", backfills=(NAME,)), monkeypatch):
        _print_pending(await schema_at(database_url))
        listed = capsys.readouterr().out.splitlines()
        assert listed[1] == f"{numbered(2)}: Nothing, one release later. (needs the backfill {NAME})"
        with pytest.raises(StoreUnavailable, match=f"needs a backfill that is not finished: {NAME}: not begun"):
            await upgrade(database_url)
        await fill(store, 10)
        with pytest.raises(StoreUnavailable, match=f"{NAME}: pass 1, 10 .*rows looked at, 10 filled"):
            await upgrade(database_url)
        assert (await schema_at(database_url)).revision == HEAD
        while (await fill(store, 10)).finished_at is None:
            pass
        await upgrade(database_url)
        assert (await schema_at(database_url)).revision != HEAD


async def test_the_status_shows_how_far_each_has_come(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    await run(store, EXPAND)
    await write(store, range(25))
    await _print_status(store, None)  # type: ignore[arg-type]
    await fill(store, 10)
    await _print_status(store, None)  # type: ignore[arg-type]
    while (await fill(store, 10)).finished_at is None:
        pass
    await _print_status(store, None)  # type: ignore[arg-type]
    lines = capsys.readouterr().out.splitlines()
    assert lines[::2] == [f"the schema is at {HEAD}"] * 3
    assert lines[1] == f"{NAME}: pass 1, 0 rows looked at, 0 filled"
    assert lines[3].startswith(f"{NAME}: pass 1, 10 ")
    assert lines[5] == f"{NAME}: finished at 2026-11-23T02:00:00+00:00"


def test_the_status_is_of_the_configured_database(tmp_path: Path) -> None:
    config = write_config(tmp_path, f"sqlite:///{tmp_path / 'new.db'}")
    assert huntgroup(config, "migrate", "--status") == f"the schema is at {HEAD}\n"


async def test_a_new_database_needs_no_backfill(
    empty_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_as(next_release(tmp_path, backfills=(NAME,)), monkeypatch):
        assert await upgrade(empty_url) == NEXT

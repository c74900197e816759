"""The event feed: commit order is cursor order, without a gap, under many writers."""

import asyncio
import random

import pytest

from conversation.model.events import EventType, Hint, NewEvent, Topic
from storage.signals import open_signals
from storage.store import Store, open_storage
from tests.fakes import FakeClock


def event(message: str) -> NewEvent:
    return NewEvent(type=EventType.RECEIVED, message=message, queue="payments", data={"preview": "你好"})


async def test_a_reader_misses_nothing_and_sees_nothing_twice_under_concurrent_commits(
    database_url: str, clock: FakeClock
) -> None:
    signals = open_signals("local", database=database_url, clock=clock)
    stores = [open_storage(database_url, clock=clock, signals=signals, durable=False) for _ in range(2)]
    total, done = 0, asyncio.Event()
    seen: list[str] = []

    async def write(writer: int) -> None:
        nonlocal total
        dice = random.Random(writer)
        for n in range(25):
            async with stores[writer % len(stores)].begin("write") as work:
                await work.events.add([event(f"{writer}-{n}-{k}") for k in range(dice.randint(1, 4))], now=clock.now())
                await asyncio.sleep(0)
                if dice.random() < 0.2:
                    with pytest.raises(ZeroDivisionError):
                        await work._run(lambda _connection: 1 / 0)
            async with stores[0].read("count") as work:
                total = max(total, await work.events.head())

    async def follow() -> None:
        cursor = 0
        while not done.is_set() or cursor < total:
            async with stores[1].read("follow") as work:
                for one in await work.events.after(cursor, limit=7):
                    assert one.cursor == cursor + 1
                    cursor = one.cursor
                    seen.append(one.message or "")

    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        tasks.create_task(follow())
        async with asyncio.TaskGroup() as writers:
            for writer in range(8):
                writers.create_task(write(writer))
        done.set()
    for store in stores:
        await store.close()
    assert len(seen) == len(set(seen)) == total
    for writer in range(8):
        mine = [tuple(map(int, one.split("-"))) for one in seen if one.startswith(f"{writer}-")]
        assert mine == sorted(mine)


async def test_a_roll_back_leaves_no_gap(store: Store, clock: FakeClock) -> None:
    with pytest.raises(ZeroDivisionError):
        async with store.begin("broken") as work:
            await work.events.add([event("lost")], now=clock.now())
            raise ZeroDivisionError
    async with store.begin("fine") as work:
        await work.events.add([event("kept")], now=clock.now())
    async with store.read("look") as work:
        (read,) = await work.events.after(0, limit=10)
    assert (read.cursor, read.message, read.at, read.data) == (1, "kept", clock.now(), {"preview": "你好"})


async def test_an_empty_feed_is_oldest_just_above_its_head(store: Store) -> None:
    async with store.read("look") as work:
        assert (await work.events.head(), await work.events.oldest()) == (0, 1)


async def test_hints_and_calls_wait_for_the_commit_and_die_with_a_roll_back(
    database_url: str, clock: FakeClock
) -> None:
    signals = open_signals("local", database=database_url, clock=clock)
    called: list[str] = []
    async with open_storage(database_url, clock=clock, signals=signals) as store, signals.subscribe(*Topic) as mailbox:
        with pytest.raises(ZeroDivisionError):
            async with store.begin("broken") as work:
                work.hint(Hint(topic=Topic.WORK))
                work.after_commit(lambda: called.append("never"))
                raise ZeroDivisionError
        assert await mailbox.wait(0) == {}
        async with store.begin("fine") as work:
            await work.events.add([event("x")], now=clock.now())
            work.hint(Hint(topic=Topic.WORK, keys=("payments",)))
            work.after_commit(lambda: called.append("once"))
            assert await mailbox.wait(0) == {}
        assert set(await mailbox.wait(0)) == {Topic.WORK, Topic.FEED}
    assert called == ["once"]

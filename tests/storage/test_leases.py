"""Leases on both databases: one holder at a time, an epoch for each change of hands."""

import asyncio
from datetime import timedelta

from sqlalchemy import update

from storage.leases import Leases
from storage.schema.events import leases
from storage.schema.types import EPOCH
from storage.store import Store
from tests.fakes import FakeClock
from tests.storage.makers import execute

SPAN = timedelta(seconds=30)


async def take(store: Store, owner: str, *, clock: FakeClock | None = None, name: str = "mailbox") -> int | None:
    async with store.begin("test") as work:
        on = Leases(work._run, store.dialect, clock.now) if clock else Leases(work._run, store.dialect)
        return await on.take(name, owner, SPAN)


async def release(store: Store, owner: str) -> None:
    async with store.begin("test") as work:
        await work.leases.release("mailbox", owner)


async def test_one_holder_at_a_time_by_the_databases_clock(store: Store) -> None:
    assert await take(store, "a") == 1
    assert await take(store, "b") is None
    assert await take(store, "a") == 1
    assert await take(store, "b", name="other") == 1
    await execute(store, update(leases).where(leases.c.name == "mailbox").values(until=EPOCH))
    assert await take(store, "b") == 2
    assert await take(store, "a") is None


async def test_a_lease_runs_out_and_changes_hands_with_a_new_epoch(store: Store, clock: FakeClock) -> None:
    assert await take(store, "a", clock=clock) == 1
    clock.advance(SPAN - timedelta(seconds=1))
    assert await take(store, "b", clock=clock) is None
    assert await take(store, "a", clock=clock) == 1
    clock.advance(SPAN)
    assert await take(store, "b", clock=clock) == 2
    clock.advance(SPAN)
    assert await take(store, "b", clock=clock) == 3  # it ran out between: somebody might have been there


async def test_a_lease_given_back_is_free_and_its_epoch_goes_on(store: Store) -> None:
    assert await take(store, "a") == 1
    await release(store, "b")
    assert await take(store, "b") is None
    await release(store, "a")
    assert await take(store, "b") == 2


async def test_of_eight_who_take_it_at_once_one_gets_it(store: Store) -> None:
    taken = await asyncio.gather(*(take(store, f"node {number}") for number in range(8)))
    assert sorted(taken, key=str) == [1] + [None] * 7


async def test_what_the_same_node_held_before_it_died_is_taken_over_at_once_with_a_new_epoch(store: Store) -> None:
    assert await take(store, "web-1:first") == 1
    for other in ("web-2:first", "web-1", "web", "web-1x:first", "%:second", "web_1:second", ":second"):
        assert await take(store, other) is None
    assert await take(store, "web-1:second") == 2
    assert await take(store, "web-1:second") == 2
    await release(store, "web-1:first")  # its predecessor gives away nothing
    assert await take(store, "web-2:first") is None


async def test_an_owner_that_is_no_process_of_a_node_succeeds_nobody(store: Store) -> None:
    assert await take(store, "0199c0de-1") == 1
    assert await take(store, "0199c0de-2") is None

"""Five hundred customers ask at once for fifty slots, at the doors of two nodes: what agents can take is booked, and not one more."""

import asyncio
import multiprocessing
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from conversation.errors import CallbackRefused, Conflict, Overloaded, StoreUnavailable
from conversation.model.callback import CallbackSettings, SlotQuery
from router.flows.callbacks.booking import CallbackBooking
from storage.signals import open_signals
from storage.store import open_storage
from tests.fakes import FakeClock
from tests.router.flows.callbacks.test_callbacks import MONDAY, asked
from tests.router.flows.stage import CANS, Stage, rulebook

SLOTS, SEATS, ASKING = 50, 2, 250
PLAN = CallbackSettings(lawful=dict.fromkeys(range(7), ((0, 24 * 60),)), horizon=timedelta(hours=25), per_slot=SEATS)
RULES = '[queues.general]\n[fallback]\nqueue = "general"\n'
WISH = SlotQuery(channel="phone", zones=("Europe/Paris",), language="en")


def _ask_all(url: str, process: int) -> list[tuple[str, int]]:
    return asyncio.run(_node(url, process))


async def _node(url: str, process: int) -> list[tuple[str, int]]:
    clock = FakeClock(MONDAY)
    signals = open_signals("local", database=url, clock=clock)
    async with open_storage(url, clock=clock, signals=signals, durable=False) as store:
        stage = Stage(store, signals, clock, shards=2)
        stage.rules.swap(rulebook(RULES))
        stage.cans = CANS | {"phone": replace(CANS["phone"], calls=PLAN)}
        async with stage.intake() as inbox:
            calls = CallbackBooking(store, stage.rules, inbox, clock, cans=lambda: stage.cans, ends=stage.ends)
            grid = [MONDAY + timedelta(minutes=30) * (place + 1) for place in range(SLOTS)]
            wanted = [(process * ASKING + one, grid[one % (SLOTS // 2)]) for one in range(ASKING)]
            return list(await asyncio.gather(*(_ask(calls, *one) for one in wanted)))


async def _ask(calls: CallbackBooking, who: int, slot: datetime) -> tuple[str, int]:
    """The slot they want, else the next that they are offered: (the one they got, how often they were refused)."""
    one, refused = asked(number=f"+3319900{who:04}", issue=None, slot=slot), 0
    while True:
        try:
            told = await calls.request(one)
        except CallbackRefused as full:
            assert full.code == "slot_taken"
            refused += 1
            if not full.free:
                return "", refused
            one = replace(one, slot=full.free[0].start)
        except (StoreUnavailable, Conflict, Overloaded):  # told to come back, they come back
            await asyncio.sleep(0.02)
        else:
            assert told.callback.slot_at is not None
            return told.callback.slot_at.isoformat(), refused


async def _prepared(url: str) -> int:
    """One agent who takes two calls at a time; how many slots there are."""
    clock = FakeClock(MONDAY)
    signals = open_signals("local", database=url, clock=clock)
    async with open_storage(url, clock=clock, signals=signals, durable=False) as store:
        stage = Stage(store, signals, clock, shards=1)
        stage.rules.swap(rulebook(RULES))
        await stage.agent(capacity=SEATS, skills={})
        cans = CANS | {"phone": replace(CANS["phone"], calls=PLAN)}
        async with stage.intake() as inbox:
            calls = CallbackBooking(store, stage.rules, inbox, clock, cans=lambda: cans, ends=stage.ends)
            return len(await calls.slots(WISH, limit=200))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_exactly_the_capacity_is_booked_and_everybody_else_is_offered_the_next_free_one(postgres_url: str) -> None:
    assert asyncio.run(_prepared(postgres_url)) == SLOTS
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        told = [one for part in pool.starmap(_ask_all, [(postgres_url, 0), (postgres_url, 1)]) for one in part]

    by_slot = Counter(slot for slot, _ in told if slot)
    assert (len(told), by_slot.total(), len(by_slot)) == (2 * ASKING, SLOTS * SEATS, SLOTS)
    assert set(by_slot.values()) == {SEATS}
    moved = [refused for slot, refused in told if slot and refused]
    print(
        f"\n{len(told)} asked, {by_slot.total()} booked, {len(moved)} of them at the next free time they were offered"
    )
    assert len(moved) >= SLOTS * SEATS // 2  # everybody wants the first half
    assert all(refused for slot, refused in told if not slot)

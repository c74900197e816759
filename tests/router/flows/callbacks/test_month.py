"""A month of requests under a clock that jumps from one event to the next: six zones, both changes of the clocks.

`CALLS` requests in all (the quick suite asks for few). What was promised and done is checked against clocks of its own.
"""

import hashlib
import heapq
import os
import random
import shutil
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from conversation.errors import CallbackRefused, Conflict
from conversation.model.callback import Callback, CallOutcome, CallState, SlotQuery
from conversation.model.conversation import State
from conversation.model.people import Agent
from router.flows.callbacks.booking import CallbackBooking
from router.flows.callbacks.timers import CallbackTimers
from storage.database import sqlite
from storage.signals import open_signals
from storage.store import open_storage
from tests.fakes import FakeClock
from tests.router.flows.callbacks.test_callbacks import asked
from tests.router.flows.stage import CANS, PLAN, Stage, rulebook

CALLS = int(os.environ.get("CALLS", "120"))
ZONES = ("Europe/Paris", "Europe/London", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Asia/Shanghai")
RULES = """
[languages]
offered = ["en"]
default = "en"
[hours.berlin]
timezone = "Europe/Berlin"
mon-fri = ["07:00-13:00", "14:00-22:00"]
sat = ["09:00-18:00"]
[queues.general]
hours = "berlin"
[fallback]
queue = "general"
[issues.topup]
[issues.fees]
"""
WAYS = (
    CallOutcome.DONE,
    CallOutcome.NO_ANSWER,
    CallOutcome.BUSY,
    CallOutcome.VOICEMAIL,
    CallOutcome.CONGESTION,
    CallOutcome.REJECTED,
    CallOutcome.INVALID,
)
SPAN = timedelta(days=28)
MINUTE = timedelta(minutes=1)
SEATS = 8  # in a slot
ENOUGH, MANY = 2_000, 10_000  # requests for every end to be met, and for a slot to fill up


def lawful(zone: str, at: datetime) -> bool:
    """An oracle of its own: weekdays 9-20, Saturdays 10-18, by the clock there."""
    wall = at.astimezone(ZoneInfo(zone))
    hours = {5: (10, 18), 6: (0, 0)}.get(wall.weekday(), (9, 20))
    return hours[0] <= wall.hour < hours[1]


def is_open(at: datetime) -> bool:
    wall = at.astimezone(ZoneInfo("Europe/Berlin"))
    spans = {5: ((9, 18),), 6: ()}.get(wall.weekday(), ((7, 13), (14, 22)))
    return any(low <= wall.hour < high for low, high in spans)


class Month:
    """What happens, in the order of time; the seed decides everything else."""

    def __init__(self, stage: Stage, calls: CallbackBooking, start: datetime, seed: int) -> None:
        self.stage = stage
        self.calls = calls
        self.start = start
        self.draw = random.Random(seed)
        self.events: list[tuple[datetime, int, str, str]] = []
        self.number = 0
        self.requests: set[str] = set()
        self.links: dict[str, str] = {}
        self.dialed: list[tuple[str, str, str]] = []
        self.agents: list[Agent] = []
        self.left_lying: set[str] = set()
        self.fullest = 0
        duties = CallbackTimers(stage.storage, stage.rules, stage.clock, cans=lambda: CANS, ends=stage.ends)
        self.duties = duties.duties()

    def plan(self, at: datetime, what: str, which: str = "") -> None:
        self.number += 1
        heapq.heappush(self.events, (at, self.number, what, which))

    async def run(self, count: int) -> None:
        self.agents = [await self.stage.agent(f"a{n}", capacity=2, skills={}) for n in range(4)]
        for _ in range(count):
            self.plan(self.start + self.draw.random() * SPAN, "ask")
        while self.events:
            at, _, what, which = heapq.heappop(self.events)
            self.stage.clock.advance(max(at - self.stage.clock.now(), timedelta(0)))
            await getattr(self, f"_{what}")(which)

    async def _ask(self, _: str) -> None:
        zone, again = self.draw.choice(ZONES), self.draw.random() < 0.1 and self.requests
        number = f"+3319900{self.draw.randrange(10_000):04}" if not again else "+33199001234"
        query = SlotQuery(channel="phone", zones=(zone,), language="en")
        free = await self.calls.slots(query, limit=200) if self.draw.random() < 0.6 else []
        slot = self.draw.choice(free).start if free else None
        issue = self.draw.choice(["topup", "fees"])
        try:
            link = (
                self.links.get(number) if self.draw.random() < 0.9 else None
            )  # the others cannot prove that it is theirs
            told = await self.calls.request(asked(number=number, zones=(zone,), slot=slot, issue=issue, token=link))
        except CallbackRefused:
            return
        one = told.callback
        if slot is not None:
            await self._is_not_overbooked(slot)
        self.links[number] = one.conversation
        self.requests.add(one.id)
        if self.draw.random() < 0.05:
            self.plan(self.stage.clock.now() + timedelta(minutes=self.draw.randrange(600)), "cancel", one.id)
        self._wait(one)

    async def _is_not_overbooked(self, slot: datetime) -> None:
        """Asked at every booking, while it stands: four agents take two calls each."""
        async with self.stage.storage.read("test") as work:
            there = await work.callbacks.taken("general", slot, slot + PLAN.slot, now=self.stage.clock.now())
        booked = sum(there[slot].values())
        assert booked <= SEATS
        self.fullest = max(self.fullest, booked)

    def _wait(self, one: Callback) -> None:
        if one.open:
            self.plan(one.due_at or self.stage.clock.now(), "work", one.id)

    async def _cancel(self, which: str) -> None:
        await self.calls.cancel(which)

    async def _work(self, which: str) -> None:
        for duty in self.duties:
            await duty(self.stage.clock.now())
        one = (await self.calls.status(which)).callback
        if one.state in (CallState.REQUESTED, CallState.SCHEDULED):
            self._wait(one)
        elif one.state is CallState.DUE:
            await self._call(one)

    async def _call(self, one: Callback) -> None:
        now = self.stage.clock.now()
        if self.draw.random() < 0.1:  # nobody comes in time
            late = timedelta(minutes=self.draw.choice([10, 45, 6_000]))
            if late > PLAN.expires:
                self.left_lying.add(one.id)
            self.plan(now + late, "work", one.id)
            return
        agent = self.draw.choice(self.agents)
        try:
            await self.stage.calls.dial(agent, one.conversation)
        except Conflict as refused:
            assert refused.code == "unlawful_hour", refused.code
            assert not lawful(one.zone, now)
            self.plan(now + timedelta(hours=1), "work", one.id)
            return
        self.dialed.append((one.number, one.zone, now.isoformat()))
        assert lawful(one.zone, now)
        assert is_open(now) or is_open(now - MINUTE)  # once a minute those are put to sleep whose queue has closed
        await self.stage.calls.outcome(agent, one.conversation, self.draw.choices(WAYS, (5, 3, 2, 1, 1, 1, 1))[0])
        self._wait((await self.calls.status(one.id)).callback)


async def month(url: str, start: datetime, seed: int) -> tuple[str, Counter[str]]:
    clock = FakeClock(start)
    signals = open_signals("local", database=url, clock=clock)
    async with open_storage(url, clock=clock, signals=signals, durable=False) as storage:
        stage = Stage(storage, signals, clock, shards=1)
        stage.rules.swap(rulebook(RULES, revision="month"))
        async with stage.intake() as inbox:
            calls = CallbackBooking(storage, stage.rules, inbox, clock, cans=lambda: CANS, ends=stage.ends)
            lived = Month(stage, calls, start, seed)
            await lived.run(CALLS)
            ends = [(await calls.status(one)).callback for one in sorted(lived.requests)]
        async with storage.read("test") as work:
            states = Counter([(await work.conversations.get(one.conversation)).state for one in ends])
    assert [one.id for one in ends if one.open] == []  # nobody is forgotten
    assert {
        one.id for one in ends if one.state is CallState.EXPIRED
    } <= lived.left_lying  # and nobody runs out too early
    assert lived.fullest == SEATS or CALLS < MANY
    assert set(states) <= {State.CLOSED}
    told = sorted((one.number, one.matter, one.state, [*one.outcomes], one.asked_at.isoformat()) for one in ends)
    digest = hashlib.sha256(repr((told, lived.dialed)).encode()).hexdigest()
    return digest, Counter([one.state.value for one in ends])


@pytest.fixture
def at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """One thing happens at a time here: the database is asked in this thread, and a month costs a quarter of the time."""

    async def call(thread: Any, verb: Any) -> Any:
        return thread._inside(verb)

    async def commit(thread: Any, last: Any) -> None:
        thread._commit(last)

    async def close(thread: Any) -> None:
        thread._drop()

    for name, verb in (("run", call), ("commit", commit), ("rollback", sqlite._Thread._end), ("close", close)):
        monkeypatch.setattr(sqlite._Thread, name, verb)


@pytest.fixture
async def urls(sqlite_url: str) -> AsyncIterator[tuple[str, str]]:
    twin = sqlite_url.replace(".db", "-twin.db")
    shutil.copyfile(sqlite_url.removeprefix("sqlite:///"), twin.removeprefix("sqlite:///"))
    yield sqlite_url, twin


@pytest.mark.slow
@pytest.mark.usefixtures("at_home")
@pytest.mark.timeout(36_000)
@pytest.mark.parametrize("start", ["2026-03-06", "2026-10-16"])
async def test_a_month_of_calls_keeps_every_promise_and_is_the_same_for_the_same_seed(
    urls: tuple[str, str], start: str
) -> None:
    begins = datetime.fromisoformat(start).replace(tzinfo=UTC)
    first, states = await month(urls[0], begins, seed=6)
    again, _ = await month(urls[1], begins, seed=6)

    assert first == again
    assert states["done"] > CALLS // 10
    assert {"done", "failed"} <= set(states)
    assert {"no_answer", "busy", "expired", "cancelled"} <= set(states) or CALLS < ENOUGH
    print(f"\n{CALLS} requests in 28 days from {start}, twice the same: {dict(sorted(states.items()))}")

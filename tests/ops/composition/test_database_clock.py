"""Nodes go by the database's clock: one whose own is wrong makes nobody offline, and fires no timer early."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from conversation.errors import StoreUnavailable
from conversation.model.conversation import State
from conversation.model.people import Presence
from ops.composition.application import Application, built
from ops.composition.database_clock import DatabaseClock
from ops.composition.infrastructure import Replacements
from ops.configuration.settings import load
from ops.system_clock import SystemClock
from storage.database.server_clock import ServerTime
from storage.signals import open_signals
from storage.store import Store, open_storage
from tests.desk.conftest import until
from tests.fakes import FakeClock
from tests.serving import environment, write_config
from tests.storage.makers import conversation, hire, put

HALF_A_MINUTE = timedelta(seconds=30)


class Server:
    """A database whose clock is as far ahead of this machine's as it is told, and answers as slowly."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.ahead: timedelta | None = timedelta(0)
        self.way = timedelta(milliseconds=1)
        self.gone = False
        self.looks = 0

    async def server_time(self) -> ServerTime | None:
        self.looks += 1
        if self.gone:
            raise StoreUnavailable("gone")
        if self.ahead is None:
            return None
        return ServerTime(self._clock.now() + self.ahead, self._clock.monotonic(), self.way)


class Pair:
    """A machine's clock, the database's, and what the node makes of both."""

    def __init__(self) -> None:
        self.machine = FakeClock()
        self.server = Server(self.machine)
        self.clock = DatabaseClock(self.machine)

    async def look(self, ahead: timedelta | None, *, way: timedelta = timedelta(milliseconds=1)) -> timedelta:
        """The offset after a look."""
        self.server.ahead, self.server.way = ahead, way
        await self.clock.correct(self.server)
        return self.clock.offset


async def test_the_time_is_the_databases_and_goes_on_by_the_monotonic_clock() -> None:
    pair = Pair()
    assert await pair.look(-timedelta(seconds=90)) == -timedelta(seconds=90)
    shown = pair.clock.now()
    pair.machine.advance(timedelta(seconds=3))
    assert pair.clock.now() == shown + timedelta(seconds=3)
    pair.machine.set(pair.machine.now() + timedelta(hours=1))  # somebody sets the time of day
    assert pair.clock.now() == shown + timedelta(seconds=3)


async def test_a_look_that_leaves_the_difference_in_doubt_moves_nothing() -> None:
    pair = Pair()
    assert await pair.look(timedelta(seconds=9), way=timedelta(seconds=2)) == timedelta(0)
    assert await pair.look(timedelta(seconds=9), way=timedelta(milliseconds=900)) == timedelta(seconds=9)
    assert await pair.look(timedelta(seconds=9.4), way=timedelta(milliseconds=900)) == timedelta(seconds=9)
    assert await pair.look(timedelta(seconds=9.4)) == timedelta(seconds=9.4)
    assert await pair.look(timedelta(seconds=9.415)) == timedelta(seconds=9.4)


async def test_above_a_second_there_is_an_alarm_once_until_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    pair = Pair()
    words = []
    for seconds in (0.9, 1.5, 90.0, -90.0, 0.0, 0.1, 2.0):
        await pair.look(timedelta(seconds=seconds))
        words.append(pair.clock.status())
    assert words == [
        None, "1.5 s behind the database", "90.0 s behind the database", "90.0 s ahead of the database", None, None,
        "2.0 s behind the database",
    ]  # fmt: skip
    assert [one.getMessage() for one in caplog.records] == ["clock_skewed", "clock_agrees", "clock_skewed"]


async def test_where_there_is_one_machine_its_clock_counts() -> None:
    pair = Pair()
    assert await pair.look(None) == timedelta(0)
    pair.machine.set(pair.machine.now() + timedelta(days=1))
    assert (pair.clock.now(), pair.clock.status()) == (pair.machine.now(), None)


async def test_while_the_database_is_gone_the_last_look_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ops.composition.database_clock._EVERY", 0.01)
    pair = Pair()
    await pair.look(timedelta(seconds=90))
    pair.server.gone, seen = True, pair.server.looks
    following = asyncio.ensure_future(pair.clock.follow(pair.server))
    await until(lambda: pair.server.looks >= seen + 3)
    assert (following.done(), pair.clock.offset) == (False, timedelta(seconds=90))
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)


# -- a whole node ------------------------------------------------------------------------------------------------------


class Wrong(SystemClock):
    """A machine's clock that is wrong."""

    def __init__(self, by: timedelta) -> None:
        self._by = by

    def now(self) -> datetime:
        return super().now() + self._by


@asynccontextmanager
async def right_store(url: str) -> AsyncIterator[Store]:
    """Of a node whose clock is right: here it is that of the database's machine."""
    clock = SystemClock()
    async with open_storage(url, clock=clock, signals=open_signals("local", database=url, clock=clock)) as store:
        yield store


@asynccontextmanager
async def loops(node: Application) -> AsyncIterator[None]:
    tasks = [asyncio.ensure_future(run()) for run in node.runs]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def served(node: Application, path: str) -> tuple[int, str]:
    runner = web.AppRunner(node.app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as answer:
            return answer.status, await answer.text()
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("seconds", [90, -90])
async def test_a_node_whose_clock_is_wrong_makes_nobody_offline_and_fires_no_timer_early(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: int
) -> None:
    config = write_config(tmp_path, postgres_url)
    settings, wrong = load(config, environment()), Wrong(timedelta(seconds=seconds))
    purposes = _counted(monkeypatch)
    async with right_store(postgres_url) as store:
        now = datetime.now(UTC)
        agent = await hire(store, until=now + HALF_A_MINUTE)
        offered = conversation(
            state=State.OFFERED, offered_to=agent.id, offer_until=now + HALF_A_MINUTE, waiting_since=now
        )
        asleep = conversation(state=State.SNOOZED, snoozed_until=now + HALF_A_MINUTE, waiting_since=None)
        await put(store, offered, asleep)
        async with built(settings, config, environment(), Replacements(clock=wrong)) as node, loops(node):
            purposes.clear()
            wanted = ("lapsed", "expired_offers", "deserted", "abandoned", "asleep", "on_duty")
            await until(lambda: min(purposes[one] for one in wanted) >= 2)
            ready, metrics = await served(node, "/readyz"), await served(node, "/metrics")
        async with store.read("test") as work:
            on_duty = {one.agent: one.presence for one in await work.agents.on_duty(datetime.now(UTC))}
            states = [(await work.conversations.get(one.id)).state for one in (offered, asleep)]
            events = await work.events.after(0, limit=50)
    assert on_duty == {agent.id: Presence.ONLINE}
    assert states == [State.OFFERED, State.SNOOZED]
    assert events == []
    way = "ahead of" if seconds > 0 else "behind"
    body: dict[str, Any] = json.loads(ready[1])
    assert (ready[0], body["status"], body["clock"]) == (200, "degraded", f"90.0 s {way} the database")
    (line,) = [one for one in metrics[1].splitlines() if one.startswith("huntgroup_clock_offset_seconds")]
    assert float(line.split()[1]) == pytest.approx(-seconds, abs=1)


def _counted(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each transaction was begun, by its purpose."""
    purposes: Counter[str] = Counter()
    for name in ("begin", "read"):
        whole: Callable[..., Any] = getattr(Store, name)

        def counted(store: Store, purpose: str, whole: Callable[..., Any] = whole) -> Any:
            purposes[purpose] += 1
            return whole(store, purpose)

        monkeypatch.setattr(Store, name, counted)
    return purposes

"""A node that takes requests and dials, killed at any moment, again and again; its exchange writes down every call that it is asked for.

    python -m tests.faults.dialing DATABASE FOLDER KILLS

Each life is a fork of this process, so that a start costs nothing and a kill comes early, late or in the middle of a commit. Time is
told a thousand times as fast, from one beginning for all lives: a try of which nobody tells is lost within a second.
"""

import asyncio
import contextlib
import os
import random
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from conversation.errors import HuntgroupError
from conversation.model.callback import ENDS_AS, CallbackSettings, CallOutcome, CallReport, CallState, PhoneCall
from conversation.model.people import Agent
from router.flows.callbacks.booking import CallbackBooking
from storage.signals import open_signals
from storage.store import open_storage
from tests.router.flows.callbacks.test_callbacks import asked
from tests.router.flows.stage import CANS, Stage, rulebook

BEGINS = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
FASTER = 1_000
PLAN = CallbackSettings(
    dialer="twilio",
    lawful=dict.fromkeys(range(7), ((0, 24 * 60),)),
    distances=dict.fromkeys(ENDS_AS, (timedelta(minutes=1),) * 9),
)
RULES = '[queues.general]\n[fallback]\nqueue = "general"\n'
LONGEST = 1.0  # seconds of a life, from when it works
ASKERS = 4
AT_ONCE = 20  # requests that wait, at most: the more, the fewer tries are met by a kill


class FastClock:
    """One beginning for every life, and a thousand seconds in each."""

    def __init__(self, zero: float) -> None:
        self._zero = zero

    def now(self) -> datetime:
        return BEGINS + timedelta(seconds=(time.time() - self._zero) * FASTER)

    def monotonic(self) -> float:
        return time.monotonic()


class Ledger:
    """Lines that outlive whoever wrote them: one write each, to the end of a file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, name: str, line: str) -> None:
        file = os.open(self._folder / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(file, f"{line}\n".encode())
        os.close(file)

    def read(self, name: str) -> list[str]:
        path = self._folder / name
        return path.read_text().split() if path.exists() else []


class Exchange:
    """Writes each call down before it does anything else, and tells of its end, while it lives."""

    def __init__(self, ledger: Ledger, stage: Stage) -> None:
        self._ledger = ledger
        self._stage = stage
        self._telling: set[asyncio.Task[None]] = set()

    async def dial(self, call: PhoneCall) -> str:
        self._ledger.write("dialed", call.attempt)
        await pause()
        self._telling.add(asyncio.create_task(self._tell(call.attempt)))
        return call.attempt

    async def reports(self) -> AsyncIterator[CallReport]:
        for attempt in self._ledger.read("never"):
            yield CallReport(attempt=attempt)

    async def _tell(self, attempt: str) -> None:
        await pause()
        outcome = random.choice([CallOutcome.BUSY, CallOutcome.NO_ANSWER, CallOutcome.DONE])
        await self._stage.ends.progressed(attempt, outcome=outcome)


async def pause() -> None:
    await asyncio.sleep(random.random() / 100)


async def live(database: str, ledger: Ledger, zero: float, ready: int, *, taking: bool) -> None:
    """Until killed; without `taking`, until nothing is open any more."""
    clock = FastClock(zero)
    signals = open_signals("local", database=database, clock=clock)
    await signals.start()
    async with open_storage(database, clock=clock, signals=signals) as storage:
        stage = Stage(storage, signals, clock, shards=1)  # type: ignore[arg-type]  # it is never advanced
        stage.rules.swap(rulebook(RULES))
        stage.cans = CANS | {"phone": replace(CANS["phone"], calls=PLAN)}
        exchange = Exchange(ledger, stage)
        stage.ends._dialers = lambda: {"phone": exchange}
        agent = await _agent(stage)
        works = [_again(lambda: _dial(stage, agent)), _again(lambda: stage.ticker.once(clock.now()))]
        async with stage.intake() as inbox, asyncio.TaskGroup() as tasks:
            calls = CallbackBooking(storage, stage.rules, inbox, clock, cans=lambda: stage.cans, ends=stage.ends)
            if taking:
                works += [_again(lambda: _ask(stage, calls, ledger)) for _ in range(ASKERS)]
            running = [tasks.create_task(one) for one in works]
            os.write(ready, b"r")
            if not taking:
                await _settled(stage)
                for one in running:
                    one.cancel()


async def _agent(stage: Stage) -> Agent:
    async with stage.storage.read("test") as work:
        known = await work.agents.all()
    return known[0] if known else await stage.agent(capacity=100_000, skills={})


async def _again(step: Callable[[], Coroutine[Any, Any, Any]]) -> None:
    """For ever; two that meet are told so, and go on."""
    while True:
        with contextlib.suppress(HuntgroupError):
            await step()
        await pause()


async def _ask(stage: Stage, calls: CallbackBooking, ledger: Ledger) -> None:
    if len(await _open(stage)) < AT_ONCE:
        number = f"+3319900{random.randrange(10_000):04}"
        told = await calls.request(asked(number=number, received_at=stage.clock.now()))
        ledger.write("asked", told.callback.id)  # whoever reads this was promised a call


async def _dial(stage: Stage, agent: Agent) -> None:
    due = [one for one in await _open(stage) if one.state is CallState.DUE]
    if due:
        await stage.calls.dial(agent, random.choice(due).conversation)


async def _open(stage: Stage) -> list[Any]:
    async with stage.storage.read("test") as work:
        return list(await work.callbacks.in_states([*CallState], "", 10 * AT_ONCE))


async def _settled(stage: Stage) -> None:
    while await _open(stage):
        await pause()


def fork(work: Callable[[int], Coroutine[Any, Any, None]]) -> int:
    """A life of its own, that works; its end is none of ours."""
    told, ready = os.pipe()
    child = os.fork()
    if child == 0:
        random.seed()
        try:
            asyncio.run(work(ready))
        finally:
            os._exit(0)
    os.close(ready)
    os.read(told, 1)
    os.close(told)
    return child


def main(database: str, folder: str, kills: str) -> None:
    """So many lives, killed one after the other, and a last one that is let be."""
    ledger, zero = Ledger(Path(folder)), time.time()
    for _ in range(int(kills)):
        child = fork(lambda ready: live(database, ledger, zero, ready, taking=True))
        time.sleep(random.random() * LONGEST)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    os.waitpid(fork(lambda ready: live(database, ledger, zero, ready, taking=False)), 0)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Loops that fail are restarted with growing pauses and seen by operators; no failure of a loop ends the process."""

import asyncio
import json
import os
import re
import signal
from collections import Counter
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest

import ops.composition.supervised_loops as module
from conversation.errors import StoreUnavailable
from ops.commands.serve import Options, serve
from ops.composition.supervised_loops import STEADY_AFTER, Loop, LoopSupervisor
from storage.signals.relay import RelayedSignals
from tests.desk.conftest import until
from tests.fakes import FakeClock
from tests.serving import ROOT, environment, write_config

ALL = """
[channels.phone]
kind = "callback"
"""
DOCS = ROOT / "docs/operations.md"


class Stage:
    """A loop of which each life ends as it is scripted, and a clock that moves while it rests."""

    def __init__(self, *lives: BaseException | float | None) -> None:
        self.clock = FakeClock()
        self.lives = list(lives)
        self.pauses: list[float] = []
        self.seen: list[dict[str, str]] = []
        self.loops = LoopSupervisor(self.clock, sleep=self.sleep, chance=lambda: 1.0)

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.seen.append(dict(self.loops.failing()))
        self.clock.advance(timedelta(seconds=seconds))

    async def run(self) -> None:
        life = self.lives.pop(0)
        if isinstance(life, float):
            self.clock.advance(timedelta(seconds=life))
            life = StoreUnavailable("gone")
        if life is not None:
            raise life

    async def played(self) -> "Stage":
        await self.loops.supervised("timers", self.run)()
        return self


async def test_the_pauses_grow_to_a_limit_and_begin_anew_once_it_was_steady() -> None:
    stage = await Stage(*[ValueError("bug")] * 7, STEADY_AFTER, ValueError("bug"), None).played()
    assert stage.pauses == [1, 2, 4, 8, 16, 30, 30, 1, 2]


async def test_a_failing_loop_is_named_until_it_was_steady(caplog: pytest.LogCaptureFixture) -> None:
    stage = await Stage(ValueError("bug"), StoreUnavailable("gone"), None).played()
    assert stage.seen == [{"timers": "ValueError"}, {"timers": "StoreUnavailable"}]
    assert (stage.loops.failing(), stage.loops.levels()) == ({"timers": "StoreUnavailable"}, {"timers": 0.0})
    stage.clock.advance(timedelta(seconds=STEADY_AFTER))
    assert (stage.loops.failing(), stage.loops.levels()) == ({}, {"timers": 1.0})
    lines = [vars(record) for record in caplog.records if record.getMessage() == "loop_restarted"]
    assert [(line["loop"], line["levelname"], line["exc_info"] is not None) for line in lines] == [
        ("timers", "ERROR", True),
        ("timers", "WARNING", False),
    ]


async def test_a_cancellation_that_nobody_asked_for_is_a_failure() -> None:
    assert (await Stage(asyncio.CancelledError(), None).played()).pauses == [1]


async def test_whoever_cancels_ends_the_loop_also_while_it_rests() -> None:
    for run in (asyncio.Event().wait, Stage(ValueError("bug")).run):
        loops = LoopSupervisor(FakeClock())

        async def life(run: Loop = run) -> None:  # type: ignore[assignment]
            await run()

        task = asyncio.ensure_future(loops.supervised("timers", life)())
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


class Planted:
    """Lets each supervised loop fail twice, each time after it has begun, before it may run."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun: Counter[str] = Counter()
        self._supervised = LoopSupervisor.supervised
        monkeypatch.setattr(LoopSupervisor, "supervised", lambda loops, name, run: self._planted(loops, name, run))
        monkeypatch.setattr(module, "back_off", lambda _attempt, _chance: 0.01)

    def _planted(self, loops: LoopSupervisor, name: str, run: Loop) -> Loop:
        async def failing() -> None:
            self.begun[name] += 1
            if self.begun[name] > 2:
                await run()
                return
            begun = asyncio.ensure_future(run())
            await asyncio.sleep(0.01)  # it holds what a loop holds: a mailbox, tasks of its own
            begun.cancel()
            await asyncio.wait([begun])
            raise RuntimeError("planted")

        return self._supervised(loops, name, failing)


async def test_a_failure_in_any_loop_restarts_it_and_never_ends_the_process(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = write_config(tmp_path, sqlite_url, more=ALL)
    config.write_text(config.read_text().replace("[service]", '[service]\nshadow = "config.toml"', 1))
    planted, ready = Planted(monkeypatch), asyncio.Event()
    urls: list[str] = []

    def on_ready(_application: object, url: str) -> None:
        urls.append(url)
        ready.set()

    serving = asyncio.ensure_future(serve(Options(config=config, environment=environment()), ready=on_ready))
    await asyncio.wait({serving, asyncio.ensure_future(ready.wait())}, return_when=asyncio.FIRST_COMPLETED)
    documented = set(re.findall(r"`(\w+)`", DOCS.read_text().partition("| loop | does |")[2].partition("\n\n")[0]))
    await until(lambda: set(planted.begun) == documented and min(planted.begun.values()) == 3)
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{urls[0]}/readyz") as answer:
            found = json.loads(await answer.read())
        async with session.get(f"{urls[0]}/metrics") as answer:
            metrics = await answer.text()
    assert (answer.status, found["status"], found["loops"]) == (
        200,
        "degraded",
        dict.fromkeys(documented, "RuntimeError"),
    )
    assert set(re.findall(r'huntgroup_loop_up\{loop="(\w+)"\} 0.0', metrics)) == documented
    assert f'huntgroup_events_total{{event="loops.restarted"}} {2.0 * len(documented)}' in metrics
    os.kill(os.getpid(), signal.SIGTERM)
    assert await serving == 0


class _Link:
    """A link that breaks its promise never to raise."""

    def __init__(self) -> None:
        self.lost = asyncio.Event()
        self.lost.set()

    async def send(self, payload: str) -> None:
        """Nowhere."""

    async def close(self) -> None:
        raise RuntimeError("planted")


async def test_a_link_between_nodes_that_fails_in_any_way_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.signals.relay._FIRST_PAUSE", 0.01)
    links: list[_Link] = []

    async def connect(_heard: object) -> _Link:
        links.append(_Link())
        return links[-1]

    signals = RelayedSignals(connect, "test")
    await signals.start()
    await until(lambda: len(links) >= 3)
    await signals.stop()

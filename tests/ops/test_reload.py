"""Reloading: what was read is activated whole or not at all, and nothing that goes wrong with it ends the house."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from conversation.errors import StoreUnavailable
from conversation.events import Hint, Topic
from ops.metrics import Meters
from ops.reload import Reloader, first_rules
from ops.settings import load
from router.detector import load_detector
from router.language import Detector
from router.override_hours import declare
from storage.engine import Store
from storage.signals.local import LocalSignals
from tests.fakes import FakeClock
from tests.ops.test_check import GOOD

OTHER = GOOD.replace("payments", "cash")


class Lost:
    """A store whose database does not answer."""

    def read(self, _purpose: str) -> Any:
        raise StoreUnavailable("gone")

    begin = read


@pytest.fixture(scope="module")
def detector() -> Detector:
    return load_detector(["en"])


class Stage:
    """A file, a store, and the reloader between them."""

    def __init__(self, folder: Path, store: Store, clock: FakeClock, detector: Detector) -> None:
        self.path = folder / "config.toml"
        self.path.write_text(GOOD)
        self.store, self.clock, self.detector = store, clock, detector
        self.meters, self.signals = Meters(), LocalSignals()

    async def reloader(self, storage: Any = None) -> Reloader:
        settings = load(self.path, {})
        rules = await first_rules(self.store, settings, self.clock)
        return Reloader(
            path=self.path,
            environment={},
            storage=storage or self.store,
            rules=rules,
            settings=settings,
            signals=self.signals,
            clock=self.clock,
            meters=self.meters,
            detector=self.detector,
        )

    def applied(self) -> float | None:
        return self.meters.registry.get_sample_value("huntgroup_config_last_reload_successful")


@pytest.fixture
def stage(tmp_path: Path, store: Store, clock: FakeClock, detector: Detector) -> Stage:
    return Stage(tmp_path, store, clock, detector)


async def test_a_fault_keeps_the_old_rules_and_going_back_to_them_counts_as_applied(stage: Stage) -> None:
    reloader = await stage.reloader()
    assert stage.applied() == 1  # at the start, before any reload
    before = (await reloader.reload("test")).revision
    stage.path.write_text(GOOD + "nonsense = 1\n")
    refused = await reloader.reload("test")
    assert (refused.applied, refused.revision, stage.applied()) == (False, before, 0)
    assert refused.faults[0].startswith(f"{stage.path}:")
    stage.path.write_text(GOOD)
    assert (await reloader.reload("test")).applied
    assert stage.applied() == 1


async def test_what_was_read_is_in_force_at_once(stage: Stage) -> None:
    reloader = await stage.reloader()
    stage.path.write_text(OTHER)
    assert (await reloader.reload("test")).applied
    assert "cash" in reloader._rules.rulebook.queues


async def test_a_lost_database_does_not_end_whoever_reloads_or_follows(stage: Stage) -> None:
    reloader = await stage.reloader(Lost())
    await reloader.try_reload("signal")
    assert stage.applied() == 0
    following = asyncio.create_task(reloader.follow())
    for _ in range(3):
        await asyncio.sleep(0)
        stage.signals.publish(Hint(topic=Topic.RULES, keys=("x",)))
    await asyncio.sleep(0.05)
    assert not following.done()
    following.cancel()
    with suppress(asyncio.CancelledError):
        await following


async def test_overridden_hours_are_in_force_once_heard_of_and_a_reload_keeps_them(stage: Stage) -> None:
    reloader = await stage.reloader()
    now = stage.clock.now()
    calendars = reloader._rules.rulebook.calendars
    state = calendars.is_open("day", now)
    async with stage.store.begin("test") as work:
        asked = {"until": now + timedelta(hours=1), "reason": "fire", "actor": "anna", "now": now}
        await declare(work, calendars, calendar="day", is_open=not state, **asked)  # type: ignore[arg-type]
    following = asyncio.create_task(reloader.follow())
    async with asyncio.timeout(60):
        while reloader._rules.rulebook.calendars.is_open("day", now) is state:
            await asyncio.sleep(0.01)
    following.cancel()
    stage.path.write_text(OTHER)
    assert (await reloader.reload("test")).applied
    assert reloader._rules.rulebook.calendars.is_open("day", now) is not state
    assert reloader._rules.rulebook.calendars.is_open("day", now + timedelta(hours=1)) is calendars.is_open(
        "day", now + timedelta(hours=1)
    )

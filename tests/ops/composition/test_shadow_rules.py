"""A second rules file decides beside the one in force: differences are logged, nobody waits, and a bad file casts no shadow."""

import asyncio
import logging
from pathlib import Path

import pytest

from conversation.model.decision import StoredDecision
from ops.composition.shadow_rules import Shadow
from ops.configuration.settings import Settings, load
from ops.observability.metrics import Meters
from router.understanding.language_detector import load_detector
from storage.store import Store
from tests.fakes import FakeClock
from tests.ops.commands.test_rehearse import START
from tests.ops.rule_analysis.month import Month

FILE = """
[queues.general]
[queues.cards]
[issues.card]
queue = "cards"
words = ["card"]
[fallback]
queue = "general"
[channels.site]
kind = "webchat"
origins = ["http://127.0.0.1:8080"]
[channels.app]
kind = "webchat"
origins = ["http://127.0.0.1:8080"]
"""
COUNT = 60
DETECTOR = load_detector(("en",))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    path = tmp_path / "rules.toml"
    path.write_text(FILE)
    return load(path, {}, make_secrets=False)


@pytest.fixture
async def decided(store: Store, settings: Settings) -> list[StoredDecision]:
    await Month(settings, DETECTOR, START).store(store, COUNT)
    async with store.read("test") as work:
        return await work.decisions.stream(START, after=None, limit=COUNT)


def shadow_of(text: str, store: Store, settings: Settings, folder: Path) -> Shadow:
    path = folder / "shadow.toml"
    path.write_text(text)
    return Shadow(
        path,
        {},
        settings=settings,
        storage=store,
        detector=DETECTOR,
        clock=FakeClock(),
        meters=Meters(),
    )


async def test_the_same_file_differs_in_nothing(
    store: Store, settings: Settings, decided: list[StoredDecision], tmp_path: Path
) -> None:
    shadow = shadow_of(FILE, store, settings, tmp_path)
    await shadow.read()
    shadow.decided(decided)
    await shadow.catch_up()
    assert (shadow.tally.decided, shadow.tally.differing, shadow.tally.passed_over) == (COUNT, 0, 0)


async def test_what_another_file_decides_otherwise_is_logged_and_nothing_else(
    store: Store,
    settings: Settings,
    decided: list[StoredDecision],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    shadow = shadow_of(FILE.replace('words = ["card"]', 'words = ["fee"]'), store, settings, tmp_path)
    await shadow.read()
    caplog.set_level(logging.INFO, logger="ops.composition.shadow_rules")
    shadow.decided(decided)
    await shadow.catch_up()
    told = [record.__dict__ for record in caplog.records if record.message == "shadow_differs"]
    assert 0 < shadow.tally.differing < COUNT
    assert len(told) == shadow.tally.differing
    assert "general -> cards" in {one.get("queue") for one in told}
    assert all(one["decision"] and "issue" in one["differs"] for one in told)


async def test_a_file_with_a_fault_casts_no_shadow_and_says_why(
    store: Store, settings: Settings, decided: list[StoredDecision], tmp_path: Path
) -> None:
    shadow = shadow_of(FILE.replace('queue = "cards"', 'queue = "crads"'), store, settings, tmp_path)
    await shadow.read()
    shadow.decided(decided)
    await shadow.catch_up()
    assert "crads" in (shadow.tally.fault or "")
    assert (shadow.tally.decided, shadow.tally.passed_over) == (0, COUNT)


async def test_what_it_cannot_keep_up_with_is_passed_over(
    store: Store, settings: Settings, decided: list[StoredDecision], tmp_path: Path
) -> None:
    shadow = shadow_of(FILE, store, settings, tmp_path)
    for _ in range(10_000 // COUNT + 2):
        shadow.decided(decided)
    assert shadow.tally.passed_over > 0


async def test_it_reads_the_file_by_itself_and_decides_what_comes(
    store: Store, settings: Settings, decided: list[StoredDecision], tmp_path: Path
) -> None:
    shadow = shadow_of(FILE, store, settings, tmp_path)
    task = asyncio.create_task(shadow.run())
    shadow.decided(decided)
    async with asyncio.timeout(60):
        while shadow.tally.decided < COUNT:
            await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_included_file_that_changed_is_read_again_and_one_that_did_not_is_not(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    part = tmp_path / "queues.toml"
    part.write_text("[queues.payments\n")
    shadow = shadow_of('include = ["queues.toml"]\n' + FILE, store, settings, tmp_path)
    await shadow._look()
    assert "queues.toml:1: not TOML" in (shadow.tally.fault or "")
    part.write_text("[queues.payments]\n")
    await shadow._look()
    assert shadow.tally.fault is None
    tally = shadow.tally
    await shadow._look()
    assert shadow.tally is tally
    part.write_text("[queues.cash]\n# and more\n")
    await shadow._look()
    assert shadow.tally is not tally

"""Reloading: what was read is activated whole or not at all, and nothing that goes wrong with it ends the house."""

import asyncio
import json
import shutil
import tomllib
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from conversation.errors import StoreUnavailable
from conversation.model.events import Hint, Topic
from ops.composition.operator_webhooks import WebhookKeys
from ops.composition.reload import Reloader, first_rules
from ops.configuration.settings import load
from ops.observability.metrics import Meters
from router.flows.maintenance.hours_override import declare
from router.flows.maintenance.rulebook_activation import activate
from router.rules.rulebook import RuleFaults
from router.understanding.language import Detector
from router.understanding.language_detector import load_detector
from storage.signals.local import LocalSignals
from storage.store import Store
from tests.fakes import FakeClock
from tests.ops.commands.test_check import GOOD

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
        self.environment: dict[str, str] = {}
        self.tried = 0
        self.is_shared = False

    def _tried(self) -> None:
        self.tried += 1

    async def reloader(self, storage: Any = None) -> Reloader:
        settings = load(self.path, self.environment)
        self.rules = await first_rules(self.store, settings, self.clock, is_shared=self.is_shared)
        self.keys = WebhookKeys(self.path, self.environment, settings.webhook_secrets)
        return Reloader(
            path=self.path,
            environment=self.environment,
            storage=storage or self.store,
            rules=self.rules,
            settings=settings,
            signals=self.signals,
            clock=self.clock,
            meters=self.meters,
            detector=self.detector,
            keys=self.keys,
            is_shared=self.is_shared,
            try_channels=self._tried,
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


async def test_every_reload_tries_the_accounts_that_were_refused_whatever_comes_of_it(stage: Stage) -> None:
    reloader = await stage.reloader()
    await reloader.reload("test")
    stage.path.write_text(GOOD + "nonsense = 1\n")
    await reloader.reload("test")
    assert stage.tried == 2


async def test_what_was_read_is_in_force_at_once(stage: Stage) -> None:
    reloader = await stage.reloader()
    stage.path.write_text(OTHER)
    assert (await reloader.reload("test")).applied
    assert "cash" in reloader._rules.rulebook.queues


def split(stage: Stage, folder: str, text: str) -> Path:
    """The file with its queues in a folder of their own."""
    head, mark, rest = text.partition("[queues.payments]")
    assert mark
    (stage.path.parent / folder).mkdir(exist_ok=True)
    part = stage.path.parent / folder / "queues.toml"
    part.write_text(mark + rest)
    stage.path.write_text(f'include = ["{folder}/*.toml"]\n' + head)
    return part


async def written_until(stage: Stage, part: Path, text: str, queue: str) -> None:
    """Written again and again: when a watch begins is not seen from outside."""
    while queue not in stage.rules.rulebook.queues:
        part.write_text(text)
        await asyncio.sleep(0.2)


async def test_an_included_file_that_changes_is_read_wherever_it_stands(stage: Stage) -> None:
    part = split(stage, "first", GOOD)
    reloader = await stage.reloader()
    watching = asyncio.create_task(reloader.watch())
    async with asyncio.timeout(60):
        await written_until(stage, part, part.read_text() + "[queues.cash]\n", "cash")
        other = split(stage, "second", GOOD)  # the files stand in another folder now
        await written_until(stage, other, other.read_text() + "[queues.cheques]\n", "cheques")
        shutil.rmtree(other.parent)  # and in another one of the same name
        other = split(stage, "second", GOOD)
        await written_until(stage, other, other.read_text() + "[queues.cards]\n", "cards")
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching


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


# -- what signs the calls of webhooks ----------------------------------------------------------------------------------

HOOK = '\n[webhooks.duty]\nurl = "https://duty.example/page"\n'
SIGNED = HOOK + 'secret = { env = "DUTY" }\n'
KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


async def test_a_webhook_without_a_secret_keeps_the_old_rules(stage: Stage) -> None:
    reloader = await stage.reloader()
    stage.path.write_text(GOOD + HOOK)
    refused = await reloader.reload("anna")
    assert not refused.applied
    assert any("webhook 'duty' has no secret" in fault for fault in refused.faults)
    stage.path.write_text(GOOD + SIGNED)
    refused = await reloader.reload("anna")
    assert (refused.applied, any("DUTY is not set" in fault for fault in refused.faults)) == (False, True)


async def test_a_webhook_that_a_reload_brings_can_be_called_at_once(stage: Stage) -> None:
    reloader = await stage.reloader()
    stage.environment["DUTY"] = KEY
    stage.path.write_text(GOOD + SIGNED)
    assert (await reloader.reload("anna")).applied
    assert stage.keys.get("duty") is not None


async def test_another_secret_signs_after_a_reload_of_the_same_rules(stage: Stage) -> None:
    stage.environment["DUTY"] = KEY
    stage.path.write_text(GOOD + SIGNED)
    reloader = await stage.reloader()
    before = stage.keys.get("duty")
    stage.environment["DUTY"] = "whsec_b3RoZXIgc2VjcmV0"
    assert (await reloader.reload("anna")).applied
    assert stage.keys.get("duty") not in (None, before)


async def test_stored_rules_without_a_secret_do_not_come_into_force_again(stage: Stage) -> None:
    reloader = await stage.reloader()
    old = parse_source(GOOD + HOOK)
    async with stage.store.begin("test") as work:  # as an earlier version stored it
        made = await work.rulebooks.activate(
            digest="old", source=old, author="start", now=stage.clock.now(), only_if_new=False
        )
    stage.path.write_text(GOOD + "\n# as it was\n")
    await reloader.reload("anna")
    async with stage.store.begin("test") as work:
        with pytest.raises(RuleFaults, match="webhook 'duty' has no secret"):
            await activate(work, made.id, channels={}, actor="anna", clock=stage.clock)


async def test_rules_that_this_node_cannot_sign_for_are_an_error_in_its_log(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    reloader = await stage.reloader()
    async with stage.store.begin("test") as work:
        await work.rulebooks.activate(
            digest="other", source=parse_source(GOOD + SIGNED), author="b", now=stage.clock.now(), only_if_new=False
        )
    following = asyncio.ensure_future(reloader.follow())
    async with asyncio.timeout(30):
        while "duty" not in stage.rules.rulebook.webhooks:
            await asyncio.sleep(0.01)
    following.cancel()
    named = [(one.levelname, one.__dict__["webhook"]) for one in caplog.records if one.msg == "webhook_unsigned"]
    assert named == [("ERROR", "duty")]


def parse_source(text: str) -> str:
    """As a revision in the database keeps it."""
    data = tomllib.loads(text)
    return json.dumps({key: value for key, value in data.items() if key not in ("service", "channels")})

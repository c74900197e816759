"""`explain CONVERSATION`: the stored decision, found by id or by what a human reads out, told by the rules it was made by."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from conversation.errors import NotFound
from conversation.id_generator import new_id
from conversation.model.message import MessageReceived
from conversation.model.people import Identity
from ops.configuration.settings import Settings, load, parse_rules
from ops.rule_analysis.explaining import explain_conversation
from router.decision.facts import understand
from router.policy.intake_plan import IntakePlan
from router.understanding.language_detector import load_detector
from storage.store import Store
from tests.fakes import FakeClock


@pytest.fixture(scope="module")
def settings() -> Settings:
    return load(Path("config.example.toml"), {}, make_secrets=False)


async def arrived(store: Store, clock: FakeClock, settings: Settings, text: str) -> tuple[str, str]:
    """(conversation, reference) of a message that was decided and stored under an active revision."""
    sender = Identity(channel="site", address="v1")
    event = MessageReceived(channel="site", external_id="e1", sender=sender, text=text, received_at=clock.now())
    async with store.begin("test") as work:
        revision = await work.rulebooks.activate(
            digest=settings.digest, source=settings.source, author="test", now=clock.now(), only_if_new=False
        )
        rulebook = parse_rules(settings.source, settings.hints, revision=revision.id)
        (known,) = await work.intake.load([event], reopen_since=clock.now() - timedelta(days=3), now=clock.now())
        plan = IntakePlan(rulebook, cans={}, now=clock.now(), new_id=new_id)
        plan.admit(event, known, understand(text, rulebook, load_detector(rulebook.languages)))
        writes = plan.writes()
        await work.intake.store(writes, now=clock.now())
    return writes.created[0].id, writes.created[0].reference


async def test_a_stored_decision_is_told_by_id_and_by_reference(
    store: Store, clock: FakeClock, settings: Settings
) -> None:
    identifier, reference = await arrived(store, clock, settings, "Somebody stole my phone")
    async with store.read("test") as work:
        by_id, text = await explain_conversation(work, identifier, settings)
        by_reference, _ = await explain_conversation(work, reference.lower(), settings)
    assert by_id == by_reference
    assert text == "Somebody stole my phone"
    assert (by_id["queue"], by_id["winner"], by_id["rules_changed"]) == (
        "safety",
        "Stolen money before everything",
        False,
    )


async def test_it_is_told_by_the_rules_it_was_made_by(store: Store, clock: FakeClock, settings: Settings) -> None:
    identifier, _ = await arrived(store, clock, settings, "Somebody stole my phone")
    other = replace(settings, source=settings.source.replace("Stolen money before everything", "Renamed"))
    async with store.read("test") as work:
        told, _ = await explain_conversation(work, identifier, other)
    assert told["winner"] == "Stolen money before everything"


async def test_a_conversation_that_is_not_there_is_not_found(store: Store, settings: Settings) -> None:
    for name in ("7K3M-9QFX", "nothing"):
        with pytest.raises(NotFound):
            async with store.read("test") as work:
                await explain_conversation(work, name, settings)

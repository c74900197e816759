"""A request for a call is decided once: the queue whose slots were shown gets the call, and its decision explains it."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from conversation.model.callback import SlotQuery
from conversation.model.decision import Decision, Facts, StoredDecision
from router.decision.decide import decide, reasons
from router.policy import intake_plan
from router.rules.rulebook import RuleBook
from tests.router.flows.callbacks.test_callbacks import asked, door
from tests.router.flows.stage import CANS, RULES, Stage, rulebook

ROUTED = (
    RULES
    + """
[[rules]]
name = "Calls"
when = { kind = "callback", text = "help" }
then = { queue = "safety" }

[[rules]]
name = "Telephone"
when = { kind = "callback" }
then = { queue = "payments" }

[[rules]]
name = "Patient"
when = { kind = "callback" }
then = { priority = "low" }
"""
)
WISH = SlotQuery(channel="phone", zones=("Asia/Shanghai",))


def counting(book: RuleBook, tried: Counter[str]) -> RuleBook:
    """Counts how often each rule is tried."""

    def test_of(name: str) -> Any:
        def test(_view: object) -> bool:
            tried[name] += 1
            return True

        return test

    return replace(book, rules=tuple(replace(rule, tests=(test_of(rule.name), *rule.tests)) for rule in book.rules))


async def decision_of(stage: Stage, conversation: str) -> StoredDecision:
    async with stage.storage.read("test") as work:
        found = await work.decisions.latest(conversation)
    assert found is not None
    return found


@pytest.mark.parametrize("booked", [True, False])
async def test_no_rule_is_evaluated_twice_for_one_request(
    stage: Stage, booked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = Counter[str]()

    def counted(facts: Facts, book: RuleBook) -> Decision:
        tried["decide"] += 1
        return decide(facts, book)

    monkeypatch.setattr(intake_plan, "decide", counted)
    await stage.agent()
    stage.rules.swap(counting(rulebook(ROUTED, revision="r2"), tried))
    async with door(stage) as calls:
        slot = (await calls.slots(WISH, limit=1))[0].start if booked else None
        tried.clear()
        await calls.request(asked(slot=slot, zones=WISH.zones))

    assert (tried["Telephone"], tried["Patient"], tried["decide"]) == (1, 1, 1)


@pytest.mark.parametrize("note", ["my card was stolen, help", None])
async def test_the_queue_that_the_decision_explains_is_the_one_in_which_the_call_is_booked(
    stage: Stage, note: str | None
) -> None:
    await stage.agent()
    stage.rules.swap(rulebook(ROUTED, revision="r2"))
    async with door(stage) as calls:
        shown = await calls.slots(WISH, limit=1)
        told = await calls.request(asked(slot=shown[0].start, zones=WISH.zones, note=note, issue=None))
    conversation = await stage.conversation(told.callback.conversation)
    async with stage.storage.read("test") as work:
        booked = await work.callbacks.taken("payments", shown[0].start, shown[0].end, now=stage.clock.now())
    stored = await decision_of(stage, conversation.id)

    assert sum(booked[shown[0].start].values()) == 1
    assert (conversation.queue, stored.decision.queue, stored.decision.settled_by["queue"]) == (
        "payments",
        "payments",
        "callback",
    )
    assert stored.facts.callback_queue == "payments"
    assert decide(stored.facts, stage.rules.rulebook) == stored.decision
    lost = [one.rule for one in reasons(stored.facts, stage.rules.rulebook) if "queue" in one.lost]
    assert lost == (["Calls", "Telephone"] if note else ["Telephone"])


async def test_the_queue_of_the_account_is_the_one_that_the_decision_explains(stage: Stage) -> None:
    stage.rules.swap(rulebook(ROUTED, revision="r2"))
    settings = CANS["phone"].calls
    assert settings is not None
    stage.cans["phone"] = replace(CANS["phone"], calls=replace(settings, queue="general"))
    async with stage.intake() as inbox:
        accepted = (await inbox.accept([asked(zones=WISH.zones)]))[0]
    conversation = await stage.conversation(accepted.conversation)
    stored = await decision_of(stage, conversation.id)

    assert conversation.queue == stored.decision.queue == "general"
    assert stored.decision.settled_by["queue"] == "callback"


async def test_a_repeat_for_the_same_slot_leaves_the_call_where_its_place_is(stage: Stage) -> None:
    await stage.agent()
    stage.rules.swap(rulebook(ROUTED, revision="r2"))
    async with door(stage) as calls:
        slot = (await calls.slots(WISH, limit=1))[0].start
        first = await calls.request(asked(slot=slot, zones=WISH.zones, issue=None))
        changed = asked(slot=slot, zones=WISH.zones, issue=None, note="help", token=first.callback.conversation)
        second = await calls.request(changed)
    conversation = await stage.conversation(first.callback.conversation)
    stored = await decision_of(stage, conversation.id)

    assert (second.callback.id, second.callback.slot_at) == (first.callback.id, slot)
    assert (conversation.queue, stored.facts.callback_queue) == ("payments", "payments")


async def test_as_soon_as_possible_goes_where_its_words_are_understood(stage: Stage) -> None:
    stage.rules.swap(rulebook(ROUTED, revision="r2"))
    async with door(stage) as calls:
        told = await calls.request(asked(zones=WISH.zones, note="help"))
    conversation = await stage.conversation(told.callback.conversation)
    stored = await decision_of(stage, conversation.id)

    assert conversation.queue == stored.decision.queue == "safety"
    assert stored.decision.settled_by["queue"] == "Calls"

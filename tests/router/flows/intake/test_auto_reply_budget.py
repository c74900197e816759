"""Automatic answers to senders whom nobody proved: our words only, and so many a day, whoever counts."""

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from conversation.model.capabilities import Can
from conversation.model.events import EventType
from conversation.model.message import Direction, Message, MessageReceived, Status
from conversation.model.people import Identity, WorkKind
from router.flows.intake.auto_reply_budget import UnprovenBudget
from router.policy.unproven_senders import FORGED, UNPROVEN, USED_UP
from router.rules.rulebook import ChannelHints
from tests.router.flows import stage as stages
from tests.router.flows.stage import RULES, FakeChannel, Stage, received, running

NIGHT = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)  # 23:00 in Shanghai
BUDGET = "router.flows.intake.auto_reply_budget"
GREETING = 'en = "Dear {name}, we are closed. {reference}"'


@pytest.fixture(autouse=True)
def night(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mailbox beside the other channels, rules that call people by their names, and everybody at home."""
    stage.clock.set(NIGHT)
    stage.cans["mail"] = Can(work=WorkKind.EMAIL, threads=True, second_try=True)
    stage.channels["mail"] = FakeChannel("mail", stage.cans["mail"])
    monkeypatch.setitem(stages.CHANNELS, "mail", ChannelHints(kind="email"))
    english = 'en = "We are closed and open again {next_opening}. Your reference is {reference}."'
    stage.rules.swap(stages.rulebook(RULES.replace(english, GREETING)))


def mail(number: int, *, doubt: str | None = "unproven", channel: str = "mail", **more: Any) -> MessageReceived:
    address = f"victim-{number}@example.org"
    sender = Identity(channel=channel, address=address, name="CHEAP PILLS", email=address)
    event = received(f"my top up failed: {number}", channel=channel, subject="CHEAP PILLS", doubt=doubt, **more)
    return replace(event, sender=sender)


async def said(stage: Stage) -> list[Message]:
    """What the house said by itself, sent or kept back."""
    created = {event.conversation for event in await stage.events(EventType.CREATED)}
    found = [await stage.messages(one) for one in created]
    return [m for messages in found for m in messages if m.direction is Direction.OUT]


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    """By the budget alone: what others log depends on the level that an earlier test left."""
    return [record.message for record in caplog.records if record.name == BUDGET]


async def arrive(stage: Stage, events: Sequence[MessageReceived], *, most: int, together: int = 7) -> None:
    """In batches, at a node that was started just now."""
    flow = stage.flow(budget=UnprovenBudget({"email": most, "sms": most}))
    async with running(flow.run()):
        for start in range(0, len(events), together):
            await flow.accept(events[start : start + together])


async def test_of_sixty_forged_mails_ten_are_answered_and_none_in_the_words_of_who_forged_them(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, BUDGET):
        await arrive(stage, [mail(number) for number in range(60)], most=10)
    answers = await said(stage)
    assert Counter(one.status for one in answers) == {Status.QUEUED: 10, Status.SUPPRESSED: 50}
    assert {one.error for one in answers if one.status is Status.SUPPRESSED} == {USED_UP}
    assert not [one for one in answers if "PILLS" in one.text]
    assert (await stage.outbox(), stage.meters["unproven_unanswered"]) == ({"queued": 10}, 50)
    assert logged(caplog) == ["unproven_answers_used_up"]


async def test_nodes_that_count_at_once_stay_within_the_number_together(stage: Stage) -> None:
    nodes = [stage.flow(budget=UnprovenBudget({"email": 10})) for _ in range(3)]
    async with running(asyncio.gather(*(node.run() for node in nodes))):
        forged = [mail(number) for number in range(60)]
        await asyncio.gather(*(nodes[n % 3].accept([event]) for n, event in enumerate(forged)))
    assert await stage.outbox() == {"queued": 10}
    await arrive(stage, [mail(number) for number in range(60, 65)], most=10)  # after a restart
    assert await stage.outbox() == {"queued": 10}


async def test_the_next_day_begins_anew_and_the_log_says_so(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    flow = stage.flow(budget=UnprovenBudget({"email": 2}))
    with caplog.at_level(logging.INFO, BUDGET):
        async with running(flow.run()):
            await flow.accept([mail(number) for number in range(5)])
            await flow.accept([mail(number) for number in range(5, 7)])
            stage.clock.advance(timedelta(days=1))
            await flow.accept([mail(10)])
            await flow.accept([mail(number) for number in range(11, 15)])
    assert await stage.outbox() == {"queued": 4}
    used_up, again = "unproven_answers_used_up", "unproven_answers_again"
    assert logged(caplog) == [used_up, again, used_up]


async def test_who_is_proven_is_answered_by_their_name_and_counts_nowhere(stage: Stage) -> None:
    await arrive(stage, [mail(number, doubt=None) for number in range(5)], most=0)
    answers = await said(stage)
    assert [one.status for one in answers] == [Status.QUEUED] * 5
    assert all(one.text.startswith("Dear CHEAP PILLS, ") for one in answers)


async def test_a_proven_sender_is_not_called_by_the_name_that_a_stranger_gave_them(stage: Stage) -> None:
    await arrive(stage, [mail(1)], most=5)
    stage.clock.advance(timedelta(days=9))
    nameless = Identity(channel="mail", address="victim-1@example.org")
    await arrive(stage, [replace(mail(1, doubt=None), sender=nameless, apart=True)], most=5)
    answers = await said(stage)
    assert (len(answers), [one for one in answers if "PILLS" in one.text]) == (2, [])


@pytest.mark.parametrize(("doubt", "why"), [("unproven", UNPROVEN), ("forged", FORGED), ("unparsable", FORGED)])
async def test_with_trusted_servers_a_mail_without_their_word_is_not_answered_and_agents_see_why(
    stage: Stage, doubt: str, why: str
) -> None:
    stage.cans["mail"] = Can(work=WorkKind.EMAIL, threads=True, answers_unproven=False)
    await arrive(stage, [mail(1, doubt=doubt)], most=10)
    (answer,) = await said(stage)
    assert (answer.status, answer.error) == (Status.SUPPRESSED, why)
    assert await stage.outbox() == {}


async def test_who_writes_by_a_medium_that_proves_nobody_counts_as_well(stage: Stage) -> None:
    stage.cans["text"] = Can(work=WorkKind.MESSAGE, forgeable=True)
    await arrive(stage, [mail(number, channel="text", doubt=None) for number in range(9)], most=4)
    answers = await said(stage)
    assert Counter(one.status for one in answers) == {Status.QUEUED: 4, Status.SUPPRESSED: 5}
    assert not [one for one in answers if "PILLS" in one.text]


async def test_an_agents_answer_carries_the_subject_of_the_mail_that_it_answers(stage: Stage) -> None:
    first = mail(1, doubt=None, external_id="first@example.org#1")
    second = replace(first, external_id="second@example.org#2", subject="Re: now with the amount")
    await arrive(stage, [first, second], most=5, together=1)
    (created,) = await stage.events(EventType.CREATED)
    agent = await stage.agent()
    await stage.replies.send(agent, created.conversation or "", text="We look into it.", client_id="one")
    for _ in range(3):
        await stage.dispatcher.once()
    answer = stage.channels["mail"].sent[-1]
    assert (answer.reply_to, answer.subject) == ("second@example.org#2", "Re: now with the amount")

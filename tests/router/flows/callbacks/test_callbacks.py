"""A call that a customer asked for, from the request to its end, on both databases."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from conversation.errors import CallbackRefused, Conflict
from conversation.id_generator import new_id
from conversation.model.callback import Callback, CallbackStatus, CallOutcome, CallState, SlotQuery
from conversation.model.conversation import Priority, State
from conversation.model.message import CallbackRequested, Direction
from conversation.model.people import Agent, Identity, WorkKind
from router.flows.callbacks.booking import CallbackBooking
from tests.router.flows.stage import CANS, RULES, Stage, rulebook

PARIS = ("Europe/Paris",)
MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)  # ten o'clock in Paris, and Shanghai is open until 13:00 UTC
HALF = timedelta(minutes=30)
LINE = ("topup", "unauthorised", "topup", "unauthorised")


def asked(**values: Any) -> CallbackRequested:
    given: dict[str, Any] = {
        "channel": "phone",
        "external_id": new_id(),
        "number": "+33142685300",
        "received_at": MONDAY,
        "zones": PARIS,
        "language": "en",
        "issue": "topup",
        "consent": True,
    }
    given |= values
    given.setdefault("sender", Identity(channel="phone", address=given["number"], name="Anna"))
    return CallbackRequested(**given)


@asynccontextmanager
async def door(stage: Stage) -> AsyncIterator[CallbackBooking]:
    async with stage.intake() as inbox:
        yield CallbackBooking(stage.storage, stage.rules, inbox, stage.clock, cans=lambda: CANS, ends=stage.ends)


async def request(stage: Stage, **values: Any) -> CallbackStatus:
    async with door(stage) as calls:
        return await calls.request(asked(**values))


async def callback(stage: Stage, standing: CallbackStatus) -> Callback:
    async with stage.storage.read("test") as work:
        return await work.callbacks.get(standing.callback.id)


async def tick(stage: Stage, span: timedelta = timedelta(0)) -> None:
    stage.clock.advance(span)
    await stage.ticker.once(stage.clock.now())
    await stage.distributor.once()


async def offered(stage: Stage, agent: Agent, standing: CallbackStatus) -> str:
    await stage.present(agent)
    await stage.distributor.once()
    conversation = await stage.conversation(standing.callback.conversation)
    assert (conversation.state, conversation.offered_to) == (State.OFFERED, agent.id)
    return conversation.id


@pytest.fixture(autouse=True)
def monday(stage: Stage) -> None:
    stage.clock.advance(MONDAY - stage.clock.now())


async def test_as_soon_as_possible_is_now_while_the_queue_is_open_and_takes_the_capacity_of_calls(stage: Stage) -> None:
    agent = await stage.agent()
    told = await request(stage)

    assert (told.callback.state, told.next_at, told.position) == (CallState.DUE, None, 1)
    conversation = await stage.conversation(await offered(stage, agent, told))
    assert (conversation.kind, conversation.queue) == (WorkKind.CALLBACK, "payments")
    assert await stage.held(agent, WorkKind.CALLBACK) == 1


async def test_while_closed_it_means_the_next_opening_that_is_lawful_there_and_is_offered_then(stage: Stage) -> None:
    agent = await stage.agent()
    stage.clock.advance(timedelta(hours=5))  # Shanghai closed an hour ago
    told = await request(stage)

    opening = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)  # nine in Paris, and Shanghai is back from lunch
    assert (told.callback.state, told.next_at) == (CallState.REQUESTED, opening)
    assert (told.position, told.wait) == (1, (opening - stage.clock.now()).total_seconds() + 100)  # of three at a time
    await tick(stage, opening - stage.clock.now() - timedelta(seconds=1))
    assert (await stage.conversation(told.callback.conversation)).state is State.SNOOZED
    stage.clock.advance(timedelta(seconds=1))
    await stage.ticker.once(stage.clock.now())
    await offered(stage, agent, told)


async def test_a_place_is_counted_in_its_own_queue(stage: Stage) -> None:
    await stage.agent(skills={"payments": 4, "safety": 4}, capacity=1)
    async with door(stage) as calls:
        told = [await calls.request(asked(number=f"+3349112345{n}", issue=issue)) for n, issue in enumerate(LINE)]
    assert [(one.position, one.wait) for one in told] == [(1, 300), (1, 300), (2, 600), (2, 600)]


async def test_a_slot_is_booked_once_for_each_who_can_call_and_the_next_free_ones_are_told(stage: Stage) -> None:
    await stage.agent(capacity=1)
    async with door(stage) as calls:
        free = await calls.slots(SlotQuery(channel="phone", zones=PARIS, language="en", issue="topup"), limit=5)
        first = await calls.request(asked(slot=free[1].start))
        with pytest.raises(CallbackRefused) as taken:
            await calls.request(asked(number="+33491123456", slot=free[1].start))
        again = await calls.slots(SlotQuery(channel="phone", zones=PARIS, language="en", issue="topup"), limit=5)

    assert free[0].local == "2026-11-23T10:30"
    assert (first.callback.state, first.callback.slot_local) == (CallState.SCHEDULED, free[1].local)
    assert taken.value.code == "slot_taken"
    assert free[1] not in taken.value.free
    assert [slot.start for slot in again][:2] == [free[0].start, free[2].start]


@pytest.mark.parametrize(
    "slot", [MONDAY + timedelta(minutes=7), MONDAY - HALF, MONDAY + timedelta(days=8), MONDAY + 10 * HALF * 2]
)
async def test_a_time_that_is_no_slot_is_refused(stage: Stage, slot: datetime) -> None:
    await stage.agent()
    with pytest.raises(CallbackRefused, match="slot_taken"):
        await request(stage, slot=slot)


async def test_a_second_request_by_the_link_of_the_first_changes_it_and_keeps_its_place(
    stage: Stage,
) -> None:
    await stage.agent(capacity=1)
    async with door(stage) as calls:
        first = await calls.request(asked())
        stage.clock.advance(timedelta(minutes=3))
        other = await calls.request(asked(number="+33491123456"))
        slot = (await calls.slots(SlotQuery(channel="phone", zones=PARIS, issue="topup", language="en"), limit=1))[0]
        second = await calls.request(asked(slot=slot.start, note="rather later", token=first.callback.conversation))
        third = await calls.request(asked(issue="unauthorised"))

    assert second.callback.id == first.callback.id
    assert second.callback.asked_at == first.callback.asked_at
    assert (second.callback.state, second.callback.note) == (CallState.SCHEDULED, "rather later")
    assert third.callback.id not in (first.callback.id, other.callback.id)
    assert other.position == 2
    said = await stage.messages(first.callback.conversation)
    assert [m.text.splitlines()[-1] for m in said] == [
        "when: as soon as possible",
        "when: 2026-11-23 11:00 Europe/Paris",
    ]


@pytest.mark.parametrize("issue", ["topup", None])
async def test_who_only_knows_a_number_neither_changes_nor_sees_its_open_request(
    stage: Stage, issue: str | None
) -> None:
    await stage.agent(capacity=1)
    own = await stage.write("hello", channel="site", address="mallory")
    async with door(stage) as calls:
        slot, later = await calls.slots(SlotQuery(channel="phone", zones=PARIS, issue="topup", language="en"), limit=2)
        first = await calls.request(asked(slot=slot.start))
        for token in (None, own.conversation):
            for wanted in (None, later.start):
                with pytest.raises(CallbackRefused, match="asked_already"):
                    await calls.request(asked(issue=issue, slot=wanted, note="mine now", token=token))
        free = await calls.slots(SlotQuery(channel="phone", zones=PARIS, issue="topup", language="en"), limit=1)

    assert await callback(stage, first) == first.callback
    assert len(await stage.messages(first.callback.conversation)) == 1
    assert free == [later]  # and nothing is held in vain


async def test_of_two_strangers_who_ask_for_one_number_at_the_same_moment_one_has_the_request(stage: Stage) -> None:
    async with door(stage) as calls:
        slot = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
        await stage.agent(capacity=2)
        told = await asyncio.gather(
            *(calls.request(asked(note=f"{n}", slot=slot)) for n in range(2)), return_exceptions=True
        )

    (had,) = [one for one in told if isinstance(one, CallbackStatus)]
    (refused,) = [one for one in told if isinstance(one, CallbackRefused)]
    found = await callback(stage, had)
    conversation = await stage.conversation(found.conversation)
    assert (refused.code, found.state) == ("asked_already", CallState.SCHEDULED)
    assert (found, conversation.state) == (had.callback, State.SNOOZED)


async def test_a_repeat_of_the_same_request_has_no_effect(stage: Stage) -> None:
    one = asked()
    async with door(stage) as calls:
        first, second = await calls.request(one), await calls.request(one)

    assert first.callback == second.callback
    assert len(await stage.messages(first.callback.conversation)) == 1


async def test_no_answer_busy_and_done_each_take_their_way(stage: Stage) -> None:
    agent = await stage.agent()
    told = await request(stage)
    conversation = await offered(stage, agent, told)

    attempt = await stage.calls.dial(agent, conversation)
    assert (attempt.number, attempt.dialer) == (1, "manual")
    assert (await callback(stage, told)).state is CallState.DIALING
    with pytest.raises(Conflict) as twice:
        await stage.calls.dial(agent, conversation)
    assert twice.value.code == "on_the_line"
    await stage.calls.outcome(agent, conversation, CallOutcome.NO_ANSWER, text="rang ten times")
    one = await callback(stage, told)
    assert (one.state, one.due_at) == (CallState.SCHEDULED, stage.clock.now() + HALF)
    assert await stage.held(agent, WorkKind.CALLBACK) == 0

    await tick(stage, HALF - timedelta(seconds=1))
    assert (await stage.conversation(conversation)).state is State.SNOOZED
    await stage.present(agent)
    await tick(stage, timedelta(seconds=1))
    assert (await stage.conversation(conversation)).offered_to == agent.id
    await stage.calls.outcome(agent, conversation, CallOutcome.DONE, text="card unlocked")

    one = await callback(stage, told)
    assert (one.state, one.outcomes) == (CallState.DONE, (CallOutcome.NO_ANSWER, CallOutcome.DONE))
    assert (await stage.conversation(conversation)).state is State.CLOSED
    notes = [m.text for m in await stage.messages(conversation) if m.direction is Direction.NOTE]
    assert notes[0].startswith("Call 1: no answer. Again ")
    assert notes[0].endswith("\nrang ten times")
    assert notes[1] == "Call 2: spoke with them.\ncard unlocked"
    async with stage.storage.read("test") as work:
        tries = await work.callbacks.attempts(one.id)
    assert [(t.number, t.outcome, t.ended_at is not None) for t in tries] == [
        (1, CallOutcome.NO_ANSWER, True),
        (2, CallOutcome.DONE, True),
    ]


async def test_a_retry_waits_for_lawful_hours(stage: Stage) -> None:
    agent = await stage.agent()
    told = await request(stage)
    conversation = await offered(stage, agent, told)
    stage.clock.advance(timedelta(hours=3, minutes=50))  # ten minutes before Shanghai closes
    await stage.actions.take(agent, conversation)
    await stage.calls.outcome(agent, conversation, CallOutcome.NO_ANSWER)

    assert (await callback(stage, told)).due_at == datetime(2026, 11, 24, 8, 0, tzinfo=UTC)


async def test_after_the_last_try_a_message_leaves_over_the_medium_they_wrote_on(stage: Stage) -> None:
    agent = await stage.agent()
    accepted = await stage.write("top up please", channel="site", address="anna")
    told = await request(stage, token=accepted.conversation)
    conversation = told.callback.conversation
    assert conversation == accepted.conversation

    one = told.callback
    for number in range(3):
        await stage.present(agent)
        await tick(stage)
        await stage.calls.outcome(agent, conversation, CallOutcome.REJECTED if number else CallOutcome.BUSY)
        one = await callback(stage, told)
        if one.open:
            assert one.due_at is not None
            stage.clock.advance(one.due_at - stage.clock.now())

    assert one.state is CallState.FAILED
    last = [m for m in await stage.messages(conversation) if m.direction is Direction.OUT][-1]
    assert (last.channel, last.text) == (
        "site",
        f"We could not reach you at +33142685300. Write to us here, or ask for another call: https://call.example/{conversation}",
    )
    assert (await stage.outbox())["queued"] == 1


async def test_a_missed_slot_goes_to_the_top_of_the_queue_and_from_whoever_slept_on_it(stage: Stage) -> None:
    agent = await stage.agent(capacity=1)
    async with door(stage) as calls:
        slot = (await calls.slots(SlotQuery(channel="phone", zones=PARIS, issue="topup", language="en"), limit=1))[0]
        told = await calls.request(asked(slot=slot.start))
    stage.clock.advance(slot.start - stage.clock.now())
    await stage.ticker.once(stage.clock.now())
    conversation = await offered(stage, agent, told)
    await stage.actions.take(agent, conversation)
    await stage.present(agent)
    stage.clock.advance(HALF)
    await stage.ticker.once(stage.clock.now())

    found = await stage.conversation(conversation)
    assert (found.state, found.priority, found.passed) == (State.WAITING, Priority.HIGH, (agent.id,))
    assert (await callback(stage, told)).missed
    other = await stage.agent("li")
    await offered(stage, other, told)


async def test_a_reminder_leaves_before_a_slot_once(stage: Stage) -> None:
    await stage.agent()
    accepted = await stage.write("top up please", channel="site", address="anna")
    async with door(stage) as calls:
        query = SlotQuery(channel="phone", zones=PARIS, language="en", conversation=accepted.conversation)
        slot = (await calls.slots(query, limit=5))[4]
        told = await calls.request(asked(slot=slot.start, token=accepted.conversation))
    for span in (slot.start - stage.clock.now() - timedelta(hours=1), timedelta(seconds=5)):
        stage.clock.advance(span)
        await stage.ticker.once(stage.clock.now())

    sent = [m.text for m in await stage.messages(told.callback.conversation) if m.direction is Direction.OUT]
    assert len(sent) == 1
    assert sent[0].startswith("We will call you at +33142685300 today at 12:30.")


async def test_who_asked_never_to_be_called_is_not_asked_for_and_not_dialed(stage: Stage) -> None:
    agent = await stage.agent()
    told = await request(stage)
    conversation = await offered(stage, agent, told)
    async with stage.storage.begin("test") as work:
        await work.callbacks.block("+33142685300", reason="asked", now=MONDAY)

    with pytest.raises(CallbackRefused, match="do_not_call"):
        await request(stage)
    with pytest.raises(Conflict) as refused:
        await stage.calls.dial(agent, conversation)
    assert refused.value.code == "do_not_call"
    assert (await callback(stage, told)).state is CallState.DUE


async def test_nobody_is_dialed_at_night_where_they_are(stage: Stage) -> None:
    agent = await stage.agent()
    told = await request(stage)
    conversation = await offered(stage, agent, told)
    await stage.actions.take(agent, conversation)
    stage.clock.advance(timedelta(hours=12))

    with pytest.raises(Conflict) as refused:
        await stage.calls.dial(agent, conversation)
    assert refused.value.code == "unlawful_hour"


async def test_cancelling_frees_the_slot_and_ends_the_matter(stage: Stage) -> None:
    await stage.agent(capacity=1)
    async with door(stage) as calls:
        query = SlotQuery(channel="phone", zones=PARIS, issue="topup", language="en")
        slot = (await calls.slots(query, limit=1))[0]
        told = await calls.request(asked(slot=slot.start))
        assert (await calls.slots(query, limit=1))[0] != slot
        gone = await calls.cancel(told.callback.id)
        again = await calls.cancel(told.callback.id)
        assert (await calls.slots(query, limit=1))[0] == slot

    assert (gone.callback.state, again.callback.state) == (CallState.CANCELLED, CallState.CANCELLED)
    assert (await stage.conversation(told.callback.conversation)).state is State.CLOSED


async def test_another_slot_or_as_soon_as_possible_may_be_chosen_later(stage: Stage) -> None:
    await stage.agent(capacity=1)
    async with door(stage) as calls:
        query = SlotQuery(channel="phone", zones=PARIS, issue="topup", language="en")
        slots = await calls.slots(query, limit=3)
        told = await calls.request(asked(slot=slots[0].start))
        moved = await calls.reschedule(told.callback.id, slots[2].start)
        free = await calls.slots(query, limit=3)
        soon = await calls.reschedule(told.callback.id, None)

    assert moved.callback.slot_at == slots[2].start
    assert [slot.start for slot in free[:2]] == [slots[0].start, slots[1].start]
    assert (soon.callback.state, soon.callback.slot_at) == (CallState.DUE, None)
    assert (await stage.conversation(told.callback.conversation)).state is State.WAITING


async def test_a_promise_outside_of_new_hours_is_moved_and_told(stage: Stage) -> None:
    await stage.agent()
    accepted = await stage.write("top up please", channel="site", address="anna")
    async with door(stage) as calls:
        query = SlotQuery(channel="phone", zones=PARIS, language="en", conversation=accepted.conversation)
        slot = next(s for s in await calls.slots(query, limit=50) if s.start.hour == 12)
        told = await calls.request(asked(slot=slot.start, token=accepted.conversation))
    shorter = RULES.replace('"13:00-21:00"', '"13:00-18:00"')
    stage.rules.swap(rulebook(shorter, revision="r2"))
    await stage.ticker.once(stage.clock.now())

    moved = await callback(stage, told)
    assert moved.slot_at is None
    sent = [m.text for m in await stage.messages(told.callback.conversation) if m.direction is Direction.OUT]
    assert sent[-1].startswith("Our hours have changed.")


async def test_a_request_that_nobody_could_answer_in_days_expires_and_is_told(stage: Stage) -> None:
    accepted = await stage.write("top up please", channel="site", address="anna")
    told = await request(stage, token=accepted.conversation)
    stage.clock.advance(timedelta(days=3))
    await stage.ticker.once(stage.clock.now())

    assert (await callback(stage, told)).state is CallState.EXPIRED
    assert (await stage.conversation(told.callback.conversation)).state is State.CLOSED


async def test_a_try_that_an_agent_forgot_is_lost_and_made_again(stage: Stage) -> None:
    agent = await stage.agent()
    told = await request(stage)
    await stage.calls.dial(agent, await offered(stage, agent, told))
    await stage.present(agent)
    stage.clock.advance(timedelta(hours=2))
    await stage.ticker.once(stage.clock.now())

    one = await callback(stage, told)
    assert (one.state, one.outcomes) == (CallState.SCHEDULED, (CallOutcome.LOST,))


async def test_a_call_asked_for_in_a_chat_leaves_the_chat_with_its_agent(stage: Stage) -> None:
    agent = await stage.agent()
    accepted = await stage.write("top up please", channel="site", address="anna")
    await stage.actions.take(agent, accepted.conversation or "")
    told = await request(stage, token=accepted.conversation)

    conversation = await stage.conversation(accepted.conversation)
    assert (conversation.state, conversation.owner, conversation.kind) == (State.ASSIGNED, agent.id, WorkKind.CHAT)
    await stage.calls.dial(agent, conversation.id)
    await stage.calls.outcome(agent, conversation.id, CallOutcome.DONE)
    assert (await callback(stage, told)).state is CallState.DONE
    assert (await stage.conversation(accepted.conversation)).state is State.ASSIGNED


async def test_only_who_holds_it_says_what_came_of_it(stage: Stage) -> None:
    agent, other = await stage.agent("a"), await stage.agent("b")
    told = await request(stage)
    await stage.actions.take(agent, told.callback.conversation)

    with pytest.raises(Conflict) as refused:
        await stage.calls.outcome(other, told.callback.conversation, CallOutcome.DONE)
    assert refused.value.code == "not_owner"


async def test_an_answer_goes_where_they_wrote_and_not_into_the_telephone(stage: Stage) -> None:
    agent = await stage.agent()
    own = await stage.write("top up please", channel="site", address="anna")
    await stage.actions.take(agent, own.conversation or "")
    told = await request(stage, token=own.conversation)
    message, _ = await stage.replies.send(agent, told.callback.conversation, client_id="c", text="We will call you.")
    assert message.channel == "site"
    async with stage.storage.read("test") as work:
        reach = await stage.replies.reach(work, await work.conversations.get(told.callback.conversation))
    assert (reach.channel if reach else None) == "site"

    only = await request(stage, number="+33491123456")
    await stage.actions.take(agent, only.callback.conversation)
    with pytest.raises(Conflict) as refused:
        await stage.replies.send(agent, only.callback.conversation, client_id="c", text="We will call you.")
    assert refused.value.code == "no_channel"

"""What customers hear of a call that did not come, on both databases: what happened, and nothing that did not."""

from datetime import datetime, timedelta

import pytest

from conversation.errors import Conflict
from conversation.model.callback import CallbackStatus, CallOutcome, CallState, SlotQuery
from conversation.model.conversation import Priority, State
from conversation.model.message import Direction
from conversation.model.people import WorkKind
from router.flows.callbacks.do_not_call import put_down
from tests.router.flows.callbacks.test_callbacks import (
    HALF,
    MONDAY,
    PARIS,
    asked,
    callback,
    door,
    monday,
    offered,
    request,
    tick,
)
from tests.router.flows.callbacks.test_timers import TUESDAY, duties, to, told_out
from tests.router.flows.stage import RULES, Stage, rulebook

__all__ = ["monday"]


async def test_who_was_never_called_is_not_told_that_nobody_reached_them(stage: Stage) -> None:
    chat = await stage.write("top up please", channel="site", address="anna")
    told = await request(stage, token=chat.conversation)
    await tick(stage, timedelta(days=3))
    assert (await callback(stage, told)).state is CallState.EXPIRED
    link = f"https://call.example/{chat.conversation}"
    words = f"We did not get to call you at +33142685300. Write to us here, or ask for another call: {link}"
    assert (await told_out(stage, told.callback.conversation)) == [words]


async def test_who_was_tried_and_then_forgotten_is_told_that_nobody_reached_them(stage: Stage) -> None:
    agent = await stage.agent()
    chat = await stage.write("top up please", channel="site", address="anna")
    told = await request(stage, token=chat.conversation)
    await stage.actions.take(agent, await offered(stage, agent, told))
    await stage.calls.outcome(agent, told.callback.conversation, CallOutcome.NO_ANSWER)
    await to(stage, MONDAY + timedelta(minutes=31))
    await tick(stage, timedelta(days=4))
    assert (await callback(stage, told)).state is CallState.EXPIRED
    (words,) = await told_out(stage, told.callback.conversation)
    assert words.startswith("We could not reach you at +33142685300.")


OVERFLOW = 'overflow = [ { after = "5m", queue = "general" } ]\n'


# -- a slot that passed ------------------------------------------------------------------------------------------------


async def promised(stage: Stage, at: datetime) -> CallbackStatus:
    """In a queue that keeps its calls."""
    stage.rules.swap(rulebook(RULES.replace(OVERFLOW, "")))
    chat = await stage.write("top up please", channel="site", address="anna")
    return await request(stage, slot=at, token=chat.conversation)


def late(told: CallbackStatus, time: str) -> str:
    change = f"https://call.example/change/{told.callback.id}"
    promise = f"We will call you at {NUMBER} {time} instead. To choose another time: {change}"
    return f"We did not get to call you at the time we promised. {promise}"


async def test_who_was_not_called_in_their_slot_is_told_at_its_end_and_again_when_the_queue_closes(
    stage: Stage,
) -> None:
    agent = await stage.agent()
    told = await promised(stage, MONDAY + HALF)
    conversation = told.callback.conversation
    await to(stage, MONDAY + HALF)
    await to(stage, MONDAY + 2 * HALF)
    assert await told_out(stage, conversation) == [late(told, "as soon as possible")]

    await to(stage, MONDAY + timedelta(hours=4, minutes=1))
    one = await callback(stage, told)
    assert (one.state, one.slot_at, one.due_at, one.missed) == (CallState.REQUESTED, None, TUESDAY, True)
    assert await told_out(stage, conversation) == [
        late(told, "as soon as possible"),
        late(told, "tomorrow at 9:00"),
    ]
    assert (await notes(stage, conversation))[-1] == (
        "Nobody called in this slot: 2026-11-23 10:30 Europe/Paris.\nThe call was moved: tomorrow at 9:00."
    )

    other = await request(stage, number="+33491123456")
    await stage.present(agent)
    await to(stage, TUESDAY)
    assert ((await callback(stage, told)).state, (await callback(stage, told)).missed) == (CallState.DUE, True)
    assert (await stage.conversation(conversation)).priority is Priority.HIGH
    assert (await stage.conversation(other.callback.conversation)).priority is Priority.NORMAL
    assert len(await told_out(stage, conversation)) == 2


async def test_the_last_slot_before_the_queue_closes_is_told_and_goes_first_in_the_morning(stage: Stage) -> None:
    """It ends in the second in which the queue closes."""
    await stage.agent()
    told = await promised(stage, MONDAY + timedelta(hours=3, minutes=30))
    await to(stage, MONDAY + timedelta(hours=3, minutes=30))
    await to(stage, MONDAY + timedelta(hours=4))
    conversation = await stage.conversation(told.callback.conversation)
    assert await told_out(stage, conversation.id) == [late(told, "tomorrow at 9:00")]
    assert (conversation.state, conversation.priority) == (State.SNOOZED, Priority.HIGH)
    assert (await callback(stage, told)).missed


async def test_a_slot_that_passed_while_no_node_ran_is_told_as_such(stage: Stage) -> None:
    await stage.agent()
    told = await promised(stage, MONDAY + HALF)
    await to(stage, MONDAY + timedelta(hours=9))
    assert await told_out(stage, told.callback.conversation) == [late(told, "tomorrow at 9:00")]


@pytest.mark.parametrize("soon", [False, True])
async def test_a_call_that_slept_till_its_time_has_not_waited_in_vain_and_stays_in_its_queue(
    stage: Stage, soon: bool
) -> None:
    """`payments` sends what nobody took in five minutes to `general`."""
    await stage.agent(online=False)
    general = await stage.agent("bo", skills={})
    told = await request(stage, slot=MONDAY + 2 * HALF)
    if soon:
        await to(stage, MONDAY + HALF)
        async with door(stage) as calls:
            told = await calls.reschedule(told.callback.id, None)
    await to(stage, MONDAY + (HALF if soon else 2 * HALF))
    conversation = await stage.conversation(told.callback.conversation)
    assert ((await callback(stage, told)).state, conversation.queue) == (CallState.DUE, "payments")
    await to(stage, stage.clock.now() + timedelta(minutes=5))
    conversation = await stage.conversation(told.callback.conversation)
    assert (conversation.queue, conversation.offered_to) == ("general", general.id)


# -- never again -------------------------------------------------------------------------------------------------------

NUMBER = "+33142685300"
NEVER = f"We have noted that {NUMBER} is never to be called again. You can still write to us here."


async def two_matters(stage: Stage) -> tuple[CallbackStatus, CallbackStatus]:
    """One as soon as possible over the page, another for a slot later, from a chat."""
    chat = await stage.write("hello", address="anna")
    async with door(stage) as calls:
        far = (await calls.slots(SlotQuery(channel="phone", zones=PARIS, language="en", issue="topup"), limit=9))[8]
        later = await calls.request(asked(issue="topup", slot=far.start, token=chat.conversation))
        return await calls.request(asked(issue="unauthorised")), later


async def notes(stage: Stage, conversation: str) -> list[str]:
    return [one.text for one in await stage.messages(conversation) if one.direction is Direction.NOTE]


async def test_never_again_said_of_one_call_ends_the_others_of_its_number_and_frees_their_places(stage: Stage) -> None:
    agent = await stage.agent(skills={"payments": 4, "safety": 4})
    one, other = await two_matters(stage)
    assert one.callback.conversation != other.callback.conversation
    await stage.calls.dial(agent, one.callback.conversation)
    await stage.calls.outcome(agent, one.callback.conversation, CallOutcome.DONE, never=True)
    await tick(stage, timedelta(seconds=1))

    chat = await stage.conversation(other.callback.conversation)
    assert (await callback(stage, other)).state is CallState.CANCELLED
    assert (chat.kind, chat.state) != (WorkKind.CALLBACK, State.SNOOZED)  # what was written waits as a chat again
    assert (await told_out(stage, chat.id), await notes(stage, chat.id)) == ([NEVER], ["The call was cancelled."])
    assert other.callback.slot_at is not None
    async with stage.storage.read("test") as work:
        span = (other.callback.slot_at, other.callback.slot_at + HALF)
        assert await work.callbacks.taken(chat.queue, *span, now=stage.clock.now()) == {}
    await tick(stage, timedelta(days=1))
    assert await told_out(stage, chat.id) == [NEVER]  # no reminder, and it is said once


async def test_a_number_that_somebody_else_puts_down_is_called_for_nothing_any_more(stage: Stage) -> None:
    """As the desk and the command line do it; who is on the line is not cut off."""
    agent = await stage.agent(skills={"payments": 4, "safety": 4})
    one, other = await two_matters(stage)
    stranger = await request(stage, number="+33491123456")
    await stage.calls.dial(agent, one.callback.conversation)
    async with stage.storage.begin("test") as work:
        await put_down(work, NUMBER, reason="told us by mail", actor="tests", now=stage.clock.now())
    await tick(stage, timedelta(seconds=1))
    states = [(await callback(stage, each)).state for each in (one, other, stranger)]
    assert states == [CallState.DIALING, CallState.CANCELLED, CallState.DUE]
    assert await told_out(stage, other.callback.conversation) == [NEVER]
    with pytest.raises(Conflict) as refused:
        await stage.calls.dial(agent, other.callback.conversation)
    assert refused.value.code == "closed"
    await stage.calls.outcome(agent, one.callback.conversation, CallOutcome.NO_ANSWER)
    assert (await callback(stage, one)).state is CallState.NO_ANSWER


@pytest.mark.parametrize("before", [timedelta(0), timedelta(hours=1)])
async def test_a_call_whose_number_is_put_down_in_the_same_second_does_not_fall_due_and_no_reminder_leaves(
    stage: Stage, before: timedelta
) -> None:
    await stage.agent(skills={"payments": 4, "safety": 4})
    _, other = await two_matters(stage)
    assert other.callback.slot_at is not None
    stage.clock.advance(other.callback.slot_at - before - stage.clock.now())
    async with stage.storage.begin("test") as work:
        await put_down(work, NUMBER, reason="told us by mail", actor="tests", now=stage.clock.now())
    _, *others = duties(stage).duties()  # the first of them had looked just before
    for duty in others:
        await duty(stage.clock.now())
    assert (await callback(stage, other)).state is CallState.CANCELLED
    assert await told_out(stage, other.callback.conversation) == [NEVER]

"""What agents do with a call but dialing it: on both databases."""

from dataclasses import replace
from datetime import timedelta

import pytest

from conversation.errors import CallbackRefused, Conflict, NotFound
from conversation.model.callback import CallbackStatus, CallOutcome, CallState, SlotQuery
from conversation.model.conversation import Priority, State
from conversation.model.message import Direction
from conversation.model.people import Agent, Presence, WorkKind
from tests.router.flows.callbacks.test_callbacks import MONDAY, PARIS, asked, callback, door, offered, request
from tests.router.flows.stage import Stage

WISH = SlotQuery(channel="phone", zones=PARIS, language="en", issue="topup")


@pytest.fixture(autouse=True)
def monday(stage: Stage) -> None:
    stage.clock.advance(MONDAY - stage.clock.now())


# -- closing -----------------------------------------------------------------------------------------------------------


async def test_a_conversation_is_not_closed_over_a_call_that_is_still_asked_for(stage: Stage) -> None:
    agent = await stage.agent()
    told = await request(stage)
    conversation = await offered(stage, agent, told)
    await stage.actions.take(agent, conversation)

    with pytest.raises(Conflict, match="say what came of it, or cancel it") as refused:
        await stage.actions.close(agent, conversation)
    assert refused.value.code == "call_open"
    assert (await stage.conversation(conversation)).owner == agent.id
    assert (await callback(stage, told)).state is CallState.DUE
    await stage.calls.dial(agent, conversation)
    with pytest.raises(Conflict) as refused:  # nor while it is on the line
        await stage.actions.close(agent, conversation)
    assert refused.value.code == "call_open"
    await stage.calls.outcome(agent, conversation, CallOutcome.DONE)
    assert (await stage.actions.close(agent, conversation)).state is State.CLOSED  # twice is harmless


async def test_nor_is_a_chat_in_which_a_call_sleeps_until_its_time(stage: Stage) -> None:
    agent = await stage.agent()
    accepted = await stage.write("top up please", channel="site", address="anna")
    await stage.actions.take(agent, accepted.conversation or "")
    stage.clock.advance(timedelta(hours=5))  # Shanghai is closed: the call sleeps until it opens
    await stage.present(agent)
    told = await request(stage, token=accepted.conversation)

    conversation = await stage.conversation(accepted.conversation)
    assert (conversation.kind, told.callback.state) == (WorkKind.CHAT, CallState.REQUESTED)
    with pytest.raises(Conflict) as refused:
        await stage.actions.close(agent, conversation.id)
    assert refused.value.code == "call_open"


async def test_it_may_be_snoozed_and_handed_on(stage: Stage) -> None:
    agent, other = await stage.agent("a"), await stage.agent("b")
    told = await request(stage)
    conversation = told.callback.conversation
    await stage.actions.take(agent, conversation)
    await stage.actions.transfer(agent, conversation, to=other.id)
    until = stage.clock.now() + timedelta(hours=1)

    assert (await stage.actions.snooze(other, conversation, until=until)).state is State.SNOOZED
    assert (await callback(stage, told)).open


# -- another time, or none ---------------------------------------------------------------------------------------------


async def notes(stage: Stage, conversation: str) -> list[tuple[str | None, str]]:
    return [(m.author.name, m.text) for m in await stage.messages(conversation) if m.direction is Direction.NOTE]


async def test_an_agent_cancels_a_call_and_the_conversation_tells_who_did(stage: Stage) -> None:
    agent = await stage.agent(capacity=1)
    async with door(stage) as calls:
        free = await calls.slots(WISH, limit=2)
        told = await calls.request(asked(slot=free[0].start))
        await stage.calls.cancel(agent, told.callback.conversation)  # nobody holds it: whoever sees it may
        assert await calls.slots(WISH, limit=2) == free  # its place is anybody's again

    assert (await callback(stage, told)).state is CallState.CANCELLED
    assert await notes(stage, told.callback.conversation) == [("mei", "The call was cancelled.")]
    assert (await stage.conversation(told.callback.conversation)).state is State.CLOSED  # nothing else was said
    with pytest.raises(Conflict) as twice:
        await stage.calls.cancel(agent, told.callback.conversation)
    assert twice.value.code == "closed"


async def test_a_chat_goes_on_when_its_call_is_cancelled_and_may_then_be_closed(stage: Stage) -> None:
    agent = await stage.agent()
    accepted = await stage.write("top up please", channel="site", address="anna")
    await stage.actions.take(agent, accepted.conversation or "")
    told = await request(stage, token=accepted.conversation)

    after = await stage.calls.cancel(agent, told.callback.conversation)
    assert (after.state, after.owner) == (State.ASSIGNED, agent.id)
    assert (await stage.actions.close(agent, after.id)).state is State.CLOSED


async def test_an_agent_moves_a_call_to_a_free_slot_and_back_to_now(stage: Stage) -> None:
    agent = await stage.agent(capacity=1)
    async with door(stage) as calls:
        told = await calls.request(asked())
        await stage.actions.take(agent, told.callback.conversation)
        shown, free = await stage.calls.slots(agent, told.callback.conversation, limit=3)
        assert (shown.zone, free) == ("Europe/Paris", await calls.slots(WISH, limit=3))
        slept = await stage.calls.reschedule(agent, told.callback.conversation, free[2].start)
        assert await calls.slots(WISH, limit=2) == free[:2]

    assert (slept.state, slept.owner) == (State.SNOOZED, None)  # until its slot: the agent's hands are free
    assert (await callback(stage, told)).slot_at == free[2].start
    await stage.calls.reschedule(agent, told.callback.conversation, free[2].start)  # there already: no note
    soon = await stage.calls.reschedule(agent, told.callback.conversation, None)
    assert (soon.state, (await callback(stage, told)).state) == (State.WAITING, CallState.DUE)
    said = await notes(stage, told.callback.conversation)
    assert said == [
        ("mei", "The call was moved: today at 11:30."),
        ("mei", "The call was moved: as soon as possible."),
    ]


async def test_a_slot_that_is_taken_meanwhile_is_refused_with_the_next_free_ones(stage: Stage) -> None:
    agent = await stage.agent(capacity=1)
    async with door(stage) as calls:
        told = await calls.request(asked())
        _, free = await stage.calls.slots(agent, told.callback.conversation, limit=2)
        await calls.request(asked(number="+33491123456", slot=free[0].start))

    with pytest.raises(Conflict) as refused:
        await stage.calls.reschedule(agent, told.callback.conversation, free[0].start)
    items = refused.value.more["items"]
    assert isinstance(items, list)
    assert (refused.value.code, items[0]["local"]) == ("slot_taken", free[1].local)
    assert await notes(stage, told.callback.conversation) == []


async def test_nobody_changes_a_call_that_is_somebody_elses_on_the_line_or_out_of_their_sight(stage: Stage) -> None:
    agent, other = await stage.agent("a"), await stage.agent("b")
    stranger = await stage.agent("c", queues=("general",))
    told = await request(stage)
    conversation = told.callback.conversation
    await stage.actions.take(agent, conversation)

    for who, code in ((other, "not_owner"), (agent, "on_the_line")):
        for change in (stage.calls.cancel(who, conversation), stage.calls.reschedule(who, conversation, None)):
            with pytest.raises(Conflict) as refused:
                await change
            assert refused.value.code == code
        if who is other:
            await stage.calls.dial(agent, conversation)
    for look in (stage.calls.slots(stranger, conversation, limit=1), stage.calls.cancel(stranger, conversation)):
        with pytest.raises(NotFound):
            await look
    assert (await callback(stage, told)).state is CallState.DIALING


# -- never again -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "ends"),
    [
        (CallOutcome.DONE, CallState.DONE),
        (CallOutcome.NO_ANSWER, CallState.NO_ANSWER),
        (CallOutcome.BUSY, CallState.BUSY),
        (CallOutcome.REJECTED, CallState.FAILED),
    ],
)
async def test_who_asks_never_to_be_called_again_is_not_tried_again_and_offered_no_other_call(
    stage: Stage, outcome: CallOutcome, ends: CallState
) -> None:
    agent = await stage.agent()
    accepted = await stage.write("top up please", channel="site", address="anna")
    told = await request(stage, token=accepted.conversation)
    conversation = await offered(stage, agent, told)
    await stage.calls.dial(agent, conversation)
    after = await stage.calls.outcome(agent, conversation, outcome, never=True)

    over = await callback(stage, told)
    assert (over.state, over.due_at, after.state) == (ends, None, State.CLOSED)
    sent = [m.text for m in await stage.messages(conversation) if m.direction is Direction.OUT]
    words = "We have noted that +33142685300 is never to be called again. You can still write to us here."
    assert sent == ([] if outcome is CallOutcome.DONE else [words])
    with pytest.raises(CallbackRefused, match="do_not_call"):
        await request(stage, issue="unauthorised")


# -- a slot that whoever holds the conversation ignores ----------------------------------------------------------------


async def ignored(stage: Stage, agent: Agent, text: str = "top up please") -> CallbackStatus:
    """The agent owns a chat in which a call is promised; its slot begins, and nobody calls."""
    accepted = await stage.write(text, channel="site", address="anna")
    await stage.actions.take(agent, accepted.conversation or "")
    async with door(stage) as calls:
        query = replace(WISH, conversation=accepted.conversation)
        (slot,) = await calls.slots(query, limit=1)
        told = await calls.request(asked(slot=slot.start, token=accepted.conversation))
    stage.clock.advance(slot.start - stage.clock.now())
    await stage.ticker.once(stage.clock.now())
    assert (await callback(stage, told)).state is CallState.DUE
    stage.clock.advance(slot.end - slot.start)
    return told


NOBODY_CALLED = (None, "Nobody called in this slot: 2026-11-23 10:30 Europe/Paris.")


async def test_a_missed_slot_of_a_chat_is_urged_and_told_while_its_owner_is_here(stage: Stage) -> None:
    agent = await stage.agent()
    told = await ignored(stage, agent)
    await stage.present(agent)
    for _ in range(2):
        await stage.ticker.once(stage.clock.now())

    found = await stage.conversation(told.callback.conversation)
    assert (found.state, found.owner, found.kind) == (State.ASSIGNED, agent.id, WorkKind.CHAT)
    assert (found.priority, (await callback(stage, told)).missed) == (Priority.HIGH, True)
    assert await notes(stage, found.id) == [NOBODY_CALLED]  # once


@pytest.mark.parametrize("presence", [Presence.AWAY, Presence.OFFLINE])
async def test_a_missed_slot_of_a_chat_whose_owner_is_gone_waits_as_a_call_for_somebody_else(
    stage: Stage, presence: Presence
) -> None:
    agent, other = await stage.agent("a", capacity=1), await stage.agent("b", online=False)
    told = await ignored(stage, agent)
    await stage.present(agent, presence)
    await stage.ticker.once(stage.clock.now())

    found = await stage.conversation(told.callback.conversation)
    assert (found.state, found.owner, found.kind) == (State.WAITING, None, WorkKind.CALLBACK)
    assert (found.priority, found.waiting_since) == (Priority.HIGH, told.callback.asked_at)
    assert await stage.held(agent, WorkKind.CHAT) == 0
    assert await notes(stage, found.id) == [NOBODY_CALLED]
    assert await offered(stage, other, told) == found.id


async def test_a_missed_slot_of_a_chat_that_its_owner_laid_aside_waits_as_a_call(stage: Stage) -> None:
    agent = await stage.agent()
    told = await ignored(stage, agent)
    conversation = told.callback.conversation
    await stage.actions.snooze(agent, conversation, until=stage.clock.now() + timedelta(days=1))
    await stage.ticker.once(stage.clock.now())

    found = await stage.conversation(conversation)
    assert (found.state, found.kind, found.priority) == (State.WAITING, WorkKind.CALLBACK, Priority.HIGH)
    assert await notes(stage, conversation) == [NOBODY_CALLED]
    assert await offered(stage, agent, told) == conversation


async def test_a_missed_slot_takes_no_urgency_away(stage: Stage) -> None:
    agent = await stage.agent(skills={"payments": 4, "safety": 4})
    told = await ignored(stage, agent, "my card is stolen")
    await stage.present(agent)
    await stage.ticker.once(stage.clock.now())

    found = await stage.conversation(told.callback.conversation)
    assert (found.priority, (await callback(stage, told)).missed) == (Priority.URGENT, True)

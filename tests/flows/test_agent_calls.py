"""What agents do with a call but dialing it: on both databases."""

from datetime import timedelta

import pytest

from conversation.calling import CallState, Outcome
from conversation.errors import Conflict
from conversation.people import WorkKind
from conversation.thread import State
from tests.flows.stage import Stage
from tests.flows.test_callbacks import MONDAY, callback, offered, request


@pytest.fixture(autouse=True)
def monday(stage: Stage) -> None:
    stage.clock.advance(MONDAY - stage.clock.now())


# -- closing -----------------------------------------------------------------------------------------------------------


async def test_a_conversation_is_not_closed_over_a_call_that_is_still_asked_for(stage: Stage) -> None:
    agent = await stage.agent()
    told = await request(stage)
    conversation = await offered(stage, agent, told)
    await stage.calls.take(agent, conversation)

    with pytest.raises(Conflict, match="say what came of it, or cancel it") as refused:
        await stage.replies.close(agent, conversation)
    assert refused.value.code == "call_open"
    assert (await stage.conversation(conversation)).owner == agent.id
    assert (await callback(stage, told)).state is CallState.DUE
    await stage.calls.dial(agent, conversation)
    with pytest.raises(Conflict) as refused:  # nor while it is on the line
        await stage.replies.close(agent, conversation)
    assert refused.value.code == "call_open"
    await stage.calls.outcome(agent, conversation, Outcome.DONE)
    assert (await stage.replies.close(agent, conversation)).state is State.CLOSED  # twice is harmless


async def test_nor_is_a_chat_in_which_a_call_sleeps_until_its_time(stage: Stage) -> None:
    agent = await stage.agent()
    accepted = await stage.write("top up please", channel="site", address="anna")
    await stage.replies.take(agent, accepted.conversation or "")
    stage.clock.advance(timedelta(hours=5))  # Shanghai is closed: the call sleeps until it opens
    await stage.present(agent)
    told = await request(stage, token=accepted.conversation)

    conversation = await stage.conversation(accepted.conversation)
    assert (conversation.kind, told.callback.state) == (WorkKind.CHAT, CallState.REQUESTED)
    with pytest.raises(Conflict) as refused:
        await stage.replies.close(agent, conversation.id)
    assert refused.value.code == "call_open"


async def test_it_may_be_snoozed_and_handed_on(stage: Stage) -> None:
    agent, other = await stage.agent("a"), await stage.agent("b")
    told = await request(stage)
    conversation = told.callback.conversation
    await stage.calls.take(agent, conversation)
    await stage.replies.transfer(agent, conversation, to=other.id)
    until = stage.clock.now() + timedelta(hours=1)

    assert (await stage.replies.snooze(other, conversation, until=until)).state is State.SNOOZED
    assert (await callback(stage, told)).open

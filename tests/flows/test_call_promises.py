"""What customers hear of a call that did not come, on both databases: what happened, and nothing that did not."""

from datetime import timedelta

from conversation.calling import CallState, Outcome
from tests.flows.stage import Stage
from tests.flows.test_call_times import to, told_out
from tests.flows.test_callbacks import MONDAY, callback, monday, offered, request, tick

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
    await stage.calls.take(agent, await offered(stage, agent, told))
    await stage.calls.outcome(agent, told.callback.conversation, Outcome.NO_ANSWER)
    await to(stage, MONDAY + timedelta(minutes=31))
    await tick(stage, timedelta(days=4))
    assert (await callback(stage, told)).state is CallState.EXPIRED
    (words,) = await told_out(stage, told.callback.conversation)
    assert words.startswith("We could not reach you at +33142685300.")

"""How many files one message, one reply and one request for a call lead through: `pytest -s` prints the path of each.

Each journey is made twice, and the second is followed: what is loaded or compiled once is no part of it.
"""

from collections.abc import Awaitable, Callable

import pytest

from conversation.model.callback import CallState, Slot, SlotQuery
from conversation.model.message import Status
from tests.router.flows.callbacks.test_callbacks import MONDAY, PARIS, asked, door
from tests.router.flows.file_trace import FileTrace, Journey
from tests.router.flows.stage import Stage, received

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


async def second(step: Callable[[int], Awaitable[Journey]]) -> Journey:
    await step(0)
    return await step(1)


def shown(title: str, journey: Journey) -> tuple[int, int, int]:
    """Its files, its returns, and its returns where a coroutine that goes on enters its file, too."""
    figures = (len(journey.files), journey.returns, journey.returns_with_waits)
    print(f"\n{title}: {figures[0]} files, {figures[1]} returns, {figures[2]} with those after waits\n{journey}")
    return figures


def within(figures: tuple[int, ...], limits: tuple[int, ...]) -> bool:
    return all(figure <= limit for figure, limit in zip(figures, limits, strict=True))


async def test_a_message_from_its_arrival_to_the_commit(stage: Stage) -> None:
    await stage.agent()
    async with stage.intake() as inbox:

        async def message(number: int) -> Journey:
            event = received("my top up is gone", address=f"anna{number}", at=stage.clock.now())
            with FileTrace() as journey:
                accepted = await inbox.accept([event])
            assert accepted[0].queue == "payments"
            return journey

        journey = await second(message)

    assert within(shown("A message", journey), (35, 85, 96))


async def test_a_reply_from_the_agent_to_the_channel(stage: Stage) -> None:
    agent = await stage.agent()

    async def reply(number: int) -> Journey:
        asked_in = (await stage.write("my top up is gone", address=f"anna{number}")).conversation or ""
        with FileTrace() as journey:
            message, _ = await stage.replies.send(agent, asked_in, client_id="r1", text="It is back.")
            assert await stage.dispatcher.once() == 1
        assert message.status is Status.QUEUED
        assert [one.text for one in stage.channels["site"].sent][number:] == ["It is back."]
        return journey

    assert within(shown("A reply", await second(reply)), (30, 78, 117))


async def test_a_request_for_a_call_from_the_page_to_its_slot(stage: Stage) -> None:
    await stage.agent()
    stage.clock.set(MONDAY)
    query = SlotQuery(channel="phone", zones=PARIS, language="en", issue="topup")
    async with door(stage) as calls:

        async def request(number: int) -> Journey:
            slot: Slot = (await calls.slots(query, limit=1))[0]
            event = asked(slot=slot.start, number=f"+3314268530{number}")
            with FileTrace() as journey:
                status = await calls.request(event)
            assert (status.callback.state, status.callback.slot_at) == (CallState.SCHEDULED, slot.start)
            return journey

        journey = await second(request)

    assert within(shown("A request for a call", journey), (50, 164, 252))

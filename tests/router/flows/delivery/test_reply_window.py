"""Windows for answers: kept with the customer, told in time, held when an answer is written and again when it leaves."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from conversation.errors import Conflict
from conversation.id_generator import new_id
from conversation.model.capabilities import Can
from conversation.model.events import EventType
from conversation.model.message import Accepted, ContactChanged, Message, Status
from conversation.model.people import Agent, WorkKind
from router.flows.agents.reply import Template
from tests.router.flows.stage import Stage, received

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WINDOWED = Can(work=WorkKind.MESSAGE, reply_window=DAY, human_window=7 * DAY, templates=("hello",))


@pytest.fixture
def windowed(stage: Stage) -> Stage:
    stage.cans["text"] = WINDOWED
    stage.channels["text"].can = WINDOWED
    return stage


async def asked(stage: Stage, *, at: datetime | None = None, token: str | None = None, **more: Any) -> Accepted:
    event = received("hello", channel="text", at=at or stage.clock.now(), reply_token=token, **more)
    async with stage.intake() as inbox:
        (accepted,) = await inbox.accept([event])
        found: Accepted = accepted
        return found


async def somebody(stage: Stage) -> Agent:
    return await stage.agent(queues=("general", "payments"))


async def say(stage: Stage, agent: Agent, asked_: Accepted, template: Template | None = None) -> Message:
    message, _ = await stage.replies.send(
        agent, asked_.conversation or "", client_id=new_id(), text="" if template else "hi", template=template
    )
    return message


async def status_of(stage: Stage, message: Message) -> tuple[Status, str | None]:
    async with stage.storage.read("test") as work:
        found = (await work.messages.find([message.id]))[message.id]
    return found.status, found.error


async def test_an_answer_within_the_window_leaves_with_its_end_and_the_token_once(windowed: Stage) -> None:
    accepted, agent = await asked(windowed, token="t1"), await somebody(windowed)
    await say(windowed, agent, accepted)
    await say(windowed, agent, accepted)
    await windowed.dispatcher.once()
    await windowed.dispatcher.once()
    sent = windowed.channels["text"].sent
    assert [one.reply_token for one in sent] == ["t1", None]
    assert {one.reply_until for one in sent} == {windowed.clock.now() + DAY}


async def test_after_the_last_window_only_a_template_is_taken_and_what_else_may_be_done_is_told(
    windowed: Stage,
) -> None:
    accepted, agent = await asked(windowed), await somebody(windowed)
    windowed.clock.advance(2 * DAY)
    await say(windowed, agent, accepted)  # what a person writes may still leave
    windowed.clock.advance(6 * DAY)
    with pytest.raises(Conflict) as caught:
        await say(windowed, agent, accepted)
    assert caught.value.code == "window_closed"
    instead = caught.value.more["instead"]
    assert instead == {"channel": "text", "open": "templates", "until": None, "templates": ["hello"], "channels": []}
    assert len(await windowed.messages(accepted.conversation)) == 2
    with pytest.raises(Conflict) as unknown:
        await say(windowed, agent, accepted, Template(name="bye"))
    assert unknown.value.code == "unknown_template"
    message = await say(windowed, agent, accepted, Template(name="hello", parameters=("Anna", "7")))
    assert (message.text, message.template) == ("hello | Anna | 7", "hello")
    windowed.clock.advance(HOUR)
    while await windowed.dispatcher.once():
        pass
    left = windowed.channels["text"].sent[-1]
    assert (left.template, left.parameters) == ("hello", ("Anna", "7"))


async def test_an_answer_repeated_after_the_window_is_the_one_that_was_taken(windowed: Stage) -> None:
    accepted, agent = await asked(windowed), await somebody(windowed)
    conversation = accepted.conversation or ""
    first, _ = await windowed.replies.send(agent, conversation, client_id="r", text="hi")
    windowed.clock.advance(8 * DAY)
    again, new = await windowed.replies.send(agent, conversation, client_id="r", text="hi")
    assert (again.id, new) == (first.id, False)


async def test_the_window_is_held_again_when_it_leaves_as_it_stands_then(windowed: Stage) -> None:
    accepted, agent = await asked(windowed), await somebody(windowed)
    late = await say(windowed, agent, accepted)
    windowed.clock.advance(8 * DAY)
    await windowed.dispatcher.once()
    assert (await status_of(windowed, late))[0] is Status.FAILED
    assert ((await status_of(windowed, late))[1] or "").startswith("window_closed")
    await asked(windowed)
    message = await say(windowed, agent, accepted)
    windowed.clock.advance(DAY - HOUR)
    await asked(windowed)
    windowed.clock.advance(7 * DAY - HOUR)
    await windowed.dispatcher.once()
    assert (await status_of(windowed, message))[0] is Status.SENT


async def test_an_old_message_does_not_move_the_window_back_and_gets_no_automatic_answer(windowed: Stage) -> None:
    windowed.clock.set(datetime.fromisoformat("2026-11-23T22:00:00+08:00"))
    now = windowed.clock.now()
    old = await asked(windowed, sent_at=now - 2 * DAY, issue="topup")
    assert [message.direction.value for message in await windowed.messages(old.conversation)] == ["in"]
    new = await asked(windowed, sent_at=now, issue="topup")
    assert len([one for one in await windowed.messages(new.conversation) if one.direction.value == "out"]) == 1
    await asked(windowed, sent_at=now - DAY, issue="topup")
    async with windowed.storage.read("test") as work:
        conversation = await work.conversations.get(new.conversation or "")
        assert (await work.customers.identity(conversation.identity or "")).reply_until == now + DAY


async def test_agents_are_told_before_it_closes_once_and_only_while_somebody_waits(windowed: Stage) -> None:
    accepted, agent = await asked(windowed), await somebody(windowed)
    assert (await windowed.conversation(accepted.conversation)).due == windowed.clock.now() + DAY
    windowed.clock.advance(DAY - HOUR - timedelta(seconds=1))
    await windowed.ticker.once(windowed.clock.now())
    assert not await closing(windowed)
    windowed.clock.advance(timedelta(seconds=2))
    await windowed.ticker.once(windowed.clock.now())
    await windowed.ticker.once(windowed.clock.now())
    assert await closing(windowed) == [accepted.conversation]
    again = await asked(windowed)
    windowed.clock.advance(timedelta(seconds=1))
    await say(windowed, agent, again)
    windowed.clock.advance(DAY - HOUR)
    await windowed.ticker.once(windowed.clock.now())
    assert await closing(windowed) == [accepted.conversation]


async def closing(stage: Stage) -> list[str | None]:
    events = await stage.events(EventType.UPDATED)
    return [one.conversation for one in events if one.data.get("reason") == "window_closing"]


async def test_whoever_blocked_us_is_not_written_to(windowed: Stage) -> None:
    accepted, agent = await asked(windowed), await somebody(windowed)
    sender = received(channel="text").sender
    now = windowed.clock.now()
    blocked = ContactChanged(channel="text", external_id="x", sender=sender, received_at=now, reachable=False)
    async with windowed.intake() as inbox:
        await inbox.accept([blocked])
    with pytest.raises(Conflict) as caught:
        await say(windowed, agent, accepted, Template(name="hello"))
    assert caught.value.code == "blocked"
    async with windowed.storage.read("test") as work:
        told = await windowed.replies.reach(work, await work.conversations.get(accepted.conversation or ""))
    assert told is not None
    assert (told.open, told.templates) == ("nobody", ())

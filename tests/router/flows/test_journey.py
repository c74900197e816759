"""One matter's whole journey, without HTTP: written, offered, answered, read, closed, and written again."""

from datetime import timedelta

from conversation.model.conversation import State
from conversation.model.events import EventType
from conversation.model.message import Status
from router.flows.customers.visitor_feed import Feed, VisitorSessionService
from tests.router.flows.stage import CANS, Stage, eventually, received, running


async def test_a_chinese_question_is_answered_by_one_who_speaks_chinese(stage: Stage) -> None:
    mei = await stage.agent("mei", languages={"zh": 5})
    tom = await stage.agent("tom", languages={"en": 5})
    token, visitor = await VisitorSessionService(stage.storage, stage.clock).open("site", language=None)
    feed = Feed(stage.storage, stage.signals, stage.clock, cans=lambda: CANS)
    async with (
        stage.intake() as inbox,
        running(stage.distributor.run()),
        running(stage.dispatcher.run()),
    ):
        text = "充值不成功,钱扣了没到账"
        accepted = (await inbox.accept([received(text, address=visitor.identity.address)]))[0]

        async def offered() -> bool:
            return (await stage.conversation(accepted.conversation)).offered_to == mei.id

        await eventually(offered)
        await stage.replies.send(mei, accepted.conversation or "", client_id="r1", text="您好,我来查一下")

        async def sent() -> bool:
            return (await stage.messages(accepted.conversation))[1].status is Status.SENT

        await eventually(sent)
    assert token
    assert [m.text for m in await feed.after(visitor.identity.id, 0, 10)] == [text, "您好,我来查一下"]
    await feed.seen(visitor.identity.id, 2)
    await stage.actions.close(mei, accepted.conversation or "")
    stage.clock.advance(timedelta(hours=1))
    again = await stage.write("还是没到账", address=visitor.identity.address)
    conversation = await stage.conversation(again.conversation)
    assert (again.conversation, conversation.state) == (accepted.conversation, State.WAITING)
    assert await stage.held(mei) == 0
    assert tom.id not in [event.agent for event in await stage.events()]
    kinds = [event.type for event in await stage.events()]
    assert kinds == [
        EventType.CREATED,
        EventType.RECEIVED,
        EventType.OFFERED,
        EventType.ASSIGNED,
        EventType.SENT,
        EventType.STATUS,
        EventType.STATUS,
        EventType.CLOSED,
        EventType.UPDATED,
        EventType.RECEIVED,
    ]
    cursors = [event.cursor for event in await stage.events()]
    assert cursors == list(range(1, len(cursors) + 1))

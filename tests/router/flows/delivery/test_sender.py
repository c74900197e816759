"""What leaves: sent once, in order, and settled by the class of what came of it."""

import asyncio
from contextlib import AbstractAsyncContextManager
from datetime import timedelta

import pytest

from conversation.errors import (
    ChannelMisconfigured,
    Conflict,
    PermanentFailure,
    RateLimited,
    StoreUnavailable,
    TransientFailure,
    Unknown,
)
from conversation.id_generator import new_id
from conversation.model.capabilities import Can
from conversation.model.events import EventType
from conversation.model.message import DeliveryReported, Message, Status
from conversation.model.outbound import Effect, OutboxRow
from conversation.model.people import Agent, WorkKind
from router.flows.delivery.sender import Dispatcher
from storage.unit_of_work import StoreWork
from tests.router.flows.stage import FakeChannel, Stage, eventually, running


class Answering:
    """An agent in a conversation on one channel."""

    def __init__(self, stage: Stage, agent: Agent, conversation: str, channel: str) -> None:
        self.stage = stage
        self.agent = agent
        self.conversation = conversation
        self.channel = stage.channels[channel]

    async def say(self, text: str) -> Message:
        return (await self.stage.replies.send(self.agent, self.conversation, client_id=new_id(), text=text))[0]

    async def status(self, message: Message) -> tuple[Status, str | None]:
        async with self.stage.storage.read("test") as work:
            found = (await work.messages.find([message.id]))[message.id]
        return found.status, found.error


async def answering(stage: Stage, channel: str = "site", name: str = "mei") -> Answering:
    agent = await stage.agent(name, capacity=20)
    accepted = await stage.write("hello", channel=channel, address=f"of-{name}")
    return Answering(stage, agent, accepted.conversation or "", channel)


async def test_a_sent_message_has_its_providers_id_and_is_told(stage: Stage) -> None:
    desk = await answering(stage)
    message = await desk.say("hi")
    assert await stage.dispatcher.once() == 1
    stored = (await stage.messages(desk.conversation))[1]
    assert (stored.status, stored.external_id) == (Status.SENT, f"provider-{message.id}")
    assert [e.data["status"] for e in await stage.events(EventType.STATUS)] == ["sent"]
    assert await stage.outbox() == {}


async def test_a_transient_failure_is_tried_again_later_and_says_which_attempt_it_is(stage: Stage) -> None:
    desk = await answering(stage)
    message = await desk.say("hi")
    desk.channel.failures = [TransientFailure("connection refused")] * 2
    await stage.dispatcher.once()
    assert await desk.status(message) == (Status.SENDING, "attempt 1: connection refused")
    assert await stage.dispatcher.once() == 0  # not yet
    stage.clock.advance(timedelta(minutes=1))
    await stage.dispatcher.once()
    assert (await desk.status(message))[1] == "attempt 2: connection refused"
    stage.clock.advance(timedelta(minutes=1))
    await stage.dispatcher.once()
    assert (await desk.status(message))[0] is Status.SENT
    assert [m.id for m in desk.channel.sent] == [message.id]


async def test_a_message_is_counted_for_its_account_once_when_the_provider_took_it(stage: Stage) -> None:
    desk = await answering(stage)
    await desk.say("hi")
    desk.channel.failures = [TransientFailure("connection refused")]
    await stage.dispatcher.once()
    assert stage.sent == {}
    stage.clock.advance(timedelta(minutes=1))
    await stage.dispatcher.once()
    assert stage.sent == {(desk.channel.name, "sent"): 1}


async def test_trying_ends_after_three_days(stage: Stage) -> None:
    desk = await answering(stage)
    message = await desk.say("hi")
    stage.clock.advance(timedelta(days=3))
    desk.channel.failures = [TransientFailure("connection refused")]
    await stage.dispatcher.once()
    status, words = await desk.status(message)
    assert (status, words) == (Status.FAILED, "gave up: attempt 1: connection refused")


async def test_a_rate_limit_makes_the_whole_account_wait_exactly_that_long(stage: Stage) -> None:
    one, two = await answering(stage, "text", "a"), await answering(stage, "text", "b")
    await one.say("first")
    one.channel.failures = [RateLimited("slow down", retry_after=timedelta(seconds=30))]
    await stage.dispatcher.once()
    await two.say("of another conversation")
    stage.clock.advance(timedelta(seconds=29))
    assert await stage.dispatcher.once() == 0
    stage.clock.advance(timedelta(seconds=1))
    assert await stage.dispatcher.once() == 2


async def test_a_limit_on_one_chat_makes_only_that_one_wait(stage: Stage) -> None:
    one, two = await answering(stage, "text", "a"), await answering(stage, "text", "b")
    held = await one.say("first")
    one.channel.failures = [RateLimited("slow down", retry_after=timedelta(seconds=30), whole_account=False)]
    await stage.dispatcher.once()
    free = await two.say("of another conversation")
    assert await stage.dispatcher.once() == 1
    assert ((await one.status(held))[0], (await two.status(free))[0]) == (Status.SENDING, Status.SENT)
    stage.clock.advance(timedelta(seconds=30))
    assert await stage.dispatcher.once() == 1


async def test_a_permanent_failure_is_given_up_at_once_and_unblocks_the_next(stage: Stage) -> None:
    desk = await answering(stage)
    first, second = await desk.say("one"), await desk.say("two")
    desk.channel.failures = [PermanentFailure("too long", code="too_long")]
    await stage.dispatcher.once()
    assert await desk.status(first) == (Status.FAILED, "too_long: too long")
    await stage.dispatcher.once()
    assert (await desk.status(second))[0] is Status.SENT


@pytest.mark.parametrize(("channel", "repeatable", "again"), [("text", True, True), ("app", False, False)])
async def test_a_request_itself_knows_best_whether_it_may_be_made_again(
    stage: Stage, channel: str, *, repeatable: bool, again: bool
) -> None:
    desk = await answering(stage, channel)
    message = await desk.say("one")
    desk.channel.failures = [Unknown("no answer", repeatable=repeatable)]
    await stage.dispatcher.once()
    stage.clock.advance(timedelta(minutes=1))
    await stage.dispatcher.once()
    assert (await desk.status(message))[0] is (Status.SENT if again else Status.UNCERTAIN)


async def test_no_answer_is_uncertain_and_blocks_what_comes_after_it(stage: Stage) -> None:
    desk = await answering(stage, "text")
    first, second = await desk.say("one"), await desk.say("two")
    desk.channel.failures = [Unknown("no answer")]
    await stage.dispatcher.once()
    stage.clock.advance(timedelta(hours=1))
    assert await stage.dispatcher.once() == 0
    assert (await desk.status(first), (await desk.status(second))[0]) == (
        (Status.UNCERTAIN, "no answer"),
        Status.QUEUED,
    )
    report = DeliveryReported(
        channel="text", external_id=first.id, status=Status.DELIVERED, received_at=stage.clock.now()
    )
    async with stage.intake() as inbox:
        await inbox.accept([report])
    assert await stage.dispatcher.once() == 1
    assert (await desk.status(first))[0] is Status.DELIVERED
    assert [m.text for m in desk.channel.sent] == ["two"]


async def test_no_answer_of_a_provider_that_takes_our_id_is_simply_tried_again(stage: Stage) -> None:
    desk = await answering(stage, "app")
    message = await desk.say("one")
    desk.channel.failures = [Unknown("no answer")]
    await stage.dispatcher.once()
    stage.clock.advance(timedelta(minutes=1))
    assert await stage.dispatcher.once() == 1
    assert [m.id for m in desk.channel.sent] == [message.id]


async def test_an_answer_that_took_a_reply_token_is_uncertain_even_where_ids_are_taken(stage: Stage) -> None:
    desk = await answering(stage, "app")
    await stage.write("again", channel="app", address="of-mei", reply_token="t-1")
    message = await desk.say("one")
    desk.channel.failures = [Unknown("no answer")]
    await stage.dispatcher.once()
    assert (await desk.status(message))[0] is Status.UNCERTAIN


async def test_wrong_credentials_make_rows_wait_for_ever_and_nobody_else(stage: Stage) -> None:
    desk, other = await answering(stage, "text", "a"), await answering(stage, "app", "b")
    message = await desk.say("one")
    desk.channel.failures = [ChannelMisconfigured("401")]
    await stage.dispatcher.once()
    await other.say("of another account")
    assert await stage.dispatcher.once() == 1
    assert await desk.status(message) == (Status.SENDING, "401")
    stage.clock.advance(timedelta(days=9))
    desk.channel.failures = [ChannelMisconfigured("401")]
    await stage.dispatcher.once()
    assert (await desk.status(message))[0] is Status.SENDING
    stage.clock.advance(timedelta(minutes=2))
    await stage.dispatcher.once()
    assert (await desk.status(message))[0] is Status.SENT


async def test_whoever_refuses_our_credentials_is_asked_soon_then_seldom_and_at_once_after_a_reload(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    desk = await answering(stage, "text", "a")
    message = await desk.say("one")
    desk.channel.failures = [ChannelMisconfigured("401")] * 3
    for pause in (5, 60):  # three quarters of it, by the draw of these tests
        assert await stage.dispatcher.once() == 1
        stage.clock.advance(timedelta(seconds=pause * 0.74))
        assert await stage.dispatcher.once() == 0
        stage.clock.advance(timedelta(seconds=pause * 0.02))
    assert await stage.dispatcher.once() == 1
    stage.clock.advance(timedelta(seconds=10))
    assert await stage.dispatcher.once() == 0
    stage.dispatcher.try_now()
    assert await stage.dispatcher.once() == 1
    assert (await desk.status(message))[0] is Status.SENT
    assert [r.levelname for r in caplog.records if r.message == "sending_refused"] == ["WARNING"]


async def test_another_reason_of_a_refusal_is_logged_and_the_same_one_with_other_numbers_is_not(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    desk = await answering(stage, "text", "a")
    await desk.say("one")
    reasons = ["401 session 17", "401 session 18", "this account is suspended"]
    desk.channel.failures = [ChannelMisconfigured(reason) for reason in reasons]
    for _ in reasons:
        stage.dispatcher.try_now()
        stage.clock.advance(timedelta(minutes=15))
        assert await stage.dispatcher.once() == 1
    told = [str(vars(record)["detail"]) for record in caplog.records if record.message == "sending_refused"]
    assert [reason for reason in reasons if any(reason in one for one in told)] == [reasons[0], reasons[2]]


async def test_a_reload_does_not_end_the_pause_that_a_provider_named_after_a_refusal(stage: Stage) -> None:
    desk, other = await answering(stage, "text", "a"), await answering(stage, "text", "b")
    await desk.say("one")
    desk.channel.failures = [ChannelMisconfigured("401"), RateLimited("429", retry_after=timedelta(minutes=30))]
    for _ in range(2):
        assert await stage.dispatcher.once() == 1
        stage.dispatcher.try_now()
        stage.clock.advance(timedelta(minutes=10))
    await other.say("two")  # nothing goes before it in its conversation: the account's pause alone holds it
    assert await stage.dispatcher.once() == 0
    stage.clock.advance(timedelta(minutes=30))
    assert await stage.dispatcher.once() == 2


async def test_a_bug_parks_the_row_and_is_logged_once(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    desk = await answering(stage)
    message = await desk.say("one")
    desk.channel.failures = [ZeroDivisionError("a bug")]
    await stage.dispatcher.once()
    stage.clock.advance(timedelta(days=1))
    assert await stage.dispatcher.once() == 0
    assert (await stage.outbox(), (await desk.status(message))[0]) == ({"parked": 1}, Status.SENDING)
    assert len([record for record in caplog.records if record.exc_info]) == 1
    await stage.replies.resolve(desk.agent, desk.conversation, message.id, "retry")
    assert await stage.dispatcher.once() == 1


async def test_replies_leave_in_the_order_of_their_conversation_also_after_a_retry(stage: Stage) -> None:
    desk = await answering(stage, "text")
    for n in range(4):
        await desk.say(str(n))
    desk.channel.failures = [TransientFailure("not now")]
    for _ in range(6):
        await stage.dispatcher.once()
        stage.clock.advance(timedelta(minutes=1))
    assert [m.text for m in desk.channel.sent] == ["0", "1", "2", "3"]


@pytest.mark.parametrize(("channel", "again"), [("text", False), ("app", True)])
async def test_a_row_whose_sender_died_is_repeated_only_where_that_is_harmless(
    stage: Stage, channel: str, again: bool
) -> None:
    desk = await answering(stage, channel)
    message = await desk.say("one")
    desk.channel.hold = asyncio.Event()
    dying = asyncio.ensure_future(stage.dispatcher.once())

    async def sending() -> bool:
        return desk.channel.busy == 1

    await eventually(sending)
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    desk.channel.hold = None
    survivor = Dispatcher(stage.storage, lambda: stage.channels, stage.webhooks, stage.signals, stage.clock)
    assert await survivor.once() == 0  # the lease still runs
    stage.clock.advance(timedelta(minutes=2))
    assert await survivor.once() == (1 if again else 0)
    status, words = await desk.status(message)
    assert (status, len(desk.channel.sent)) == ((Status.SENT, 1) if again else (Status.UNCERTAIN, 0))
    assert again or words == "the sending was interrupted"


async def test_a_node_that_is_back_settles_at_once_what_it_was_sending(stage: Stage) -> None:
    desk = await answering(stage, "app")
    message = await desk.say("one")
    desk.channel.hold = asyncio.Event()

    def dispatcher(owner: str) -> Dispatcher:
        channels, signals = (lambda: stage.channels), stage.signals
        return Dispatcher(stage.storage, channels, stage.webhooks, signals, stage.clock, owner=owner)

    dying = asyncio.ensure_future(dispatcher("web-1:first").once())
    await eventually(lambda: _is_sending(desk))
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    desk.channel.hold = None
    assert await dispatcher("web-2:other").once() == 0
    assert await dispatcher("web-1:second").once() == 1
    assert ((await desk.status(message))[0], len(desk.channel.sent)) == (Status.SENT, 1)


@pytest.mark.parametrize("renews", [True, False])
async def test_a_sending_lasts_as_long_as_its_claim_can_be_renewed(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, renews: bool
) -> None:
    monkeypatch.setattr("router.flows.delivery.sender._LEASE", timedelta(seconds=1))
    begin = stage.storage.begin

    def without(purpose: str) -> AbstractAsyncContextManager[StoreWork]:
        if purpose == "renew" and not renews:
            raise StoreUnavailable("gone")
        return begin(purpose)

    monkeypatch.setattr(stage.storage, "begin", without)
    channels, signals = (lambda: stage.channels), stage.signals
    sender = Dispatcher(stage.storage, channels, stage.webhooks, signals, stage.clock, owner="web-1:a")
    desk = await answering(stage, "text")
    desk.channel.hold = asyncio.Event()
    message = await desk.say("one")
    async with running(sender.run()):
        await eventually(lambda: _is_sending(desk))
        if renews:
            await asyncio.sleep(2.5)
            assert desk.channel.busy == 1
            desk.channel.hold.set()
        wanted = Status.SENT if renews else Status.UNCERTAIN
        await eventually(lambda: _has(desk, message, wanted))
    assert len(desk.channel.sent) == renews


async def test_a_zombie_cannot_settle_what_was_taken_from_it(stage: Stage) -> None:
    desk = await answering(stage, "app")
    message = await desk.say("one")
    desk.channel.hold = asyncio.Event()
    zombie = asyncio.ensure_future(stage.dispatcher.once())

    async def sending() -> bool:
        return desk.channel.busy == 1

    await eventually(sending)
    stage.clock.advance(timedelta(minutes=2))
    other = FakeChannel("app", desk.channel.can)
    survivor = Dispatcher(stage.storage, lambda: {"app": other}, stage.webhooks, stage.signals, stage.clock)
    assert await survivor.once() == 1
    desk.channel.failures = [PermanentFailure("late", code="late")]
    desk.channel.hold.set()
    await zombie
    assert (await desk.status(message))[0] is Status.SENT


async def test_an_account_sends_a_bounded_number_at_once(stage: Stage) -> None:
    agent = await stage.agent(capacity=100)
    for n in range(12):
        accepted = await stage.write("hello", address=f"c{n}", channel="app")
        await stage.replies.send(agent, accepted.conversation or "", client_id=f"x{n}", text="hi")
    stage.channels["app"].hold = asyncio.Event()
    async with running(stage.dispatcher.run()):

        async def full() -> bool:
            return stage.channels["app"].busy == 8

        await eventually(full)
        stage.channels["app"].hold.set()

        async def all_sent() -> bool:
            return len(stage.channels["app"].sent) == 12

        await eventually(all_sent)
    assert stage.channels["app"].busiest == 8


async def test_a_reply_leaves_at_once_and_the_next_one_right_behind_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("router.flows.delivery.sender._POLL", 3600.0)  # nobody looks: who answers was told
    desk = await answering(stage)
    async with running(stage.dispatcher.run()):
        await asyncio.sleep(0.05)
        await desk.say("one")
        await desk.say("two")

        async def left() -> bool:
            return [m.text for m in desk.channel.sent] == ["one", "two"]

        await eventually(left)


async def test_a_slow_account_does_not_hold_up_another(stage: Stage) -> None:
    slow, quick = await answering(stage, "text", "a"), await answering(stage, "app", "b")
    slow.channel.hold = asyncio.Event()
    async with running(stage.dispatcher.run()):
        await slow.say("one")
        await quick.say("two")

        async def left() -> bool:
            return len(quick.channel.sent) == 1

        await eventually(left)
        assert slow.channel.sent == []


async def test_a_webhook_is_retried_until_it_is_acknowledged(stage: Stage) -> None:
    row = OutboxRow(
        id=new_id(), effect=Effect.WEBHOOK, target="duty", created_at=stage.clock.now(), payload={"type": "test"}
    )
    async with stage.storage.begin("test") as work:
        await work.outbox.add(row, at=stage.clock.now())
    stage.webhooks.failures = [TransientFailure("503"), Unknown("no answer")]
    for _ in range(3):
        assert await stage.dispatcher.once() == 1
        stage.clock.advance(timedelta(minutes=1))
    assert [(sent.id, sent.payload["type"]) for sent in stage.webhooks.sent] == [(row.id, "test")]
    assert await stage.outbox() == {}
    assert stage.sent == {}  # a webhook is no account


async def test_rows_of_an_account_that_is_configured_no_more_wait(stage: Stage) -> None:
    desk = await answering(stage, "app")
    await desk.say("one")
    gone = {"site": FakeChannel("site", Can(work=WorkKind.CHAT))}
    other = Dispatcher(stage.storage, lambda: gone, stage.webhooks, stage.signals, stage.clock)
    assert await other.once() == 0
    assert await stage.outbox() == {"queued": 1}


async def test_draining_lets_what_is_being_sent_end_and_claims_nothing_more(stage: Stage) -> None:
    desk = await answering(stage, "text")
    first = await desk.say("one")
    await desk.say("two")
    desk.channel.hold = asyncio.Event()
    async with running(stage.dispatcher.run()):

        async def sending() -> bool:
            return desk.channel.busy == 1

        await eventually(sending)
        draining = asyncio.ensure_future(stage.dispatcher.drain(5))
        await asyncio.sleep(0)
        desk.channel.hold.set()
        await draining
    assert (await desk.status(first))[0] is Status.SENT
    assert (await stage.outbox(), [m.text for m in desk.channel.sent]) == ({"queued": 1}, ["one"])


async def test_a_slow_channel_leaves_the_hands_of_the_others_free(stage: Stage) -> None:
    slow = [await answering(stage, "text", f"slow{n}") for n in range(7)]
    slow[0].channel.hold = asyncio.Event()
    for desk in slow:
        await desk.say("waiting for the provider")
    async with running(stage.dispatcher.once()):
        await eventually(lambda: _is_sending(slow[0], 7))
        quick = [await answering(stage, "app", f"quick{n}") for n in range(4)]
        for desk in quick:
            await desk.say("at once")
        assert await stage.dispatcher.once() == 4
        slow[0].channel.hold.set()


async def test_a_receipt_that_overtakes_the_lost_answer_settles_it_and_blocks_nothing(stage: Stage) -> None:
    desk = await answering(stage, "text")
    first, second = await desk.say("one"), await desk.say("two")
    desk.channel.hold, desk.channel.failures = asyncio.Event(), [Unknown("no answer")]
    async with running(stage.dispatcher.once()) as sending:
        await eventually(lambda: _is_sending(desk))
        report = DeliveryReported(
            channel="text", external_id=first.id, status=Status.DELIVERED, received_at=stage.clock.now()
        )
        async with stage.intake() as inbox:
            await inbox.accept([report])
        desk.channel.hold.set()
        await sending
    assert (await desk.status(first))[0] is Status.DELIVERED
    assert await stage.outbox() == {"queued": 1}
    assert await stage.dispatcher.once() == 1
    assert (await desk.status(second))[0] is Status.SENT


async def test_what_was_sent_is_settled_though_the_store_hiccups(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = await answering(stage, "text")
    message = await desk.say("hi")
    begin, refusals = stage.storage.begin, [Conflict("deadlock", code="retry"), StoreUnavailable("gone for a moment")]

    def hiccup(purpose: str) -> AbstractAsyncContextManager[StoreWork]:
        if purpose == "settle" and refusals:
            raise refusals.pop()
        return begin(purpose)

    monkeypatch.setattr(stage.storage, "begin", hiccup)
    await stage.dispatcher.once()
    assert not refusals
    assert (await desk.status(message))[0] is Status.SENT


async def test_a_bug_while_settling_one_row_leaves_the_dispatcher_running(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = await answering(stage, "text")
    begin, bugs = stage.storage.begin, [ValueError("a bug")]

    def buggy(purpose: str) -> AbstractAsyncContextManager[StoreWork]:
        if purpose == "settle" and bugs:
            raise bugs.pop()
        return begin(purpose)

    monkeypatch.setattr(stage.storage, "begin", buggy)
    await desk.say("hi")
    other = await answering(stage, "app", "tom")
    async with running(stage.dispatcher.run()) as dispatching:
        await eventually(lambda: _sent(desk.channel, 1))
        message = await other.say("of somebody else")
        await eventually(lambda: _sent(other.channel, 1))
        assert not dispatching.done()
    assert other.channel.sent[0].id == message.id


async def _has(desk: Answering, message: Message, status: Status) -> bool:
    return (await desk.status(message))[0] is status


async def _is_sending(desk: Answering, count: int = 1) -> bool:
    return desk.channel.busy == count


async def _sent(channel: FakeChannel, count: int) -> bool:
    return len(channel.sent) == count

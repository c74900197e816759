"""Messages come in: deduplicated, decided, stored, committed, and only then acknowledged."""

import asyncio
import logging
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from conversation.errors import Conflict, Overloaded, StoreUnavailable
from conversation.model.conversation import Priority, State
from conversation.model.events import EventType, Topic
from conversation.model.message import (
    Attachment,
    CallbackRequested,
    DeliveryReported,
    Direction,
    Malformed,
    MessageEdited,
    Status,
)
from conversation.model.people import Identity, WorkKind
from router.flows.intake.inbox import Limits
from tests.router.flows.stage import RULES, Stage, detect, eventually, received, rulebook, running


async def test_a_first_message_opens_a_conversation_in_the_queue_of_its_issue(stage: Stage) -> None:
    accepted = await stage.write("充值不成功,钱扣了没到账")
    conversation = await stage.conversation(accepted.conversation)
    assert (accepted.queue, accepted.seq, accepted.feed_seq, accepted.duplicate) == ("payments", 1, 1, False)
    assert (conversation.state, conversation.queue, conversation.issue) == (State.WAITING, "payments", "topup")
    assert (conversation.language, conversation.kind, conversation.channels) == ("zh", WorkKind.CHAT, ("site",))
    message = (await stage.messages(conversation.id))[0]
    assert (message.text, message.direction, message.seq) == ("充值不成功,钱扣了没到账", Direction.IN, 1)
    kinds = [event.type for event in await stage.events()]
    assert kinds == [EventType.CREATED, EventType.RECEIVED]


async def test_the_decision_is_kept_with_its_revision(stage: Stage) -> None:
    accepted = await stage.write("top up failed")
    async with stage.storage.read("test") as work:
        stored = await work.decisions.latest(accepted.conversation or "")
    assert stored is not None
    assert (stored.message, stored.decision.queue, stored.decision.revision) == (accepted.message, "payments", "r1")


async def test_a_repeat_has_no_effect_and_is_told_what_was_stored(stage: Stage) -> None:
    first = await stage.write("hello", external_id="one")
    again = await stage.write("hello", external_id="one")
    assert again.duplicate
    assert (again.conversation, again.message, again.queue, again.seq) == (
        first.conversation,
        first.message,
        first.queue,
        1,
    )
    assert len(await stage.messages(first.conversation)) == 1


async def test_a_repeat_within_one_batch_is_stored_once(stage: Stage) -> None:
    async with stage.intake() as inbox:
        one, two = await inbox.accept([received(external_id="same"), received(external_id="same")])
    assert (one.duplicate, two.duplicate, one.message == two.message) == (False, True, True)


async def test_events_are_counted_and_seconds_are_measured_apart(stage: Stage) -> None:
    async with stage.intake() as inbox:
        await inbox.accept([received(external_id="same"), received(external_id="same")])
    assert stage.meters == {"accepted": 1, "duplicates": 1}
    assert len(stage.batches) == 1


async def test_later_words_in_a_batch_see_the_conversation_that_earlier_ones_opened(stage: Stage) -> None:
    async with stage.intake() as inbox:
        accepted = await inbox.accept([received(f"word {n}") for n in range(5)])
    assert len({one.conversation for one in accepted}) == 1
    assert [one.seq for one in accepted] == [1, 2, 3, 4, 5]
    assert [one.feed_seq for one in accepted] == [1, 2, 3, 4, 5]
    assert (await stage.conversation(accepted[0].conversation)).last_seq == 5


async def test_first_messages_of_a_new_customer_in_two_batches_make_one_conversation(stage: Stage) -> None:
    for n in range(10):
        one = stage.flow(shards=1)
        two = stage.flow(shards=1)
        async with running(one.run()), running(two.run()):
            answers = await asyncio.gather(
                one.accept([received("a", address=f"new-{n}")]), two.accept([received("b", address=f"new-{n}")])
            )
        assert len({accepted[0].conversation for accepted in answers}) == 1
        assert {accepted[0].seq for accepted in answers} == {1, 2}


async def test_many_callers_share_transactions_and_each_gets_its_own_answer(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "router.flows.intake.transaction"):
        async with stage.intake() as inbox:
            answers = await asyncio.gather(
                *(inbox.accept([received(f"t{n}", address=f"c{n % 20}", external_id=f"e{n}")]) for n in range(100))
            )
    assert [accepted[0].external_id for accepted in answers] == [f"e{n}" for n in range(100)]
    batches = [record for record in caplog.records if record.message == "batch_stored"]
    assert len(batches) < 50
    assert sum(getattr(record, "count", 0) for record in batches) == 100


async def test_out_of_hours_the_customer_is_told_the_next_opening_in_chinese(stage: Stage) -> None:
    stage.clock.set(datetime(2026, 11, 23, 15, 0, tzinfo=UTC))  # 23:00 in Shanghai
    accepted = await stage.write("充值不成功")
    conversation = await stage.conversation(accepted.conversation)
    said = (await stage.messages(conversation.id))[1]
    assert said.direction is Direction.OUT
    assert said.text == f"我们已下班,明天 9:00 恢复服务。您的编号是 {conversation.reference}。"
    assert (said.feed_seq, said.status, conversation.sent_replies) == (2, Status.QUEUED, ("closed",))
    await stage.write("在吗?")
    assert [m.direction for m in await stage.messages(conversation.id)].count(Direction.OUT) == 1
    assert await stage.dispatcher.once() == 1
    assert stage.channels["site"].sent[0].automatic


async def test_a_machine_gets_no_automatic_reply(stage: Stage) -> None:
    stage.clock.set(datetime(2026, 11, 23, 15, 0, tzinfo=UTC))
    accepted = await stage.write("充值", machine="auto-reply")
    assert len(await stage.messages(accepted.conversation)) == 1


async def test_a_customers_message_wakes_what_was_snoozed(stage: Stage) -> None:
    agent = await stage.agent()
    accepted = await stage.write("hello")
    await stage.actions.take(agent, accepted.conversation or "")
    await stage.actions.snooze(agent, accepted.conversation or "", until=stage.clock.now() + timedelta(days=1))
    again = await stage.write("still there?")
    conversation = await stage.conversation(again.conversation)
    assert (again.conversation, conversation.state, conversation.owner) == (accepted.conversation, State.WAITING, None)


async def test_a_customers_message_reopens_what_was_closed_not_long_ago(stage: Stage) -> None:
    agent = await stage.agent()
    accepted = await stage.write("top up failed")
    await stage.actions.close(agent, accepted.conversation or "")
    stage.clock.advance(timedelta(hours=71))
    again = await stage.write("it failed again")
    assert again.conversation == accepted.conversation
    assert (await stage.conversation(again.conversation)).state is State.WAITING
    await stage.actions.close(agent, accepted.conversation or "")
    stage.clock.advance(timedelta(hours=73))
    assert (await stage.write("and again")).conversation != accepted.conversation


async def test_an_owner_keeps_the_conversation_when_its_customer_writes(stage: Stage) -> None:
    agent = await stage.agent()
    accepted = await stage.write("hello")
    await stage.actions.take(agent, accepted.conversation or "")
    await stage.write("one more thing")
    conversation = await stage.conversation(accepted.conversation)
    assert (conversation.state, conversation.owner, conversation.last_seq) == (State.ASSIGNED, agent.id, 2)


async def test_an_urgent_word_in_owned_work_raises_its_priority_and_alerts(stage: Stage) -> None:
    agent = await stage.agent()
    accepted = await stage.write("hello")
    await stage.actions.take(agent, accepted.conversation or "")
    await stage.write("my money was stolen")
    conversation = await stage.conversation(accepted.conversation)
    assert (conversation.owner, conversation.priority) == (agent.id, Priority.URGENT)
    assert [e.data["alert"] for e in await stage.events(EventType.UPDATED)] == [True]


async def test_an_open_offer_is_withdrawn_when_its_conversation_moves_to_another_queue(stage: Stage) -> None:
    agent = await stage.agent()
    accepted = await stage.write("hello")
    assert await stage.distributor.once() == 1
    assert await stage.held(agent) == 1
    moved = await stage.write("my money was stolen")
    conversation = await stage.conversation(moved.conversation)
    assert (moved.conversation, conversation.state) == (accepted.conversation, State.WAITING)
    assert (conversation.queue, await stage.held(agent)) == ("safety", 0)


async def test_poison_is_put_aside_alone_and_its_batch_mates_go_through(stage: Stage) -> None:
    """A file that is not the sender's makes the store refuse the message."""
    stolen = Attachment(id="not-mine", name="x", type="image/png")
    events = [received(f"fine {n}", address=f"c{n}") for n in range(9)]
    events.insert(4, received("poison", attachments=(stolen,), raw=b"raw bytes", external_id="bad"))
    async with stage.intake() as inbox:
        accepted = await inbox.accept(events)
    assert [one.quarantined is not None for one in accepted] == [n == 4 for n in range(10)]
    assert (accepted[4].conversation, accepted[4].external_id) == (None, "bad")
    rows = await stage.quarantined()
    assert [(row.raw, row.code, row.channel) for row in rows] == [(b"raw bytes", "refused", "site")]
    assert all([await stage.messages(one.conversation) for n, one in enumerate(accepted) if n != 4])
    assert stage.meters["quarantined"] == 1


async def test_nul_and_lone_surrogates_are_replaced_and_the_raw_bytes_kept(stage: Stage) -> None:
    accepted = await stage.write("a\x00b\ud800c", raw=b'{"text": "a\\u0000b\\ud800c"}')
    assert (await stage.messages(accepted.conversation))[0].text == "a\ufffdb\ufffdc"
    assert [row.code for row in await stage.quarantined()] == ["sanitized"]


async def test_a_malformed_item_is_quarantined_and_its_mates_accepted(stage: Stage) -> None:
    broken = Malformed(
        channel="site", external_id="2", received_at=stage.clock.now(), raw=b"{", reason="no text", code="no_text"
    )
    async with stage.intake() as inbox:
        fine, bad = await inbox.accept([received("fine"), broken])
    assert fine.conversation is not None
    assert bad.quarantined is not None
    assert (await stage.quarantined())[0].raw == b"{"


async def test_a_bug_concerns_one_message_and_never_the_flusher(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    def broken(text: str) -> list[tuple[str, float]]:
        if "boom" in text:
            raise ZeroDivisionError("a bug")
        return detect(text)

    async with stage.intake(detector=broken) as inbox:
        answers = await asyncio.gather(
            inbox.accept([received("fine one")]),
            inbox.accept([received("boom", raw=b"boom")]),
            inbox.accept([received("fine two")]),
            return_exceptions=True,
        )
        assert isinstance(answers[1], ZeroDivisionError)
        await inbox.accept([received("fine three")])
    assert not isinstance(answers[0], BaseException)
    assert not isinstance(answers[2], BaseException)
    assert [(row.raw, row.code) for row in await stage.quarantined()] == [(b"boom", "bug")]
    assert len([record for record in caplog.records if record.message == "intake_bug"]) == 1


async def test_a_full_intake_lets_callers_wait_and_then_refuses(stage: Stage) -> None:
    flow = stage.flow(limits=Limits(events=2, patience=0.05))  # nobody flushes
    waiting = [asyncio.ensure_future(flow.accept([received(f"{n}")])) for n in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await flow.accept([received("too many")])
    async with running(flow.run()):
        assert all(answers[0].conversation for answers in await asyncio.gather(*waiting))
        assert (await flow.accept([received("now there is room")]))[0].conversation


async def test_a_caller_who_gives_up_neither_loses_nor_doubles(stage: Stage) -> None:
    flow = stage.flow()
    gone = asyncio.ensure_future(flow.accept([received("patience", external_id="x")]))
    await asyncio.sleep(0)
    gone.cancel()
    async with running(flow.run()):
        accepted = (await flow.accept([received("patience", external_id="x")]))[0]
    assert accepted.duplicate
    assert len(await stage.messages(accepted.conversation)) == 1


class Flaky:
    """A store whose transactions fail as told, before or after they were done."""

    def __init__(self, stage: Stage, *failures: Exception) -> None:
        self._storage = stage.storage
        self.failures = list(failures)
        self.begun = 0

    @asynccontextmanager
    async def begin(self, purpose: str):  # type: ignore[no-untyped-def]
        self.begun += 1
        async with self._storage.begin(purpose) as work:
            yield work
            if self.failures:
                raise self.failures.pop(0)


async def test_a_store_that_is_away_is_told_to_the_caller_and_nothing_is_stored(stage: Stage) -> None:
    flaky = Flaky(stage, StoreUnavailable("away"))
    async with stage.intake(storage=flaky) as inbox:
        with pytest.raises(StoreUnavailable):
            await inbox.accept([received(external_id="x")])
        assert not (await inbox.accept([received(external_id="x")]))[0].duplicate


async def test_a_deadlock_is_tried_again_a_bounded_number_of_times(stage: Stage) -> None:
    flaky = Flaky(stage, *[Conflict("deadlock", code="retry")] * 3)
    async with stage.intake(storage=flaky) as inbox:
        assert (await inbox.accept([received()]))[0].seq == 1
    assert flaky.begun == 4
    flaky = Flaky(stage, *[Conflict("deadlock", code="retry")] * 9)
    async with stage.intake(storage=flaky) as inbox:
        with pytest.raises(StoreUnavailable):
            await inbox.accept([received()])
    assert flaky.begun == 5


class Crash(BaseException):
    """Stands for a SIGKILL: nothing in the flow may catch it."""


@pytest.mark.parametrize("point", ["before_transaction", "before_commit", "after_commit"])
async def test_a_crash_at_any_point_loses_nothing_acknowledged_and_stores_nothing_twice(
    stage: Stage, point: str
) -> None:
    def crash(reached: str) -> None:
        if reached == point:
            raise Crash

    flow = stage.flow(checkpoint=crash)
    task = asyncio.ensure_future(flow.run())
    with pytest.raises(StoreUnavailable):
        await flow.accept([received("hello", external_id="x")])
    await asyncio.gather(task, return_exceptions=True)
    again = await stage.write("hello", external_id="x")
    assert again.duplicate is (point == "after_commit")
    assert [m.seq for m in await stage.messages(again.conversation)] == [1]


async def test_nobody_is_acknowledged_before_the_commit(stage: Stage) -> None:
    """Until the last moment before the commit, and however long that takes, the caller waits."""
    acknowledged: list[bool] = []

    class Slow(Flaky):
        @asynccontextmanager
        async def begin(self, purpose: str):  # type: ignore[no-untyped-def]
            async with stage.storage.begin(purpose) as work:
                yield work
                for _ in range(20):
                    await asyncio.sleep(0)
                acknowledged.append(caller.done())

    flow = stage.flow(storage=Slow(stage))
    caller = asyncio.ensure_future(flow.accept([received()]))
    async with running(flow.run()):
        await caller
    assert acknowledged == [False]


async def test_a_failed_commit_is_never_acknowledged(stage: Stage) -> None:
    async with stage.intake(storage=Flaky(stage, StoreUnavailable("cut during COMMIT"))) as inbox:
        with pytest.raises(StoreUnavailable):
            await inbox.accept([received()])
    assert await stage.events() == []


async def test_a_mailboxs_cursor_is_committed_with_its_messages(stage: Stage) -> None:
    async with stage.intake() as inbox:
        await inbox.accept([received("one"), received("two", address="bob")], cursor={"uid": 7})
    async with stage.storage.read("test") as work:
        assert await work.cursors.get("site") == {"uid": 7}


async def test_a_cursor_never_passes_messages_of_its_call_that_were_not_stored(stage: Stage) -> None:
    events = [received(str(n), address=f"c{n}") for n in range(4)]
    flaky = Flaky(stage, StoreUnavailable("cut during COMMIT"))  # the first two of four
    async with stage.intake(storage=flaky, limits=Limits(batch=2)) as inbox:
        with pytest.raises(StoreUnavailable):
            await inbox.accept(events, cursor={"uid": 4})
        await inbox.accept([received("the second two were written meanwhile", address="eve")])
    async with stage.storage.read("test") as work:
        assert await work.cursors.get("site") is None


async def test_draining_finishes_what_was_accepted_and_takes_nothing_more(stage: Stage) -> None:
    async with stage.intake() as inbox:
        pending = asyncio.ensure_future(inbox.accept([received()]))
        await asyncio.sleep(0)
        await inbox.drain()
        assert (await pending)[0].conversation
        with pytest.raises(Overloaded):
            await inbox.accept([received()])


async def test_a_delivery_report_moves_the_status_and_is_told(stage: Stage) -> None:
    agent = await stage.agent()
    accepted = await stage.write()
    reply, _ = await stage.replies.send(agent, accepted.conversation or "", client_id="c", text="hi")
    await stage.dispatcher.once()
    report = DeliveryReported(
        channel="site", external_id=reply.id, status=Status.DELIVERED, received_at=stage.clock.now()
    )
    async with stage.intake() as inbox:
        await inbox.accept([report, report])
    assert (await stage.messages(accepted.conversation))[1].status is Status.DELIVERED
    told = [event.data["status"] for event in await stage.events(EventType.STATUS)]
    assert told == ["sent", "delivered"]


async def test_the_bytes_of_a_delivery_report_are_kept_once_and_wait_for_nobody(stage: Stage) -> None:
    report = DeliveryReported(
        channel="site", external_id="x", status=Status.FAILED, received_at=stage.clock.now(), raw=b"a bounce"
    )
    async with stage.intake() as inbox:
        await inbox.accept([report])
        await inbox.accept([report])
    (row,) = await stage.quarantined()
    assert (row.raw, row.code, row.replayed_at is not None) == (b"a bounce", "report", True)


async def test_a_message_that_must_stay_apart_joins_only_what_its_token_names(stage: Stage) -> None:
    first = await stage.write("top up")
    open_ = (await stage.conversation(first.conversation)).reference
    apart = await stage.write(f"about [{open_}]", apart=True, doubt="unproven", reply_to=first.conversation)
    assert apart.conversation != first.conversation
    assert [one.doubt for one in await stage.messages(apart.conversation)] == ["unproven"]
    proven = await stage.write("again", apart=True, token=first.conversation)
    assert proven.conversation == first.conversation


async def test_a_request_to_be_called_is_kept_as_words(stage: Stage) -> None:
    wanted = CallbackRequested(
        channel="site",
        external_id="cb",
        sender=Identity(channel="site", address="anna"),
        number="+8613800138000",
        received_at=stage.clock.now(),
        note="about my card",
    )
    async with stage.intake() as inbox:
        accepted = (await inbox.accept([wanted]))[0]
    text = (await stage.messages(accepted.conversation))[0].text
    assert "about my card" in text
    assert "+8613800138000" in text


async def test_a_message_that_names_a_file_that_is_gone_says_so(stage: Stage) -> None:
    gone = await stage.write("see", attachments=(Attachment(id="removed", name="", type=""),))
    assert (gone.attachment_gone, gone.message, gone.quarantined is not None) == (True, None, True)
    assert not (await stage.write("without it", external_id="m2")).attachment_gone


async def test_an_edit_is_not_lost(stage: Stage) -> None:
    edit = MessageEdited(channel="site", external_id="x", text="new words", received_at=stage.clock.now())
    async with stage.intake() as inbox:
        accepted = (await inbox.accept([edit]))[0]
    assert accepted.quarantined is not None
    assert b"new words" in (await stage.quarantined())[0].raw


async def test_hints_follow_the_commit(stage: Stage) -> None:
    async with stage.signals.subscribe(Topic.WORK, Topic.VISITORS, Topic.FEED) as listening:
        await stage.write("top up failed")
        heard = await listening.wait(2)
    assert heard[Topic.WORK][0].keys == ("payments",)
    assert set(heard) == {Topic.WORK, Topic.VISITORS, Topic.FEED}


async def test_the_rules_are_swapped_between_two_messages(stage: Stage) -> None:
    async with stage.intake() as inbox:
        before = (await inbox.accept([received("top up failed", address="one")]))[0]
        stage.rules.swap(rulebook(RULES.replace('queue = "payments"', 'queue = "general"'), "r2"))
        after = (await inbox.accept([received("top up failed", address="two")]))[0]
    assert (before.queue, after.queue) == ("payments", "general")


async def test_two_nodes_under_load_keep_every_conversation_gap_free(stage: Stage) -> None:
    one, two = stage.flow(), stage.flow()
    async with running(one.run()), running(two.run()):
        nodes = (one, two)
        await asyncio.gather(
            *(nodes[n % 2].accept([received(f"m{n}", address=f"c{n % 7}", external_id=f"e{n}")]) for n in range(140))
        )

    async def counted() -> bool:
        created = await stage.events(EventType.CREATED)
        assert len(created) == 7
        for event in created:
            seqs = [message.seq for message in await stage.messages(event.conversation)]
            assert seqs == list(range(1, 21))
        return True

    await eventually(counted)

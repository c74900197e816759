"""The two trips of a batch, on both databases."""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from conversation.errors import HuntgroupError, Refused
from conversation.id_generator import new_id
from conversation.model.conversation import Conversation, Priority, State, reference_of
from conversation.model.events import EventType, NewEvent
from conversation.model.message import Author, AuthorKind, DeliveryReported, Direction, Message, MessageReceived, Status
from conversation.model.outbound import Effect, OutboundMessage, OutboxRow, OutboxState
from conversation.model.people import Identity, WorkKind
from conversation.ports.storage import Work
from conversation.ports.storage.intake import IntakeWrites, Known
from storage.store import Store
from tests.fakes import FakeClock

HOUR = timedelta(hours=1)


def arrival(external: str, address: str = "mei", text: str = "充值不成功", **more: Any) -> MessageReceived:
    sender = Identity(
        channel="site", address=address, name=more.pop("name", None), verified=more.pop("verified", False)
    )
    now = datetime.fromisoformat("2026-11-23T02:00:00+00:00")
    return MessageReceived(channel="site", external_id=external, sender=sender, text=text, received_at=now, **more)


def opened(known: Known, now: datetime, **more: Any) -> Conversation:
    identifier = new_id()
    values: dict[str, Any] = {
        "id": identifier,
        "reference": reference_of(identifier),
        "customer": known.customer.id,
        "state": State.WAITING,
        "queue": "payments",
        "kind": WorkKind.CHAT,
        "channel": "site",
        "channels": ("site",),
        "created_at": now,
        "updated_at": now,
        "identity": known.identity.id,
        "priority": Priority.HIGH,
        "labels": ("a", "b"),
        "attributes": {"amount": "12"},
        "waiting_since": now,
    }
    return Conversation(**(values | more))


def said(event: MessageReceived, conversation: str, seq: int, identity: str, **more: Any) -> Message:
    values: dict[str, Any] = {
        "id": new_id(),
        "conversation": conversation,
        "seq": seq,
        "direction": Direction.IN,
        "author": Author(kind=AuthorKind.CUSTOMER, id=identity),
        "text": event.text,
        "created_at": event.received_at,
        "channel": event.channel,
        "identity": identity,
        "external_id": event.external_id,
    }
    return Message(**(values | more))


async def take_in(work: Work, events: list[MessageReceived], now: datetime) -> tuple[list[Known], IntakeWrites]:
    """What a flow does, in small: one conversation for each customer, duplicates passed over."""
    known = await work.intake.load(events, reopen_since=now - 72 * HOUR, now=now)
    writes = IntakeWrites()
    at: dict[str, Conversation] = {}
    for event, one in zip(events, known, strict=True):
        if one.duplicate_of is not None:
            continue
        current = at.get(one.customer.id) or (one.conversations[0] if one.conversations else opened(one, now))
        current = replace(current, last_seq=current.last_seq + 1, updated_at=now)
        at[one.customer.id] = current
        writes.messages.append(said(event, current.id, current.last_seq, one.identity.id))
        writes.fed |= {one.identity.id}
    existing = {c.id for one in known for c in one.conversations}
    writes.newcomers += {one.customer.id: one.customer for one in known if one.new}.values()
    for conversation in at.values():
        (writes.changed if conversation.id in existing else writes.created).append(conversation)
    writes.events = [NewEvent(type=EventType.RECEIVED, message=m.id, queue="payments") for m in writes.messages]
    await work.intake.store(writes, now=now)
    return known, writes


async def test_a_stranger_becomes_a_customer_and_is_known_the_next_time(store: Store, clock: FakeClock) -> None:
    async with store.begin("first") as work:
        (known,), writes = await take_in(work, [arrival("1", name="Mei")], clock.now())
        assert known.new
        assert known.customer.name == "Mei"
        assert known.customer.created_at == clock.now()
    async with store.begin("second") as work:
        (again,) = await work.intake.load([arrival("2")], reopen_since=clock.now() - HOUR, now=clock.now())
    assert not again.new
    assert again.customer == known.customer
    assert again.identity == known.identity
    assert list(again.conversations) == writes.created


async def test_a_repeat_names_the_stored_message(store: Store, clock: FakeClock) -> None:
    async with store.begin("first") as work:
        _, writes = await take_in(work, [arrival("1")], clock.now())
    async with store.begin("again") as work:
        known, nothing = await take_in(work, [arrival("1", address="somebody else")], clock.now())
    (stored,) = writes.messages
    assert known[0].duplicate_of is not None
    assert known[0].duplicate_of.id == stored.id
    assert known[0].duplicate_of.feed_seq == 1
    assert nothing.messages == []


async def test_two_first_messages_at_once_make_one_customer_and_one_conversation(
    store: Store, clock: FakeClock
) -> None:
    async def write(external: str) -> list[Known]:
        async with store.begin("race") as work:
            known, _ = await take_in(work, [arrival(external), arrival(external + "b", "other")], clock.now())
            return known

    answers = await asyncio.gather(*(write(str(n)) for n in range(6)))
    assert len({known[0].customer.id for known in answers}) == 1
    assert sum(known[0].new for known in answers) == 1
    async with store.begin("look") as work:
        mine, others = await work.intake.load(
            [arrival("x"), arrival("y", "other")], reopen_since=clock.now(), now=clock.now()
        )
    assert [c.last_seq for c in mine.conversations] == [6]
    assert [c.last_seq for c in others.conversations] == [6]


async def test_a_conversation_closed_lately_is_offered_and_an_old_one_is_not(store: Store, clock: FakeClock) -> None:
    async with store.begin("first") as work:
        _, writes = await take_in(work, [arrival("1")], clock.now())
    closed = replace(writes.created[0], state=State.CLOSED, closed_at=clock.now(), waiting_since=None)
    async with store.begin("close") as work:
        await work.intake.load([arrival("2")], reopen_since=clock.now(), now=clock.now())
        await work.intake.store(IntakeWrites(changed=[closed]), now=clock.now())
    async with store.begin("look") as work:
        (lately,) = await work.intake.load([arrival("2")], reopen_since=clock.now() - HOUR, now=clock.now())
        (old,) = await work.intake.load([arrival("2")], reopen_since=clock.now() + HOUR, now=clock.now())
    assert lately.conversations == (closed,)
    assert old.conversations == ()


async def test_a_token_names_a_conversation_whoever_owns_it(store: Store, clock: FakeClock) -> None:
    async with store.begin("first") as work:
        _, writes = await take_in(work, [arrival("1")], clock.now())
    token = writes.created[0].id
    async with store.begin("other") as work:
        stranger, owner = await work.intake.load(
            [arrival("2", "other", token=token), arrival("3", token=token)], reopen_since=clock.now(), now=clock.now()
        )
    assert [c.id for c in stranger.conversations] == [token]
    assert [c.id for c in owner.conversations] == [token]


@pytest.mark.parametrize("poison", ["a\0b", "a\ud800b"])
async def test_a_poison_row_is_refused_and_leaves_nothing(store: Store, clock: FakeClock, poison: str) -> None:
    with pytest.raises(Refused):
        async with store.begin("poison") as work:
            await take_in(work, [arrival("1"), arrival("2", text=poison)], clock.now())
    async with store.begin("look") as work:
        (known,) = await work.intake.load([arrival("1")], reopen_since=clock.now(), now=clock.now())
        assert known.new
        assert known.duplicate_of is None
        assert await work.events.head() == 0


async def test_the_same_external_id_twice_in_a_batch_is_refused(store: Store, clock: FakeClock) -> None:
    with pytest.raises(Refused):
        async with store.begin("twice") as work:
            await take_in(work, [arrival("1"), arrival("1")], clock.now())


async def test_messages_get_the_identitys_own_numbers_in_order(store: Store, clock: FakeClock) -> None:
    async with store.begin("first") as work:
        _, writes = await take_in(work, [arrival("1"), arrival("2", "other"), arrival("3")], clock.now())
    async with store.begin("second") as work:
        await take_in(work, [arrival("4")], clock.now())
    async with store.read("look") as work:
        feed = await work.messages.feed(writes.messages[0].identity or "", after=0, limit=10)
    assert [(m.external_id, m.feed_seq, m.seq) for m in feed] == [("1", 1, 1), ("3", 2, 2), ("4", 3, 3)]


async def test_what_is_learned_of_a_known_customer_is_written(store: Store, clock: FakeClock) -> None:
    async with store.begin("first") as work:
        await take_in(work, [arrival("1")], clock.now())
    async with store.begin("second") as work:
        (known,) = await work.intake.load([arrival("2")], reopen_since=clock.now(), now=clock.now())
        person = replace(known.customer, name="Mei", language="zh", attributes={"vip": True})
        await work.intake.store(IntakeWrites(customers=[person]), now=clock.now())
    async with store.begin("look") as work:
        assert await work.customers.get(person.id) == person


async def test_everything_a_batch_writes_is_read_back(store: Store, clock: FakeClock) -> None:
    async with store.begin("all") as work:
        (known,) = await work.intake.load([arrival("1")], reopen_since=clock.now(), now=clock.now())
        conversation = opened(known, clock.now(), last_seq=2)
        heard = said(arrival("1"), conversation.id, 1, known.identity.id)
        answer = said(arrival("1"), conversation.id, 2, known.identity.id, direction=Direction.OUT, external_id=None)
        leaving = OutboundMessage(
            id=answer.id,
            conversation=conversation.id,
            reference=conversation.reference,
            channel="site",
            to=known.identity,
            text="您好",
            automatic=True,
            created_at=clock.now(),
        )
        row = OutboxRow(
            id=new_id(),
            effect=Effect.MESSAGE,
            target="site",
            created_at=clock.now(),
            conversation=conversation.id,
            message=leaving,
            give_up_at=clock.now() + HOUR,
        )
        person = replace(known.customer, language="zh", language_source="detected", attributes={"vip": True})
        writes = IntakeWrites(
            created=[conversation],
            messages=[heard, answer],
            outbox=[row],
            newcomers=[person],
            fed=frozenset({known.identity.id}),
            cursors={"mail": {"uid": 7}},
        )
        assert await work.intake.store(writes, now=clock.now()) == {heard.id: 1, answer.id: 2}
    async with store.begin("look") as work:
        assert await work.conversations.get(conversation.id) == conversation
        assert [m.text for m in await work.messages.page(conversation.id, after=0, limit=5)] == ["充值不成功"] * 2
        assert await work.customers.get(person.id) == person
        assert await work.cursors.get("mail") == {"uid": 7}
        (claimed,) = await work.outbox.claim("me", targets=["site"], limit=5, now=clock.now(), lease=HOUR)
        assert claimed == replace(row, attempts=1, epoch=1)


async def test_what_a_channel_learns_of_its_sender_is_kept_and_a_proof_stays(store: Store, clock: FakeClock) -> None:
    async with store.begin("first") as work:
        await take_in(work, [arrival("1")], clock.now())
    async with store.begin("proven") as work:
        await take_in(work, [arrival("2", name="Mei", verified=True)], clock.now())
    async with store.begin("look") as work:
        (known,) = await work.intake.load([arrival("3")], reopen_since=clock.now(), now=clock.now())
    assert known.identity.name == "Mei"
    assert known.identity.verified


async def _sent(store: Store, clock: FakeClock, external: str | None = "p-1", status: Status = Status.SENT) -> Message:
    async with store.begin("sent") as work:
        (known,) = await work.intake.load([arrival("1")], reopen_since=clock.now(), now=clock.now())
        conversation = opened(known, clock.now(), last_seq=1)
        answer = said(
            arrival("1"),
            conversation.id,
            1,
            known.identity.id,
            direction=Direction.OUT,
            external_id=external,
            status=status,
        )
        await work.intake.store(IntakeWrites(created=[conversation], messages=[answer]), now=clock.now())
    return answer


def report(external: str, status: Status, clock: FakeClock) -> DeliveryReported:
    return DeliveryReported(channel="site", external_id=external, status=status, received_at=clock.now())


async def test_reports_move_a_status_forward_only(store: Store, clock: FakeClock) -> None:
    answer = await _sent(store, clock)
    async with store.begin("report") as work:
        moved = await work.intake.report(
            [report("p-1", Status.READ, clock), report(answer.id, Status.DELIVERED, clock)]
        )
    assert [(m.id, m.status) for m in moved] == [(answer.id, Status.READ)]
    async with store.begin("late") as work:
        assert await work.intake.report([report("p-1", Status.SENT, clock), report("p-1", Status.FAILED, clock)]) == []
        assert (await work.messages.find([answer.id]))[answer.id].status is Status.READ


async def test_a_report_that_overtook_its_message_is_matched_later(store: Store, clock: FakeClock) -> None:
    answer = await _sent(store, clock, None, Status.SENDING)
    async with store.begin("early") as work:
        reports = [report("p-2", Status.READ, clock), report("p-2", Status.DELIVERED, clock)]
        assert await work.intake.report(reports) == []
        assert await work.intake.report([report("p-2", Status.FAILED, clock)]) == []
    async with store.begin("receipt") as work:
        moved = await work.messages.set_status(answer.id, Status.SENT, external_ids=["p-2"])
    assert moved is not None
    assert moved.status is Status.READ


async def test_a_report_settles_an_uncertain_row(store: Store, clock: FakeClock) -> None:
    async with store.begin("send") as work:
        (known,) = await work.intake.load([arrival("1")], reopen_since=clock.now(), now=clock.now())
        conversation = opened(known, clock.now(), last_seq=1)
        answer = said(
            arrival("1"), conversation.id, 1, known.identity.id, direction=Direction.OUT, status=Status.UNCERTAIN
        )
        leaving = OutboundMessage(
            id=answer.id, conversation=conversation.id, reference="R", channel="site", to=known.identity, text="hello"
        )
        row = OutboxRow(
            id=new_id(),
            effect=Effect.MESSAGE,
            target="site",
            created_at=clock.now(),
            conversation=conversation.id,
            message=leaving,
        )
        await work.intake.store(IntakeWrites(created=[conversation], messages=[answer], outbox=[row]), now=clock.now())
        (claimed,) = await work.outbox.claim("me", targets=["site"], limit=1, now=clock.now(), lease=HOUR)
        assert await work.outbox.finish(claimed, OutboxState.UNCERTAIN)
        assert (await work.outbox.counts())["uncertain"] == 1
    async with store.begin("report") as work:
        await work.intake.report([report(answer.id, Status.DELIVERED, clock)])
        assert (await work.outbox.counts())["uncertain"] == 0


async def test_a_cancelled_batch_leaves_nothing_and_locks_nothing(store: Store, clock: FakeClock) -> None:
    inside = asyncio.Event()

    async def hang() -> None:
        async with store.begin("hang") as work:
            await take_in(work, [arrival("1")], clock.now())
            inside.set()
            await asyncio.sleep(60)

    task = asyncio.ensure_future(hang())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(60), store.begin("next") as work:
        (known,), _ = await take_in(work, [arrival("1")], clock.now())
        assert known.new


async def _cancelled_after(turns: int, work: Coroutine[None, None, None]) -> None:
    task = asyncio.ensure_future(work)
    for _ in range(turns % 8):
        await asyncio.sleep(0)
    await asyncio.sleep(turns / 4000)
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=30)
    assert done, f"still running after a cancellation at turn {turns}"
    if not task.cancelled():
        task.exception()


@pytest.mark.parametrize("text", ["hello", "a\0b"])
async def test_a_batch_cancelled_at_any_moment_is_whole_or_absent(store: Store, clock: FakeClock, text: str) -> None:
    async def write(external: str) -> None:
        async with store.begin("cancelled") as work:
            await take_in(work, [arrival(external), arrival(external + "b", "other", text=text)], clock.now())

    for turns in range(24):
        await _cancelled_after(turns, write(str(turns)))
    async with asyncio.timeout(60), store.begin("look") as work:
        events = [arrival(f"{n}{half}", "other" if half else "mei") for n in range(24) for half in ("", "b")]
        known = await work.intake.load(events, reopen_since=clock.now() - HOUR, now=clock.now())
    stored = [one.duplicate_of is not None for one in known]
    assert stored[::2] == stored[1::2]
    assert text == "hello" or not any(stored)
    for one in known[:2]:
        assert [c.last_seq for c in one.conversations] in ([sum(stored) // 2], [])


async def test_a_store_error_is_always_of_the_house(store: Store, clock: FakeClock) -> None:
    with pytest.raises(HuntgroupError):
        async with store.begin("broken") as work:
            (known,) = await work.intake.load([arrival("1")], reopen_since=clock.now(), now=clock.now())
            lawless = opened(known, clock.now(), state=State.OFFERED)
            await work.intake.store(IntakeWrites(created=[lawless]), now=clock.now())

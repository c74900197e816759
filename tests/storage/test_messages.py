"""Messages on both databases: numbering, idempotency, an identity's own view, statuses."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import insert, select

from conversation.errors import Conflict, NotFound
from conversation.model.conversation import Conversation
from conversation.model.message import Attachment, DeliveryReported, Direction, Message, Status
from storage.schema.messages import early_reports
from storage.store import Store
from tests.fakes import FakeClock
from tests.storage.makers import NOW, conversation, execute, meet, message, put, say


async def started(store: Store) -> Conversation:
    identity = await meet(store)
    one = conversation(customer=identity.customer, identity=identity.id)
    await put(store, one)
    return one


async def add(store: Store, one: Message, *, body_hash: str = "hash", feed: bool = False) -> tuple[Message, bool]:
    async with store.begin("test") as work:
        return await work.messages.add(one, body_hash=body_hash, feed=feed)


async def set_status(store: Store, one: Message, status: Status, **more: Any) -> Message | None:
    async with store.begin("test") as work:
        return await work.messages.set_status(one.id, status, **more)


async def test_a_message_is_read_back_as_it_was_written(store: Store) -> None:
    one = await started(store)
    whole = message(
        one,
        html="<b>你好</b>",
        identity=one.identity,
        external_id="x-1",
        client_id="client",
        sent_at=NOW,
        attachments=(Attachment(id="a", name="图.png", type="image/png", size=3, sha256="00", inline=True, url="u"),),
    )
    stored, new = await add(store, whole, feed=True)
    assert new
    assert (stored.seq, stored.feed_seq) == (1, 1)
    async with store.read("test") as work:
        assert await work.messages.find([whole.id, "nothing"]) == {whole.id: stored}
        assert await work.messages.page(one.id, after=0, limit=10) == [stored]
        assert (await work.conversations.get(one.id)).last_seq == 1


async def test_seq_is_gap_free_under_concurrent_writers(store: Store) -> None:
    one = await started(store)
    added = await asyncio.gather(*(add(store, message(one, identity=one.identity), feed=True) for _ in range(20)))
    assert sorted(stored.seq for stored, _ in added) == list(range(1, 21))
    assert sorted(stored.feed_seq or 0 for stored, _ in added) == list(range(1, 21))


async def test_a_page_begins_after_a_seq(store: Store) -> None:
    one = await started(store)
    for number in range(5):
        await add(store, message(one, text=str(number)))
    async with store.read("test") as work:
        assert [m.seq for m in await work.messages.page(one.id, after=2, limit=2)] == [3, 4]
        assert await work.messages.page(one.id, after=10**30, limit=2) == []


async def test_the_same_client_id_is_one_message(store: Store) -> None:
    one = await started(store)
    first, new = await add(store, message(one, client_id="k"), body_hash="h")
    again, new_again = await add(store, message(one, client_id="k"), body_hash="h")
    assert (again, new, new_again) == (first, True, False)
    with pytest.raises(Conflict) as refusal:
        await add(store, message(one, client_id="k"), body_hash="other")
    assert refusal.value.code == "idempotency_mismatch"
    following, _ = await add(store, message(one))
    assert following.seq == 2


async def test_the_same_client_id_at_once_is_one_message(store: Store) -> None:
    one = await started(store)
    added = await asyncio.gather(*(add(store, message(one, client_id="k"), body_hash="h") for _ in range(8)))
    assert len({stored.id for stored, _ in added}) == 1
    assert [new for _, new in added].count(True) == 1


async def test_a_message_needs_its_conversation(store: Store) -> None:
    with pytest.raises(NotFound):
        await add(store, message(conversation()))


async def test_an_identity_sees_its_own_view_without_notes(store: Store) -> None:
    one = await started(store)
    two = conversation(customer=one.customer, identity=one.identity)
    await put(store, two)
    await add(store, message(one, identity=one.identity, text="a"), feed=True)
    await add(store, message(one, direction=Direction.NOTE, text="note", channel=None))
    await add(store, message(two, identity=one.identity, text="b"), feed=True)
    async with store.read("test") as work:
        assert one.identity is not None
        seen = await work.messages.feed(one.identity, after=0, limit=10)
        assert [(m.text, m.feed_seq) for m in seen] == [("a", 1), ("b", 2)]
        assert [m.text for m in await work.messages.feed(one.identity, after=1, limit=10)] == ["b"]
        assert await work.messages.feed(one.identity, after=10**12, limit=10) == []


async def test_what_was_seen_becomes_read_once(store: Store) -> None:
    one = await started(store)
    assert one.identity is not None
    first, _ = await add(store, message(one, identity=one.identity, status=Status.SENT), feed=True)
    await add(store, message(one, identity=one.identity, direction=Direction.IN, status=Status.RECEIVED), feed=True)
    third, _ = await add(store, message(one, identity=one.identity, status=Status.UNCERTAIN), feed=True)
    async with store.begin("test") as work:
        assert [m.id for m in await work.messages.seen(one.identity, 2)] == [first.id]
        assert await work.messages.seen(one.identity, 2) == []
        moved = await work.messages.seen(one.identity, 10**30)
        assert [(m.id, m.status) for m in moved] == [(third.id, Status.READ)]
        with pytest.raises(NotFound):
            await work.messages.seen("nobody", 1)
    fourth, _ = await add(store, message(one, identity=one.identity), feed=True)
    assert fourth.status is Status.QUEUED
    async with store.begin("test") as work:
        assert [m.id for m in await work.messages.seen(one.identity, 4)] == [fourth.id]


async def test_a_status_moves_forward_only(store: Store) -> None:
    one = await started(store)
    sent, _ = await add(store, message(one))
    moved = await set_status(store, sent, Status.DELIVERED)
    assert moved is not None
    assert moved.status is Status.DELIVERED
    assert await set_status(store, sent, Status.SENT) is None
    assert await set_status(store, sent, Status.FAILED, error="late") is None
    async with store.read("test") as work:
        now = (await work.messages.find([sent.id]))[sent.id]
    assert (now.status, now.error) == (Status.DELIVERED, None)
    with pytest.raises(NotFound):
        await set_status(store, message(one), Status.SENT)


async def test_the_words_of_an_error_follow_the_status(store: Store) -> None:
    one = await started(store)
    sent, _ = await add(store, message(one, status=Status.SENDING))
    trying = await set_status(store, sent, Status.QUEUED, error="attempt 2")
    assert trying is not None
    assert (trying.status, trying.error) == (Status.SENDING, "attempt 2")
    failed = await set_status(store, sent, Status.FAILED, error="blocked")
    assert failed is not None
    assert (failed.status, failed.error) == (Status.FAILED, "blocked")
    delivered = await set_status(store, sent, Status.DELIVERED)
    assert delivered is not None
    assert delivered.error is None


async def test_a_report_that_came_early_is_applied_when_its_id_is_known(store: Store) -> None:
    one = await started(store)
    sent, _ = await add(store, message(one, status=Status.SENDING))
    early = {"channel": "site", "external_id": "x-9", "status": "delivered", "error": None, "at": NOW}
    await execute(store, insert(early_reports).values(early))
    moved = await set_status(store, sent, Status.SENT, external_ids=["x-9"])
    assert moved is not None
    assert (moved.status, moved.external_id) == (Status.DELIVERED, "x-9")
    async with store.read("test") as work:
        assert await work._run(lambda c: c.execute(select(early_reports)).all()) == []
        assert (await work.messages.find([sent.id]))[sent.id] == moved
    assert await set_status(store, sent, Status.SENT, external_ids=["other"]) is None


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        ({"x-1": "delivered"}, Status.SENT),
        ({"x-1": "read", "x-2": "delivered", "x-3": "read"}, Status.DELIVERED),
        ({"x-1": "read", "x-2": "read", "x-3": "read"}, Status.READ),
        ({"x-1": "read", "x-2": "failed", "x-3": "read"}, Status.FAILED),
    ],
)
async def test_a_message_in_parts_has_come_as_far_as_the_last_of_them(
    store: Store, clock: FakeClock, told: dict[str, str], wanted: Status
) -> None:
    one = await started(store)
    sent, _ = await add(store, message(one, status=Status.SENDING))
    reports = [
        DeliveryReported(channel="site", external_id=name, status=Status(status), received_at=clock.now(), error=status)
        for name, status in told.items()
    ]
    async with store.begin("early") as work:  # one overtakes the receipt
        assert await work.intake.report(reports[:1]) == []
    await set_status(store, sent, Status.SENT, external_ids=["x-1", "x-2", "x-3"])
    async with store.begin("rest") as work:
        await work.intake.report(reports[1:])
    async with store.begin("again") as work:
        assert await work.intake.report(reports) == []
        found = (await work.messages.find([sent.id]))[sent.id]
    assert found.status is wanted
    assert found.error == ("failed" if wanted is Status.FAILED else None)


async def test_while_parts_have_still_to_leave_a_report_of_the_first_says_little(
    store: Store, clock: FakeClock
) -> None:
    one = await started(store)
    sent, _ = await add(store, message(one, status=Status.SENDING))
    await set_status(store, sent, Status.QUEUED, external_ids=["x-1", "x-2"], error="attempt 2")
    read = [
        DeliveryReported(channel="site", external_id=name, status=Status.READ, received_at=clock.now())
        for name in ("x-1", "x-2")
    ]
    async with store.begin("report") as work:
        assert await work.intake.report(read) == []
    moved = await set_status(store, sent, Status.SENT, external_ids=["x-1", "x-2", "x-3"])
    assert moved is not None
    assert moved.status is Status.SENT
    async with store.begin("last") as work:
        last = DeliveryReported(channel="site", external_id="x-3", status=Status.READ, received_at=clock.now())
        (whole,) = await work.intake.report([last])
    assert whole.status is Status.READ


async def test_the_newest_inbound_message_is_found(store: Store) -> None:
    one = await started(store)
    async with store.read("test") as work:
        assert await work.messages.last_inbound(one.id) is None
    said = await say(store, one, count=3)
    async with store.read("test") as work:
        assert await work.messages.last_inbound(one.id) == said[-1]


async def test_how_far_the_customers_own_view_goes_is_told_up_to_a_seq(store: Store) -> None:
    who = await meet(store)
    made = conversation(customer=who.customer, identity=who.id)
    await put(store, made)
    await say(store, made, identity=who.id, feed_seq=7)
    async with store.read("test") as work:
        assert await work.messages.fed(made.id, upto=1) == {who.id: 7}
        assert await work.messages.fed(made.id, upto=0) == {}
        assert await work.messages.fed("nowhere", upto=2**40) == {}

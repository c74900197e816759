"""The outbox on both databases: heads only, leases with epochs, what a person settles."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from conversation.id_generator import new_id
from conversation.model.outbound import CALL_EXPIRES, Effect, OutboundMessage, OutboxRow, OutboxState, Quoted
from conversation.model.people import Identity
from storage.store import Store
from tests.fakes import FakeClock

LEASE = timedelta(seconds=30)


def message_row(now: datetime, conversation: str = "c1", target: str = "site", text: str = "您好") -> OutboxRow:
    identifier = new_id()
    leaving = OutboundMessage(
        id=identifier,
        conversation=conversation,
        reference="7K3M-9QFX",
        channel=target,
        to=Identity(channel=target, address="mei", id="i1", customer="p1"),
        text=text,
        created_at=now,
    )
    give_up = now + timedelta(hours=1)
    return OutboxRow(
        id=identifier,
        effect=Effect.MESSAGE,
        target=target,
        created_at=now,
        conversation=conversation,
        message=leaving,
        give_up_at=give_up,
    )


def webhook_row(now: datetime, conversation: str | None = None, target: str = "duty") -> OutboxRow:
    return OutboxRow(
        id=new_id(), effect=Effect.WEBHOOK, target=target, created_at=now, conversation=conversation, payload={"n": 1}
    )


async def add(store: Store, *rows: OutboxRow, at: datetime) -> None:
    async with store.begin("add") as work:
        for row in rows:
            await work.outbox.add(row, at=at)


async def claim(store: Store, clock: FakeClock, *targets: str, owner: str = "me", limit: int = 50) -> list[OutboxRow]:
    async with store.begin("claim") as work:
        return await work.outbox.claim(
            owner, targets=targets or ("site", "duty"), limit=limit, now=clock.now(), lease=LEASE
        )


async def finish(store: Store, row: OutboxRow, state: OutboxState, **more: Any) -> bool:
    async with store.begin("finish") as work:
        return await work.outbox.finish(row, state, **more)


async def test_only_the_head_of_a_conversation_is_claimed(store: Store, clock: FakeClock) -> None:
    now = clock.now()
    first, second, other = message_row(now), message_row(now, target="mail"), message_row(now, "c2")
    await add(store, first, second, other, at=now)
    targets = ("site", "mail")
    assert [row.id for row in await claim(store, clock, *targets)] == [first.id, other.id]
    assert await claim(store, clock, *targets) == []
    (mine,) = [row for row in [first] if row.id == first.id]
    async with store.begin("finish") as work:
        claimed = OutboxRow(id=mine.id, effect=mine.effect, target=mine.target, created_at=now, epoch=1)
        assert await work.outbox.finish(claimed, OutboxState.SENT)
    assert [row.id for row in await claim(store, clock, *targets)] == [second.id]


async def test_what_is_not_due_waits_and_is_told(store: Store, clock: FakeClock) -> None:
    later = clock.now() + timedelta(minutes=1)
    await add(store, message_row(clock.now()), at=later)
    assert await claim(store, clock) == []
    async with store.read("due") as work:
        assert await work.outbox.next_due(["site", "duty"]) == later
        assert await work.outbox.next_due(["duty"]) is None
    clock.set(later)
    assert len(await claim(store, clock)) == 1


async def test_a_failed_row_unblocks_an_uncertain_and_a_parked_one_block(store: Store, clock: FakeClock) -> None:
    for state, blocks in [
        (OutboxState.FAILED, False),
        (OutboxState.UNCERTAIN, True),
        (OutboxState.PARKED, True),
        (OutboxState.SENT, False),
    ]:
        first, second = (message_row(clock.now(), conversation=f"c-{state}") for _ in range(2))
        await add(store, first, second, at=clock.now())
        (head,) = await claim(store, clock)
        assert await finish(store, head, state, error="why")
        assert [row.id for row in await claim(store, clock)] == ([] if blocks else [second.id])
        async with store.read("due") as work:
            assert await work.outbox.next_due(["site"]) is None


async def test_a_webhook_waits_for_its_own_kind_only(store: Store, clock: FakeClock) -> None:
    message, call, again = message_row(clock.now()), webhook_row(clock.now(), "c1"), webhook_row(clock.now(), "c1")
    alone = webhook_row(clock.now())
    await add(store, call, message, again, alone, at=clock.now())
    assert {row.id for row in await claim(store, clock)} == {call.id, message.id, alone.id}


async def test_a_retry_comes_back_at_its_time_with_what_was_sent(store: Store, clock: FakeClock) -> None:
    await add(store, message_row(clock.now()), at=clock.now())
    (row,) = await claim(store, clock)
    again = clock.now() + timedelta(seconds=9)
    assert await finish(store, row, OutboxState.QUEUED, retry_at=again, error="later", sent=("p1",))
    assert await claim(store, clock) == []
    clock.set(again)
    (second,) = await claim(store, clock)
    assert (second.attempts, second.epoch) == (2, 2)
    assert second.message is not None
    assert second.message.sent == ("p1",)


async def test_a_holder_that_comes_too_late_writes_nothing(store: Store, clock: FakeClock) -> None:
    await add(store, message_row(clock.now()), at=clock.now())
    (zombie,) = await claim(store, clock, owner="zombie")
    async with store.begin("stranded") as work:
        assert await work.outbox.stranded(clock.now(), 10) == []
    clock.advance(LEASE + timedelta(seconds=1))
    assert await claim(store, clock, owner="other") == []
    async with store.begin("stranded") as work:
        (lost,) = await work.outbox.stranded(clock.now(), 10)
        assert await work.outbox.finish(lost, OutboxState.QUEUED)
    (fresh,) = await claim(store, clock, owner="other")
    assert not await finish(store, zombie, OutboxState.SENT)
    assert await finish(store, fresh, OutboxState.SENT)
    assert not await finish(store, fresh, OutboxState.FAILED)


async def test_a_renewed_claim_stays_its_holders(store: Store, clock: FakeClock) -> None:
    await add(store, message_row(clock.now()), webhook_row(clock.now()), at=clock.now())
    mine = {row.id for row in await claim(store, clock, "site", owner="web-1:a")}
    await claim(store, clock, "duty", owner="web-2:b")
    for _ in range(3):
        clock.advance(LEASE - timedelta(seconds=1))
        async with store.begin("renew") as work:
            assert await work.outbox.renew("web-1:a", until=clock.now() + LEASE) == mine
    async with store.begin("stranded") as work:
        (lost,) = await work.outbox.stranded(clock.now(), 10, owner="web-3:c")
        assert lost.target == "duty"


async def test_what_a_dead_process_of_the_same_node_was_sending_is_stranded_at_once(
    store: Store, clock: FakeClock
) -> None:
    await add(store, message_row(clock.now()), at=clock.now())
    (row,) = await claim(store, clock, owner="web-1:first")
    async with store.begin("stranded") as work:
        for other in ("", "web-2:first", "web-1:first", "somebody"):
            assert await work.outbox.stranded(clock.now(), 10, owner=other) == []
        assert [one.id for one in await work.outbox.stranded(clock.now(), 10, owner="web-1:second")] == [row.id]


async def test_a_person_settles_what_is_stuck(store: Store, clock: FakeClock) -> None:
    row = message_row(clock.now())
    await add(store, row, at=clock.now())
    (head,) = await claim(store, clock)
    async with store.begin("too early") as work:
        assert not await work.outbox.resolve(row.id, OutboxState.SENT, now=clock.now())
    await finish(store, head, OutboxState.UNCERTAIN)
    clock.advance(timedelta(hours=2))
    async with store.begin("retry") as work:
        assert await work.outbox.resolve(row.id, OutboxState.QUEUED, now=clock.now())
    (again,) = await claim(store, clock)
    assert again.attempts == 1
    assert again.give_up_at == clock.now() + timedelta(hours=1)
    await finish(store, again, OutboxState.UNCERTAIN)
    async with store.begin("sent") as work:
        assert (await work.outbox.counts())["uncertain"] == 1
        assert await work.outbox.resolve(row.id, OutboxState.SENT, now=clock.now())
        assert set((await work.outbox.counts()).values()) == {0}


async def test_every_target_gets_its_share(store: Store, clock: FakeClock) -> None:
    flood = [message_row(clock.now(), f"c{n}") for n in range(10)]
    call = webhook_row(clock.now())
    await add(store, *flood, call, at=clock.now())
    got = await claim(store, clock, "site", "duty", limit=4)
    assert [row.target for row in got] == ["site", "site", "duty"]


async def test_contenders_never_share_a_row(store: Store, clock: FakeClock) -> None:
    rows = [message_row(clock.now(), f"c{n % 20}") for n in range(60)]
    await add(store, *rows, at=clock.now())
    sent: list[str] = []

    async def drain(owner: str) -> None:
        idle = 0
        while idle < 3:
            got = await claim(store, clock, "site", owner=owner, limit=5)
            idle = 0 if got else idle + 1
            for row in got:
                assert await finish(store, row, OutboxState.SENT)
                sent.append(row.id)

    await asyncio.gather(*(drain(f"node-{n}") for n in range(4)))
    await drain("last")
    assert sorted(sent) == [row.id for row in rows]
    for n in range(20):
        mine = [row.id for row in rows if row.conversation == f"c{n}"]
        assert [one for one in sent if one in mine] == mine


async def test_what_is_quoted_comes_back_as_it_was_written(store: Store, clock: FakeClock) -> None:
    row = message_row(clock.now())
    assert row.message is not None
    quoted = (Quoted(author=None, at=clock.now(), text="充值"), Quoted(author="Mei", at=clock.now(), text="hello"))
    row = replace(row, message=replace(row.message, missed=True, quoted=quoted))
    await add(store, row, at=clock.now())
    (claimed,) = await claim(store, clock)
    assert claimed.message == row.message


async def test_calls_that_nobody_acknowledged_are_told_until_somebody_does(store: Store, clock: FakeClock) -> None:
    first, second = webhook_row(clock.now(), "c1"), webhook_row(clock.now(), "c2", target="freeze")
    await add(store, first, second, message_row(clock.now()), at=clock.now())
    (held,) = await claim(store, clock, "duty")
    await finish(store, held, OutboxState.QUEUED, error="the webhook duty answered 503")
    async with store.read("test") as work:
        told = await work.outbox.unacknowledged(10)
    assert [(one.webhook, one.conversation, one.attempts, one.error) for one in told] == [
        ("duty", "c1", 1, "the webhook duty answered 503"),
        ("freeze", "c2", 0, None),
    ]
    (held,) = await claim(store, clock, "duty")
    await finish(store, held, OutboxState.SENT)
    async with store.read("test") as work:
        assert [one.webhook for one in await work.outbox.unacknowledged(10)] == ["freeze"]


async def test_a_call_that_waited_too_long_is_never_claimed(store: Store, clock: FakeClock) -> None:
    made = clock.now()
    old = webhook_row(made, "c1")  # as an earlier version wrote it, without an end
    longer = replace(webhook_row(made, "c2"), give_up_at=made + timedelta(days=3))
    await add(store, old, longer, message_row(made), at=made)
    clock.set(made + CALL_EXPIRES)
    async with store.read("test") as work:
        assert [one.id for one in await work.outbox.expired_calls(clock.now(), 10)] == [old.id]
        assert await work.outbox.next_due(["duty"]) == made  # the one that has longer
    assert longer.id in {row.id for row in await claim(store, clock)}
    assert await claim(store, clock, "duty") == []
    async with store.read("test") as work:
        assert await work.outbox.next_due(["duty"]) is None


async def test_an_expired_call_holds_up_no_later_one_about_the_same_conversation(
    store: Store, clock: FakeClock
) -> None:
    await add(store, webhook_row(clock.now(), "c1"), at=clock.now())
    clock.advance(CALL_EXPIRES)
    fresh = webhook_row(clock.now(), "c1")
    await add(store, fresh, at=clock.now())
    async with store.begin("test") as work:
        (call,) = await work.outbox.expired_calls(clock.now(), 10)
        assert await work.outbox.give_up_call(call, "expired: nobody was there")
        assert not await work.outbox.give_up_call(call, "expired: again")
    assert [row.id for row in await claim(store, clock, "duty")] == [fresh.id]
    async with store.read("test") as work:
        (failed,) = await work.outbox.failed_calls(clock.now() - timedelta(days=1), 10)
    assert (failed.id, failed.error) == (call.id, "expired: nobody was there")


async def test_calls_for_nobody_here_are_found_until_a_reason_is_written(store: Store, clock: FakeClock) -> None:
    row = webhook_row(clock.now(), "c1", target="freeze")
    await add(store, row, webhook_row(clock.now(), "c2"), message_row(clock.now(), target="mail"), at=clock.now())
    async with store.begin("test") as work:
        assert await work.outbox.unserved_calls(["duty"], clock.now() - timedelta(seconds=1), 10) == []
        (call,) = await work.outbox.unserved_calls(["duty"], clock.now(), 10)
        assert (call.id, call.webhook) == (row.id, "freeze")
        assert await work.outbox.note_call(call, "no secret")
        assert await work.outbox.unserved_calls(["duty"], clock.now(), 10) == []

"""Figures for reports on both databases: each counted by hand from a few rows."""

from datetime import timedelta
from typing import Any

from sqlalchemy import insert

from conversation.id_generator import new_id
from conversation.model.callback import CallState
from conversation.model.conversation import Conversation, State
from conversation.model.events import EventType, NewEvent
from conversation.model.ids import first_id
from conversation.model.message import Author, AuthorKind, Direction, Message, Status
from conversation.model.people import WorkKind
from conversation.ports.storage.figures import Counts, Window
from router.policy import notifications
from storage.codecs.decisions import decision_values
from storage.codecs.rows import message_values
from storage.schema.callbacks import callback_attempts, callbacks
from storage.schema.conversations import decisions, relabels
from storage.schema.delivery import outbox
from storage.schema.intake import quarantine
from storage.schema.messages import messages
from storage.store import Store
from tests.storage.makers import NOW, conversation, execute, message, put
from tests.storage.test_decisions import decided

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
WINDOW = Window(NOW - HOUR, NOW + HOUR)
AGENT = Author(kind=AuthorKind.AGENT, id="a")
SYSTEM = Author(kind=AuthorKind.SYSTEM)


async def said(store: Store, *made: Message) -> None:
    await execute(store, insert(messages), [message_values(one) for one in made])


async def told(store: Store, *events: NewEvent, at: timedelta = timedelta(0)) -> None:
    async with store.begin("test") as work:
        await work.events.add(events, now=NOW + at)


async def handled(store: Store) -> Counts:
    async with store.read("test") as work:
        return await work.figures.handled(WINDOW)


def test_an_id_made_later_sorts_behind_the_first_id_of_an_instant() -> None:
    assert first_id(NOW - timedelta(days=9_000)) < first_id(NOW) < new_id() < first_id(NOW + timedelta(days=90_000))


async def test_the_first_answer_is_an_agents_that_did_not_fail(store: Store) -> None:
    one, silent, early = conversation(), conversation(), conversation(created_at=NOW - 2 * HOUR)
    await put(store, one, silent, early)
    await said(
        store,
        message(one, seq=1, direction=Direction.IN, author=Author(kind=AuthorKind.CUSTOMER)),
        message(one, seq=2, author=SYSTEM, created_at=NOW + MINUTE),
        message(one, seq=3, author=AGENT, direction=Direction.NOTE, created_at=NOW + 2 * MINUTE),
        message(one, seq=4, author=AGENT, status=Status.FAILED, created_at=NOW + 3 * MINUTE),
        message(one, seq=5, author=AGENT, created_at=NOW + 4 * MINUTE),
        message(one, seq=6, author=AGENT, created_at=NOW + 5 * MINUTE),
    )
    async with store.read("test") as work:
        found = {lived.id: lived for lived in await work.figures.lived(WINDOW, after=None, limit=10)}
        first = await work.figures.lived(WINDOW, after=None, limit=1)
        rest = await work.figures.lived(WINDOW, after=first[0].id, limit=10)
    assert set(found) == {one.id, silent.id}
    assert found[one.id].answered_at == NOW + 4 * MINUTE
    assert found[silent.id].answered_at is None
    assert [*first, *rest] == sorted(found.values(), key=lambda lived: lived.id)


async def test_a_call_that_was_connected_is_an_answer(store: Store) -> None:
    one = conversation(kind=WorkKind.CALLBACK)
    await put(store, one)
    call = await asked(store, one, state=CallState.DONE, tries=(None, NOW + MINUTE))
    await asked(store, one, state=CallState.NO_ANSWER, missed=True, tries=(None,), number="+4930111112")
    async with store.read("test") as work:
        [lived] = await work.figures.lived(WINDOW, after=None, limit=10)
        calls = {found.state: found for found in await work.figures.calls(WINDOW)}
    assert lived.answered_at == NOW + MINUTE
    assert (calls["done"].count, calls["done"].attempts, calls["done"].missed) == (1, 2, 0)
    assert (calls["no_answer"].count, calls["no_answer"].attempts, calls["no_answer"].missed) == (1, 1, 1)
    assert call


async def asked(
    store: Store,
    where: Conversation,
    *,
    state: CallState,
    tries: tuple[Any, ...],
    missed: bool = False,
    number: str = "+4930111111",
) -> str:
    made = new_id()
    row = {
        "id": made,
        "conversation_id": where.id,
        "channel": "callback",
        "number": number,
        "extension": "",
        "matter": "",
        "zones": [],
        "state": state.value,
        "open": False,
        "asked_at": NOW,
        "outcomes": [],
        "missed": missed,
        "version": 1,
        "updated_at": NOW,
    }
    await execute(store, insert(callbacks).values(row))
    for place, connected in enumerate(tries, 1):
        told = {"id": new_id(), "callback_id": made, "number": place, "dialer": "manual", "created_at": NOW}
        ends = {"ended_at": NOW + HOUR, "connected_at": connected}
        await execute(store, insert(callback_attempts).values(told | ends))
    return made


async def test_messages_are_counted_by_what_became_of_them(store: Store) -> None:
    one = conversation()
    await put(store, one)
    await said(
        store,
        message(one, seq=1, direction=Direction.IN, author=Author(kind=AuthorKind.CUSTOMER), status=Status.RECEIVED),
        message(one, seq=2, author=AGENT, status=Status.FAILED, error="blocked"),
        message(one, seq=3, author=AGENT, status=Status.FAILED, error="blocked"),
        message(one, seq=4, author=SYSTEM, status=Status.SUPPRESSED, error="a machine wrote"),
        message(one, seq=5, author=AGENT, status=Status.SENT, error="what it said before it was sent again"),
        message(one, seq=6, author=AGENT, status=Status.SENT, created_at=NOW + 2 * HOUR),
    )
    async with store.read("test") as work:
        assert await work.figures.messages(WINDOW) == {
            ("site", "in", "customer", "received", ""): 1,
            ("site", "out", "agent", "failed", "blocked"): 2,
            ("site", "out", "system", "suppressed", "a machine wrote"): 1,
            ("site", "out", "agent", "sent", ""): 1,
        }


async def test_what_happened_to_offers_is_read_from_the_feed(store: Store) -> None:
    free, offered = conversation(), conversation(state=State.OFFERED, offered_to="a")
    owned, closed = conversation(state=State.ASSIGNED, owner="a"), conversation(state=State.CLOSED)
    there = conversation(queue="payments")
    await put(store, free, there)
    await told(
        store,
        notifications.conversation_event(EventType.OFFERED, offered, was=free, agent="a"),
        notifications.conversation_event(EventType.RELEASED, free, was=offered, agent="a", was_owner="a"),
        notifications.conversation_event(EventType.RELEASED, free, was=offered, agent="a", reason="expired"),
        notifications.conversation_event(EventType.RELEASED, free, was=owned, agent="a", was_owner="a"),
        notifications.conversation_event(EventType.RELEASED, free, was=owned, agent="a", reason="abandoned"),
        notifications.conversation_event(EventType.UPDATED, free, was=closed, agent="a", was_owner=None),
        notifications.conversation_event(EventType.UPDATED, free, was=closed, alert=False),
        notifications.conversation_event(EventType.UPDATED, there, was=free, agent="a", was_owner="a"),
        notifications.conversation_event(EventType.UPDATED, there, was=free, agent="a", reason="overdue"),
        notifications.conversation_event(EventType.UPDATED, there, was=free, agent="a", alert=False),
        notifications.conversation_event(EventType.UPDATED, free, was=owned, agent="a", was_owner="a"),
    )
    await told(store, notifications.conversation_event(EventType.OFFERED, offered, was=free, agent="a"), at=2 * HOUR)
    names = ("offered", "declined", "expired", "released", "abandoned", "transferred")
    assert await handled(store) == {("general", name): 1 for name in names} | {("general", "reopened"): 2}


async def test_a_transfer_soon_after_the_opening_tells_which_rule_was_wrong(store: Store) -> None:
    one, late = conversation(), conversation(created_at=NOW - 30 * MINUTE)
    await put(store, one, late)
    [inbound] = [message(one, seq=1, direction=Direction.IN)]
    await said(store, inbound)
    first, second = decided(inbound), decided(inbound)
    await execute(store, insert(decisions), [decision_values(each) for each in (first, second)])
    for each in (one, late):
        moved = conversation(id=each.id, queue="payments")
        await told(
            store, notifications.conversation_event(EventType.UPDATED, moved, was=each, agent="a"), at=40 * MINUTE
        )
    async with store.read("test") as work:
        [found] = await work.figures.transfers(WINDOW, 3_600)
        since = await work.figures.handled_since()
    assert (found.from_queue, found.queue, found.decision) == ("general", "payments", first.decision)
    assert since == NOW + 40 * MINUTE


async def test_relabels_come_with_the_first_decision_or_without(store: Store) -> None:
    one, unknown = conversation(), conversation()
    await put(store, one, unknown)
    inbound = message(one, seq=1, direction=Direction.IN)
    await said(store, inbound)
    first = decided(inbound)
    await execute(store, insert(decisions), [decision_values(first)])
    base = {"agent_id": "a", "language": None, "issue": "fees", "at": NOW}
    rows = [{**base, "id": new_id(), "conversation_id": each.id} for each in (one, unknown)]
    await execute(store, insert(relabels), rows)
    async with store.read("test") as work:
        found = await work.figures.relabels(WINDOW)
    assert {(each.issue, each.decision) for each in found if each.decision is None} == {("fees", None)}
    assert [each.decision for each in found if each.decision is not None] == [first.decision]


async def test_what_waits_what_is_put_aside_and_what_nobody_acknowledged(store: Store) -> None:
    await put(store, conversation(language="zh"), conversation(language="zh", waiting_since=NOW - HOUR))
    await put(store, conversation(state=State.CLOSED, closed_at=NOW))
    raw = {"channel": "app", "size": 0, "code": "json", "reason": "r", "raw": b"", "headers": {}, "first_at": NOW}
    replayed = (None, NOW)
    rows = [
        {**raw, "id": new_id(), "sha256": str(n), "last_at": NOW, "replayed_at": at} for n, at in enumerate(replayed)
    ]
    await execute(store, insert(quarantine), rows)
    called = {"effect": "webhook", "target": "duty", "body": {}, "at": NOW, "created_at": NOW - MINUTE}
    states = ("queued", "parked", "sent")
    await execute(store, insert(outbox), [{**called, "id": new_id(), "state": state} for state in states])
    async with store.read("test") as work:
        [waiting] = await work.figures.waiting()
        aside = await work.figures.quarantined(WINDOW)
        [late] = await work.figures.unacknowledged()
    assert (waiting.queue, waiting.language, waiting.count, waiting.since) == ("general", "zh", 2, NOW - HOUR)
    assert aside == {("app", "json"): 1}
    assert (late.webhook, late.count, late.since) == ("duty", 2, NOW - MINUTE)

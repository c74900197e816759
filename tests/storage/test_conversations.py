"""Conversations on both databases: conditional moves, load, paging, search, what is unread."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from conversation.errors import Conflict, NotFound
from conversation.model.conversation import (
    Conversation,
    Priority,
    State,
    close,
    hand_to,
    offer,
    release,
    snooze,
    take,
    transfer,
)
from conversation.model.message import Direction
from conversation.model.people import WorkKind
from conversation.ports.storage.conversations import ConversationFilter
from storage.conversations.listing import read_cursor, write_cursor
from storage.schema.agents import agents
from storage.schema.conversations import relabels
from storage.store import Store
from tests.storage.makers import NOW, conversation, held, hire, meet, message, put, say

LATER = NOW + timedelta(minutes=1)


async def move(store: Store, before: Conversation, after: Conversation) -> None:
    async with store.begin("test") as work:
        await work.conversations.move(before, after)


async def get(store: Store, one: Conversation) -> Conversation:
    async with store.read("test") as work:
        return await work.conversations.get(one.id)


async def page(store: Store, cursor: str | None = None, limit: int = 50, **wanted: Any) -> tuple[list[str], str | None]:
    async with store.read("test") as work:
        items, following = await work.conversations.page(ConversationFilter(**wanted), cursor=cursor, limit=limit)
        return [item.id for item in items], following


async def test_a_conversation_is_read_back_as_it_was_written(store: Store) -> None:
    full = conversation(
        identity="identity",
        language="zh",
        language_confidence=0.75,
        issue="topup",
        priority=Priority.HIGH,
        labels=("vip", "充值"),
        attributes={"amount": 12, "deep": {"a": [1, None]}},
        sent_replies=("closed",),
        passed=("somebody",),
        linked="other",
        last_seq=7,
        last_inbound_at=LATER,
        owner_wrote_at=NOW,
        due=LATER + timedelta(microseconds=1),
    )
    await put(store, full)
    assert await get(store, full) == full
    async with store.begin("test") as work:
        assert await work.conversations.find([full.id, "nothing"]) == {full.id: full}
        with pytest.raises(NotFound):
            await work.conversations.get("nothing")
        with pytest.raises(NotFound):
            await work.conversations.lock("nothing")


async def test_the_migrated_schema_takes_every_state(store: Store) -> None:
    fields: dict[State, dict[str, Any]] = {
        State.ASSIGNED: {"owner": "ann"},
        State.OFFERED: {"offered_to": "ann", "offer_until": LATER},
    }
    for state in State:
        one = conversation(state=state, **fields.get(state, {}))
        await put(store, one)
        assert (await get(store, one)).state is state


async def test_a_reference_is_found_however_it_was_written_down(store: Store) -> None:
    one = conversation(reference="7K3M-9QF1")
    await put(store, one)
    async with store.read("test") as work:
        for written in ("7K3M-9QF1", " 7k3m9qfl ", "7k3m 9qfI"):
            assert await work.conversations.by_reference(written) == one
        assert await work.conversations.by_reference("") is None


async def test_a_locked_conversation_is_the_stored_one(store: Store) -> None:
    identity = await meet(store)
    one = conversation(customer=identity.customer)
    await put(store, one)
    async with store.begin("test") as work:
        assert await work.conversations.lock(one.id) == one


async def test_load_moves_with_the_holder(store: Store) -> None:
    anna, bert = await hire(store, "Anna"), await hire(store, "Bert")
    one = conversation()
    await put(store, one)
    offered = offer(one, anna.id, LATER, NOW)
    await move(store, one, offered)
    assert (await held(store, anna), await held(store, bert)) == (1, 0)
    taken = take(offered, anna.id, NOW)
    await move(store, offered, taken)
    assert (await held(store, anna), await held(store, bert)) == (1, 0)
    handed = hand_to(taken, bert.id, LATER)
    await move(store, taken, handed)
    assert (await held(store, anna), await held(store, bert)) == (0, 1)
    await move(store, handed, close(handed, LATER))
    assert (await held(store, anna), await held(store, bert)) == (0, 0)


async def test_snoozing_frees_and_other_kinds_are_counted_apart(store: Store) -> None:
    anna = await hire(store)
    one = conversation(kind=WorkKind.EMAIL)
    await put(store, one)
    taken = take(one, anna.id, NOW)
    await move(store, one, taken)
    assert (await held(store, anna, WorkKind.EMAIL), await held(store, anna)) == (1, 0)
    await move(store, taken, snooze(taken, LATER, NOW))
    assert await held(store, anna, WorkKind.EMAIL) == 0
    assert (await get(store, one)).owner == anna.id


async def test_turns_are_remembered_for_the_strategies(store: Store) -> None:
    anna = await hire(store)
    one = conversation()
    await put(store, one)
    offered = offer(one, anna.id, LATER, LATER)
    await move(store, one, offered)
    await move(store, offered, release(offered, LATER + timedelta(seconds=3)))
    async with store.read("test") as work:
        row = (await work._run(lambda c: c.execute(select(agents)).mappings().all()))[0]
    assert (row["last_offered_at"], row["idle_since"]) == (LATER, LATER + timedelta(seconds=3))


async def test_a_full_agent_gets_nothing_and_nothing_else_changes(store: Store) -> None:
    anna, bert = await hire(store, capacity={WorkKind.CHAT: 1}), await hire(store, "Bert")
    first, second = conversation(), conversation()
    await put(store, first, second)
    await move(store, first, take(first, anna.id, NOW))
    hers = take(second, bert.id, NOW)
    await move(store, second, hers)
    for before, after in ((hers, hand_to(hers, anna.id, LATER)), (hers, replace(hers, owner=anna.id, labels=("x",)))):
        async with store.begin(
            "test"
        ) as work:  # caught inside: the transaction still commits, and the move left no trace
            with pytest.raises(Conflict) as refusal:
                await work.conversations.move(before, after)
            assert refusal.value.code == "capacity_full"
        assert (await held(store, anna), await held(store, bert)) == (1, 1)
        assert await get(store, second) == hers


async def test_a_move_from_a_state_that_is_gone_is_a_conflict(store: Store) -> None:
    anna, bert = await hire(store), await hire(store, "Bert")
    one = conversation()
    await put(store, one)
    await move(store, one, take(one, anna.id, NOW))
    for late in (take(one, bert.id, NOW), transfer(one, "other", NOW), replace(one, labels=("x",))):
        with pytest.raises(Conflict) as refusal:
            await move(store, one, late)
        assert refusal.value.code == "moved"
    assert (await held(store, anna), await held(store, bert)) == (1, 0)


async def test_a_move_keeps_what_others_changed_meanwhile(store: Store) -> None:
    anna = await hire(store)
    before = conversation()
    await put(store, before)
    async with store.begin("test") as work:
        await work.messages.add(message(before, created_at=LATER), body_hash="h", feed=False)
    await move(store, before, take(before, anna.id, NOW))
    now = await get(store, before)
    assert (now.last_seq, now.updated_at, now.owner) == (1, LATER, anna.id)


async def test_of_eight_who_take_one_wins(store: Store) -> None:
    team = [await hire(store, f"Agent {number}", capacity={WorkKind.CHAT: 10}) for number in range(8)]
    for _ in range(5):
        one = conversation()
        await put(store, one)

        async def contend(agent: str, one: Conversation = one) -> str:
            try:
                await move(store, one, take(one, agent, NOW))
            except Conflict as refusal:
                return refusal.code
            return "won"

        answers = await asyncio.gather(*(contend(agent.id) for agent in team))
        assert sorted(answers) == ["moved"] * 7 + ["won"]
        assert (await get(store, one)).owner == team[answers.index("won")].id
    assert sum([await held(store, agent) for agent in team]) == 5


async def test_capacity_is_never_exceeded_under_concurrent_moves(store: Store) -> None:
    team = [await hire(store, f"Agent {number}", capacity={WorkKind.CHAT: 3}) for number in range(2)]
    work_to_do = [conversation() for _ in range(20)]
    await put(store, *work_to_do)
    answers: list[str] = []

    async def grab(one: Conversation, agent: str) -> None:
        try:
            await move(store, one, take(one, agent, NOW))
        except Conflict as refusal:
            answers.append(refusal.code)
        else:
            answers.append("won")

    await asyncio.gather(*(grab(one, agent.id) for one in work_to_do for agent in team))
    assert answers.count("won") == 6
    assert set(answers) <= {"won", "capacity_full", "moved"}
    assert [await held(store, agent) for agent in team] == [3, 3]


async def test_work_handed_back_and_forth_never_deadlocks(store: Store) -> None:
    team = [await hire(store, f"Agent {number}", capacity={WorkKind.CHAT: 50}) for number in range(2)]
    mine = [conversation(state=State.WAITING) for _ in range(16)]
    await put(store, *mine)
    owned = []
    for number, one in enumerate(mine):
        owned.append(take(one, team[number % 2].id, NOW))
        await move(store, one, owned[-1])
    other = {team[0].id: team[1].id, team[1].id: team[0].id}
    await asyncio.gather(*(move(store, one, hand_to(one, other[one.owner or ""], NOW)) for one in owned))
    assert [await held(store, agent) for agent in team] == [8, 8]


async def test_pages_stay_stable_while_rows_come_and_go(store: Store) -> None:
    rows = [conversation(updated_at=NOW + timedelta(seconds=number // 3)) for number in range(10)]
    await put(store, *rows)
    wanted = [row.id for row in sorted(rows, key=lambda row: (-row.updated_at.timestamp(), row.id))]
    seen, cursor = await page(store, limit=4)
    await put(store, conversation(updated_at=LATER), conversation(updated_at=LATER))
    while cursor is not None:
        more, cursor = await page(store, cursor, limit=3)
        seen += more
    assert seen == wanted


async def test_the_last_page_has_no_cursor(store: Store) -> None:
    await put(store, conversation(), conversation())
    assert (await page(store, limit=2))[1] is None
    assert await page(store, queue="nowhere") == ([], None)


@pytest.mark.parametrize(
    "nonsense", ["", "x", "\ud800", "é", "W10", "bnVsbA", "WzEsMl0", "Wy0xLCJ4Il0", "A" * 5000, "WzFlNDAwLCAieCJd"]
)
def test_a_bad_cursor_is_told_as_such(nonsense: str) -> None:
    with pytest.raises(Conflict) as refusal:
        read_cursor(nonsense)
    assert refusal.value.code == "bad_cursor"


def test_a_cursor_names_its_place() -> None:
    one = conversation()
    assert read_cursor(write_cursor(one)) == (one.updated_at, one.id)


async def test_filters_narrow_the_list(store: Store) -> None:
    anna = await hire(store)
    waiting = conversation(queue="a", language="zh", issue="topup", customer="c1")
    owned = conversation(queue="b", state=State.ASSIGNED, owner=anna.id)
    offered = conversation(queue="b", state=State.OFFERED, offered_to=anna.id)
    closed = conversation(queue="b", state=State.CLOSED, closed_at=NOW)
    await put(store, waiting, owned, offered, closed)

    async def listed(**wanted: Any) -> set[str]:
        return set((await page(store, **wanted))[0])

    assert await listed(queues=("a",)) == {waiting.id}
    assert await listed(queues=(), viewer=anna.id) == {owned.id, offered.id}
    assert await listed(queues=()) == set()
    assert await listed(queue="b", states=(State.CLOSED, State.OFFERED)) == {closed.id, offered.id}
    assert await listed(assignee=anna.id) == {owned.id}
    assert await listed(unassigned=True) == {waiting.id, offered.id}
    assert await listed(unassigned=True, states=(State.CLOSED,)) == {closed.id}
    assert await listed(language="zh", issue="topup", customer="c1") == {waiting.id}
    assert await listed(language="de") == set()


async def test_search_finds_reference_name_address_and_words(store: Store) -> None:
    identity = await meet(store, address="li.wei@example.com", name="Li Wei")
    one, other = conversation(customer=identity.customer, reference="7K3M-9QFX"), conversation()
    await put(store, one, other)
    await say(store, one, text="我要充值 100% TODAY")
    for q in ("9qfx", "li wei", "LI.WEI@", "充值", "100% today"):
        assert await page(store, q=q) == ([one.id], None), q
    for q in ("50%", "_", "%%", "nothing", "\0\ud800"):
        assert (await page(store, q=q))[0] == [], q
    assert len((await page(store, q="  "))[0]) == 2


async def test_unread_counts_inbound_messages_above_the_mark(store: Store) -> None:
    one, two = conversation(), conversation()
    await put(store, one, two)
    await say(store, one, count=4)
    await say(store, two, count=2, direction=Direction.OUT)
    async with store.begin("test") as work:
        assert await work.conversations.unread("anna", [one.id, two.id]) == {one.id: 4, two.id: 0}
        await work.conversations.mark_read("anna", one.id, 3)
        await work.conversations.mark_read("anna", one.id, 1)
        assert await work.conversations.unread("anna", [one.id]) == {one.id: 1}
        assert await work.conversations.unread("bert", [one.id]) == {one.id: 4}
        assert await work.conversations.unread("bert", []) == {}


async def test_a_relabel_is_kept(store: Store) -> None:
    async with store.begin("test") as work:
        await work.conversations.relabelled("c", "anna", language="zh", issue=None, now=NOW)
        rows = await work._run(lambda c: c.execute(select(relabels)).mappings().all())
    assert [(row["conversation_id"], row["agent_id"], row["language"], row["issue"], row["at"]) for row in rows] == [
        ("c", "anna", "zh", None, NOW)
    ]

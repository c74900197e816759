"""What waits to be read before it is mailed, on both databases."""

from dataclasses import replace
from datetime import timedelta

import pytest

from conversation.errors import NotFound
from conversation.model.message import Author, AuthorKind, Direction, Status
from conversation.ports.storage.follow_ups import Awaited
from storage.store import Store
from tests.storage.makers import NOW, conversation, meet, message, put

MINUTE = timedelta(minutes=1)


async def due(store: Store, after: timedelta) -> list[Awaited]:
    async with store.read("test") as work:
        return await work.follow_ups.due(NOW + after, 10)


async def test_what_waits_is_due_at_its_first_time_and_until_it_is_settled(store: Store) -> None:
    async with store.begin("test") as work:
        await work.follow_ups.schedule("c", "i", at=NOW + MINUTE)
        await work.follow_ups.schedule("c", "i", at=NOW + 5 * MINUTE)
        await work.follow_ups.schedule("c", "other", at=NOW + 9 * MINUTE)
    first = Awaited(conversation="c", identity="i", at=NOW + MINUTE)
    assert (await due(store, MINUTE / 2), await due(store, MINUTE)) == ([], [first])
    async with store.begin("test") as work:
        assert await work.follow_ups.take("c", "i", now=NOW) is None
        assert await work.follow_ups.take("c", "i", now=NOW + MINUTE) == first
        await work.follow_ups.settle("c", "i", mailed=4)
    assert await due(store, 2 * MINUTE) == []


async def test_what_was_mailed_is_remembered_for_the_next_time(store: Store) -> None:
    async with store.begin("test") as work:
        await work.follow_ups.schedule("c", "i", at=NOW)
        await work.follow_ups.settle("c", "i", mailed=4)
        await work.follow_ups.schedule("c", "i", at=NOW + MINUTE)
    assert [one.mailed for one in await due(store, MINUTE)] == [4]
    async with store.begin("test") as work:
        await work.follow_ups.settle("c", "i", mailed=0)
        await work.follow_ups.schedule("c", "i", at=NOW)
    assert [one.mailed for one in await due(store, MINUTE)] == [0]


async def test_whoever_is_here_is_not_written_to_yet(store: Store) -> None:
    async with store.begin("test") as work:
        await work.follow_ups.schedule("c", "i", at=NOW)
        await work.follow_ups.postpone("i", to=NOW + 3 * MINUTE)
        await work.follow_ups.postpone("i", to=NOW + MINUTE)
        await work.follow_ups.postpone("other", to=NOW)
    assert (await due(store, 2 * MINUTE), len(await due(store, 3 * MINUTE))) == ([], 1)


async def test_unread_is_what_agents_said_and_the_visitor_has_not_seen(store: Store) -> None:
    where, who = conversation(), await meet(store)
    await put(store, where)
    said = message(where, identity=who.id, status=Status.SENT)
    system = replace(said, author=Author(kind=AuthorKind.SYSTEM))
    drafts = [said, system, replace(said, text="second"), replace(said, text="mailed", identity=None)]
    async with store.begin("test") as work:
        for number, draft in enumerate(drafts):
            await work.messages.add(replace(draft, id=f"m{number}"), body_hash="h", feed=draft.identity is not None)
        note = replace(said, id="note", direction=Direction.NOTE)
        await work.messages.add(note, body_hash="h", feed=False)
        assert [one.id for one in await work.messages.unread(where.id, who.id, after=0)] == ["m0", "m2"]
        assert [one.id for one in await work.messages.unread(where.id, who.id, after=1)] == ["m2"]
        await work.messages.seen(who.id, 2)
        assert [one.id for one in await work.messages.unread(where.id, who.id, after=0)] == ["m2"]


async def test_an_address_that_is_left_is_kept(store: Store) -> None:
    who = await meet(store)
    async with store.begin("test") as work:
        await work.customers.set_email(who.id, "anna@example.org")
        assert (await work.customers.identity(who.id)).email == "anna@example.org"
    with pytest.raises(NotFound):
        async with store.begin("test") as work:
            await work.customers.set_email("nobody", "anna@example.org")

"""Classifiers of issues on both databases: one in use, one command back; and the labels that agents gave."""

from datetime import timedelta

import pytest
from sqlalchemy import insert

from conversation.errors import NotFound
from conversation.id_generator import new_id
from conversation.model.message import Direction
from conversation.ports.storage.classifiers import Relabel, StoredModel
from storage.codecs.rows import message_values
from storage.schema.messages import messages
from storage.store import Store
from tests.storage.makers import NOW, conversation, execute, message, put

CARD = {"accuracy": 0.95, "languages": {"en": {"labels": 300}}}


async def kept(store: Store, weights: bytes = b"\x00weights\xff") -> str:
    model = StoredModel(id=new_id(), trained_at=NOW, author="anna", labels=300, own=120, card=CARD)
    async with store.begin("test") as work:
        await work.models.add(model, weights)
    return model.id


async def activate(store: Store, model: str) -> StoredModel:
    async with store.begin("test") as work:
        return await work.models.activate(model)


async def roll_back(store: Store) -> str | None:
    async with store.begin("test") as work:
        now = await work.models.roll_back()
    return now.id if now else None


async def active(store: Store) -> str | None:
    async with store.read("test") as work:
        found = await work.models.active()
    return found.id if found else None


async def test_a_model_is_kept_byte_by_byte_and_not_in_use_before_it_is_activated(store: Store) -> None:
    weights = bytes(range(256)) * 20_000  # as large as they come
    model = await kept(store, weights)
    async with store.read("test") as work:
        assert await work.models.active() is None
        assert await work.models.weights(model) == weights
        found = await work.models.get(model)
    assert found == StoredModel(id=model, trained_at=NOW, author="anna", labels=300, own=120, card=CARD)


async def test_one_model_is_in_use_and_one_step_goes_back_until_there_is_none(store: Store) -> None:
    first, second = await kept(store), await kept(store)
    assert (await activate(store, first)).before is None
    assert (await activate(store, second)).before == first
    assert (await activate(store, second)).before == first, "a second time changes nothing"
    assert await active(store) == second
    assert await roll_back(store) == first
    assert await active(store) == first
    assert await roll_back(store) is None
    assert await active(store) is None
    with pytest.raises(NotFound):
        await roll_back(store)


async def test_models_are_listed_newest_first_and_one_that_is_not_there_is_not_found(store: Store) -> None:
    first, second = await kept(store), await kept(store)
    async with store.read("test") as work:
        assert [model.id for model in await work.models.all()] == [second, first]
        for asked in (work.models.get, work.models.weights):
            with pytest.raises(NotFound):
                await asked("nothing")
    with pytest.raises(NotFound):
        await activate(store, "nothing")


async def test_the_newest_word_of_an_agent_counts_with_what_the_customer_wrote_first(store: Store) -> None:
    one, other, bare = conversation(language="de"), conversation(), conversation()
    await put(store, one, other, bare)
    said = [("Hallo", Direction.IN), ("Guten Tag", Direction.OUT), ("Meine Karte", Direction.IN), ("", Direction.IN)]
    lines = [message(one, seq=place, text=text, direction=way) for place, (text, way) in enumerate(said, start=1)]
    lines.append(message(other, seq=1, text="why this fee", direction=Direction.IN))
    await execute(store, insert(messages), [message_values(one) for one in lines])
    async with store.begin("test") as work:
        for where, issue, later in ((one, "fees", 0), (one, "card", 1), (other, "fees", 0), (bare, "other", 0)):
            await work.conversations.relabelled(
                where.id, "anna", language=None, issue=issue, now=NOW + timedelta(minutes=later)
            )
        await work.conversations.relabelled(other.id, "anna", language="en", issue=None, now=NOW)
    async with store.read("test") as work:
        found = await work.models.relabels(after=None, limit=2)
        rest = await work.models.relabels(after=found[-1].conversation, limit=2)
    assert [*found, *rest] == [
        Relabel(
            conversation=one.id,
            issue="card",
            language="de",
            at=NOW + timedelta(minutes=1),
            texts=("Hallo", "Meine Karte"),
        ),
        Relabel(conversation=other.id, issue="fees", language=None, at=NOW, texts=("why this fee",)),
        Relabel(conversation=bare.id, issue="other", language=None, at=NOW, texts=()),
    ]

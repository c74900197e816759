"""Customers and identities on both databases."""

import asyncio
from dataclasses import replace

import pytest

from conversation.errors import NotFound
from conversation.id_generator import new_id
from conversation.model.people import Customer, Identity
from storage.store import Store
from tests.storage.makers import NOW, meet


async def test_an_identity_is_added_with_its_customer(store: Store) -> None:
    person = Customer(id=new_id(), name="Li", attributes={"vip": True}, created_at=NOW, verified=True)
    mail = Identity(channel="mail", address="li@example.com", name="Li", email="li@example.com", verified=True)
    async with store.begin("test") as work:
        first = await work.customers.add_identity(mail, customer=person)
        second = await work.customers.add_identity(Identity(channel="site", address="v"), customer=person)
        assert first == replace(mail, id=first.id, customer=person.id)
        assert await work.customers.get(person.id) == person
        assert await work.customers.find([person.id, "nobody"]) == {person.id: person}
        assert await work.customers.identities(person.id) == [first, second]
        assert await work.customers.identity(second.id) == second


async def test_an_address_that_is_known_stays_with_its_customer(store: Store) -> None:
    first = await meet(store, "v")
    stranger = Customer(id=new_id())
    async with store.begin("test") as work:
        assert await work.customers.add_identity(Identity(channel="site", address="v"), customer=stranger) == first
        assert await work.customers.find([stranger.id]) == {}


async def test_one_address_at_once_is_one_customer(store: Store) -> None:
    met = await asyncio.gather(*(meet(store, "v") for _ in range(8)))
    assert len(set(met)) == 1


async def test_a_customer_without_a_birth_gets_the_databases_time(store: Store) -> None:
    async with store.begin("test") as work:
        made = await work.customers.add_identity(Identity(channel="site", address="v"), customer=Customer(id="c"))
        customer = await work.customers.get(made.customer)
    assert customer.created_at is not None
    assert customer.created_at.year >= 2026


async def test_a_language_is_set(store: Store) -> None:
    met = await meet(store)
    async with store.begin("test") as work:
        await work.customers.set_language(met.customer, "zh", "agent")
        now = await work.customers.get(met.customer)
        assert (now.language, now.language_source) == ("zh", "agent")
        with pytest.raises(NotFound):
            await work.customers.set_language("nobody", "zh", "agent")
        with pytest.raises(NotFound):
            await work.customers.get("nobody")
        with pytest.raises(NotFound):
            await work.customers.identity("nobody")

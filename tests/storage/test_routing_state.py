"""The routing state of rows that a release before wrote: read as typed, found by statements, written back as it was."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select

from conversation.model.routing_names import routing_of
from conversation.model.routing_state import Escalation, RoutingState
from conversation.ports.storage.intake import IntakeWrites
from storage.migration import upgrade
from storage.schema.conversations import conversations
from storage.schema.customers import customers, identities
from storage.schema.delivery import outbox
from storage.signals import open_signals
from storage.store import Store, open_storage
from tests.conversation.model.test_routing_names import AT, ISO, OTHER_FORMS, WRITTEN
from tests.fakes import FakeClock
from tests.storage.makers import NOW
from tests.storage.test_intake import arrival
from tests.storage.test_migrations import _made_by, empty_url

__all__ = ["empty_url"]
FORMS: list[tuple[str, object]] = [*((name, value) for name, value, _ in WRITTEN), *OTHER_FORMS]


def _insert_rows(connection: Connection, forms: dict[str, dict[str, object]]) -> None:
    """As a release before wrote them, of one customer."""
    rows = [
        {
            "id": identifier, "reference": identifier, "customer_id": "p", "identity_id": "i", "state": "waiting",
            "queue": "general", "kind": "chat", "channel": "site", "channels": ["site"], "priority": 1, "labels": [],
            "attributes": attributes, "said": [], "passed": [], "waiting_since": NOW, "created_at": NOW, "updated_at": NOW,
        }
        for identifier, attributes in forms.items()
    ]  # fmt: skip
    connection.execute(insert(conversations), rows)
    person = {"id": "p", "verified": False, "attributes": {}, "created_at": NOW}
    connection.execute(insert(customers).values(person))
    known = {"id": "i", "channel": "site", "address": "mei", "customer_id": "p", "verified": False, "created_at": NOW}
    connection.execute(insert(identities).values(known))


def _stored(connection: Connection) -> dict[str, Any]:
    return {
        row.id: row.attributes for row in connection.execute(select(conversations.c.id, conversations.c.attributes))
    }


@pytest.fixture
async def store(empty_url: str, clock: FakeClock) -> AsyncIterator[Store]:
    async with open_storage(
        empty_url, clock=clock, signals=open_signals("local", database=empty_url, clock=clock)
    ) as store:
        yield store


async def _made(store: Store, forms: dict[str, dict[str, object]]) -> None:
    async with store.begin("the release before") as work:
        await work._run(lambda c: _made_by(c, "0010"))
        await work._run(lambda c: _insert_rows(c, forms))


async def test_every_form_of_a_release_before_is_there_after_the_upgrade_and_goes_back_as_it_was(
    store: Store, empty_url: str
) -> None:
    forms = {f"c{number:02}": {name: value, "own": [number]} for number, (name, value) in enumerate(FORMS)}
    await _made(store, forms)
    await upgrade(empty_url)
    async with store.begin("look") as work:
        for identifier, attributes in forms.items():
            found = await work.conversations.get(identifier)
            assert (found.routing, found.attributes) == routing_of(attributes)
            await work.conversations.move(found, replace(found, priority=found.priority, updated_at=NOW))
        assert await work._run(_stored) == forms


async def test_the_batch_of_arrivals_reads_and_writes_the_same(store: Store) -> None:
    attributes = {name: value for name, value, _ in WRITTEN} | {"own": 1}
    await _made(store, {"c": attributes})
    async with store.begin("intake") as work:
        (known,) = await work.intake.load([arrival("m")], reopen_since=NOW, now=NOW)
        (found,) = known.conversations
        assert (found.routing, found.attributes) == routing_of(attributes)
        changed = replace(found, routing=replace(found.routing, offered_choices=("fees",)))
        await work.intake.store(IntakeWrites(changed=[changed]), now=NOW)
        assert await work._run(_stored) == {"c": {**attributes, "choices": ["fees"]}}


async def test_an_alert_that_a_release_before_fixed_is_found_when_it_is_due(store: Store, empty_url: str) -> None:
    pages = {"next": "2026-11-30T21:56:36.123456+00:00", "calls": {"duty": "2026-11-30T21:56:36.123456+00:00"}}
    await _made(store, {"c": {"pages": pages}, "d": {"script": "Hans"}})
    async with store.read("look") as work:
        assert await work.distribution.escalating([], AT - timedelta(seconds=1), 9) == []
        (found,) = await work.distribution.escalating([], AT, 9)
    assert (found.id, found.routing) == ("c", RoutingState(alerts_due={"duty": AT}))


async def test_the_one_instant_of_an_earlier_form_becomes_that_of_the_webhooks_that_were_called(
    store: Store, empty_url: str
) -> None:
    wish: dict[str, Any] = {"webhook": "duty", "after_seconds": 60}
    await _made(store, {"a": {"paged": ISO, "page": wish}, "b": {"paged": ISO, "page": False}, "c": {"paged": ISO}})
    async with store.begin("the release before") as work:
        await work._run(lambda c: c.execute(insert(outbox).values(_called("b", "night"))))
    await upgrade(empty_url)
    async with store.read("look") as work:
        found = {name: (await work.conversations.get(name)).routing for name in "abc"}
    assert found == {
        "a": RoutingState(alerted={"duty": AT}, escalation=Escalation(**wish)),
        "b": RoutingState(alerted={"night": AT}, escalation_off=True),
        "c": RoutingState(alerted_at=AT),  # nobody knows who was called
    }


def _called(conversation: str, webhook: str) -> dict[str, object]:
    values = {"effect": "webhook", "target": webhook, "conversation_id": conversation, "body": {}, "state": "sent"}
    return {**values, "id": conversation, "at": NOW, "created_at": NOW}

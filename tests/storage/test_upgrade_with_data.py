"""An upgrade from the schemas of the releases before, with rows in every table: all there, and readable."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import JSON as Json
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    insert,
    select,
)

from conversation.model.conversation import State
from ops.configuration.settings import Settings, load
from ops.rule_analysis.explaining import explain_conversation
from storage.migration import head_revision, upgrade
from storage.schema.types import to_micros
from storage.signals import open_signals
from storage.store import Store, open_storage
from tests.fakes import FakeClock
from tests.storage.makers import NOW
from tests.storage.test_migrations import OLD_DECISION, OLD_FACTS, _made_by, empty_url

__all__ = ["empty_url"]
STATES = ("waiting", "offered", "assigned", "snoozed", "closed")  # one row each
NUMBERS = range(1, len(STATES) + 1)
OURS = {"alembic_version", "schema_compatibility"}  # what an upgrade is there to change
# since 0005 priorities are numbers
FACTS = OLD_FACTS.replace('"high"', "2").replace(
    '"attributes":{}', '"attributes":{"script":"Hant","automation":"ended"}'
)
DECISION = OLD_DECISION.replace('"urgent"', "3").replace('"revision":"r1"', '"revision":"id-1"')
Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def settings() -> Settings:
    return load(Path("config.example.toml"), {}, make_secrets=False)


def _chosen(settings: Settings, number: int) -> Mapping[tuple[str, str], Any]:
    """What a value by its column's type would not be: names of an enum, references, and documents that are read."""
    state = STATES[number - 1]
    return {
        ("agents", "role"): "lead",
        ("agent_presence", "presence"): "online",
        ("conversations", "state"): state,
        ("conversations", "kind"): "chat",
        ("conversations", "owner_id"): f"id-{number}" if state in ("assigned", "snoozed") else None,
        ("conversations", "offered_to"): f"id-{number}" if state == "offered" else None,
        ("conversations", "priority"): 1,
        ("conversations", "attributes"): {"script": "Hant", "choices": ["fees"], "own": number},
        ("decisions", "facts"): FACTS,
        ("decisions", "decision"): DECISION,
        ("messages", "direction"): "in",
        ("messages", "author_kind"): "customer",
        ("messages", "status"): "received",
        ("messages", "attachments"): None,
        ("messages", "marks"): {"edited_at": to_micros(NOW)},
        ("models", "active"): number == 1,
        ("outbox", "state"): "sent",
        ("rulebooks", "active"): number == 1,
        ("rulebooks", "source"): settings.source,
    }


def _by_type(column: Column[Any], number: int) -> Any:
    """Ids lead to rows of the same number. Whole numbers of 64 bits are instants."""
    if column.name == "id" or column.name.endswith("_id"):
        return f"id-{number}"
    kinds: tuple[tuple[type, Any], ...] = (
        (Boolean, number % 2 == 0),
        (BigInteger, to_micros(NOW) + number),
        (Integer, number),
        (Float, number / 8),
        (LargeBinary, bytes([0, number, 255])),
        (Json, [f"{column.name}-{number}", "充值"]),
    )
    return next((value for kind, value in kinds if isinstance(column.type, kind)), f"{column.name}-{number}")


def _tables(connection: Connection) -> list[Table]:
    found = MetaData()
    found.reflect(connection)
    return [table for table in found.sorted_tables if table.name not in OURS]


def _fill(connection: Connection, revision: str, settings: Settings) -> Rows:
    """Rows in every table of that schema; what is in it then."""
    _made_by(connection, revision)
    for table in _tables(connection):
        for number in NUMBERS:
            chosen = _chosen(settings, number)
            row = {
                column.name: chosen.get((table.name, column.name), _by_type(column, number)) for column in table.columns
            }
            connection.execute(insert(table).values(row))
    return _rows(connection, {table.name: list(table.columns.keys()) for table in _tables(connection)})


def _rows(connection: Connection, wanted: Mapping[str, list[str]]) -> Rows:
    """By the columns that there were."""
    return {
        table.name: [
            dict(row)
            for row in connection.execute(
                select(*(table.c[name] for name in wanted[table.name])).order_by(*table.primary_key.columns)
            ).mappings()
        ]
        for table in _tables(connection)
        if table.name in wanted
    }


@pytest.mark.parametrize("revision", ["0009", "0010"])
async def test_everything_of_a_release_before_is_there_after_the_upgrade(
    revision: str, empty_url: str, clock: FakeClock, settings: Settings
) -> None:
    async with _opened(empty_url, clock) as store:
        async with store.begin("the release before") as work:
            before = await work._run(lambda c: _fill(c, revision, settings))
        assert {name for name, rows in before.items() if len(rows) < len(NUMBERS)} == set()
        columns = {name: list(rows[0]) for name, rows in before.items()}
        await upgrade(empty_url)
        assert (await store.schema()).revision == head_revision()
        async with store.begin("look") as work:
            assert await work._run(lambda c: _rows(c, columns)) == before
        await _is_read(store, settings)


def _opened(url: str, clock: FakeClock) -> Store:
    return open_storage(url, clock=clock, signals=open_signals("local", database=url, clock=clock))


async def _is_read(store: Store, settings: Settings) -> None:
    """By this release: conversations in every state, with what routing kept, and the decision about one explained."""
    async with store.read("look") as work:
        found = [await work.conversations.get(f"id-{number}") for number in NUMBERS]
        explained, text = await explain_conversation(work, "id-1", settings)
    assert [one.state for one in found] == [State(name) for name in STATES]
    assert {(one.routing.script, one.routing.offered_choices) for one in found} == {("Hant", ("fees",))}
    assert [one.attributes for one in found] == [{"own": number} for number in NUMBERS]
    assert (explained["queue"], explained["priority"], explained["language"], text) == (
        "payments",
        "urgent",
        "zh",
        "text-1",
    )

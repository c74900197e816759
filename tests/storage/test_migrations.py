"""Migrations from nothing, on both databases."""

import asyncio
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, insert, select, text

import migrations
from conversation.model.conversation import Priority
from storage.migration import head_revision, upgrade
from storage.schema import metadata
from storage.schema.conversations import relabels
from storage.signals import open_signals
from storage.store import open_storage
from tests.fakes import FakeClock
from tests.storage.makers import NOW


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'new.db'}"
    return str(request.getfixturevalue("postgres").create())


def _difference(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": False})
    return list(compare_metadata(context, metadata))


async def test_the_migrations_make_the_tables(empty_url: str) -> None:
    await upgrade(empty_url)
    clock = FakeClock()
    signals = open_signals("local", database=empty_url, clock=clock)
    async with open_storage(empty_url, clock=clock, signals=signals) as store, store.begin("compare") as work:
        assert await work._run(_difference) == []
        assert await work.events.head() == 0


async def test_a_second_upgrade_changes_nothing_and_two_at_once_do_not_collide(empty_url: str) -> None:
    await asyncio.gather(upgrade(empty_url), upgrade(empty_url))
    await upgrade(empty_url)
    clock = FakeClock()
    signals = open_signals("local", database=empty_url, clock=clock)
    async with open_storage(empty_url, clock=clock, signals=signals) as store:
        assert (await store.schema()).revision == head_revision()


async def test_an_empty_database_stands_at_no_revision(empty_url: str) -> None:
    clock = FakeClock()
    signals = open_signals("local", database=empty_url, clock=clock)
    async with open_storage(empty_url, clock=clock, signals=signals) as store:
        assert (await store.schema()).revision is None


def _made_by(connection: Connection, revision: str) -> None:
    """A database as an earlier release left it, with something in it."""
    configuration = Config()
    configuration.set_main_option("script_location", str(Path(migrations.__file__ or "").parent))
    configuration.set_main_option("path_separator", "os")
    configuration.attributes["connection"] = connection
    command.upgrade(configuration, revision)
    connection.execute(insert(relabels).values(id="r1", conversation_id="c1", agent_id="a1", issue="fees", at=NOW))
    connection.execute(text("UPDATE counters SET value = 42 WHERE name = 'feed'"))


async def test_a_database_of_the_first_schema_is_brought_up_with_what_is_in_it(empty_url: str) -> None:
    clock = FakeClock()
    signals = open_signals("local", database=empty_url, clock=clock)
    async with open_storage(empty_url, clock=clock, signals=signals) as store:
        async with store.begin("an earlier release") as work:
            await work._run(lambda c: _made_by(c, "0001"))
        assert (await store.schema()).revision == "0001"
        await upgrade(empty_url)
        assert (await store.schema()).revision == head_revision()
        async with store.begin("look") as work:
            assert await work._run(_difference) == []
            assert await work.events.head() == 42
            assert await work._run(lambda c: c.execute(select(relabels.c.issue, relabels.c.at)).one()) == ("fees", NOW)
            assert await work.models.active() is None


def test_the_numbers_of_the_migrations_and_alembic_name_the_same_newest() -> None:
    configuration = Config()
    configuration.set_main_option("script_location", str(Path(migrations.__file__ or "").parent))
    configuration.set_main_option("path_separator", "os")

    assert ScriptDirectory.from_config(configuration).get_current_head() == head_revision()


OLD_FACTS = (
    '{"now":"2026-11-23T02:00:00+00:00","channel":"site","kind":"webchat","brand":null,"language":"zh",'
    '"language_confidence":0.9,"language_source":"detected","issue":"topup","issue_confidence":1.0,"issue_source":"words",'
    '"intents":[],"claims":true,"first_message":false,"verified":false,"machine":null,"customer":{"vip":true},'
    '"conversation":{},"matters":[{"id":"m","state":"waiting","queue":"general","issue":null,"language":"zh",'
    '"priority":"high","owned":false,"last_activity":"2026-11-23T01:00:00+00:00","closed_at":null,"owner_wrote_at":null,'
    '"said":[],"attributes":{}}],"token":null,"missing":["amount"],"on_duty":[["general","zh"]]}'
)
OLD_DECISION = (
    '{"joining":"joined","queue":"payments","priority":"urgent","revision":"r1","conversation":"m","linked":null,"moves":true,'
    '"language":"zh","language_confidence":0.9,"language_source":"detected","issue":"topup","issue_confidence":1.0,'
    '"issue_source":"words","open":true,"opens":null,"due":null,"replies":[],"labels":[],"ask":[],"callback":false,'
    '"webhooks":[],"page":null,"rules":[],"settled_by":{"queue":"issue"},"alert":false}'
)


def _with_a_decision(connection: Connection) -> None:
    _made_by(connection, "0004")
    json = "CAST(:{} AS jsonb)" if connection.dialect.name == "postgresql" else ":{}"
    statement = (
        "INSERT INTO decisions (id, conversation_id, message_id, revision, facts, decision, at)"
        f" VALUES ('d', 'm', 'x', 'r1', {json.format('facts')}, {json.format('decision')}, 5)"
    )
    connection.execute(text(statement), {"facts": OLD_FACTS, "decision": OLD_DECISION})


async def test_decisions_of_an_earlier_schema_are_read_as_they_were(empty_url: str) -> None:
    clock = FakeClock()
    signals = open_signals("local", database=empty_url, clock=clock)
    async with open_storage(empty_url, clock=clock, signals=signals) as store:
        async with store.begin("an earlier release") as work:
            await work._run(_with_a_decision)
        await upgrade(empty_url)
        async with store.read("look") as work:
            stored = await work.decisions.latest("m")
    assert stored is not None
    assert (stored.decision.priority, stored.decision.settled_by) == (Priority.URGENT, {"queue": "issue"})
    (existing,) = stored.facts.matters
    assert (existing.priority, stored.facts.on_duty) == (Priority.HIGH, frozenset({("general", "zh")}))
    assert stored.facts.customer == {"vip": True}

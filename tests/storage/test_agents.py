"""Agents on both databases: people, load rows, presence as a lease, tokens, duty."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, event, text

from conversation.errors import Conflict, NotFound
from conversation.model.conversation import take
from conversation.model.people import DEFAULT_CAPACITY, Agent, Presence, Role, WorkKind
from conversation.ports.storage.agents import OnDuty, QueueNeeds
from storage.agents.agent_cache import LONGEST
from storage.signals import open_signals
from storage.store import Store, open_storage
from tests.fakes import FakeClock
from tests.storage.makers import NOW, conversation, execute, hire, put

MINUTE = timedelta(minutes=1)


async def token(store: Store, agent: Agent, digest: str, kind: str, until: datetime | None = None) -> None:
    async with store.begin("test") as work:
        await work.agents.add_token(agent.id, digest=digest, kind=kind, prefix="hg_abc", until=until)


async def presence(store: Store, agent: Agent, state: Presence, now: datetime) -> bool:
    async with store.begin("test") as work:
        return await work.agents.set_presence(agent.id, state, until=now + MINUTE, now=now)


async def on_duty(store: Store, now: datetime) -> list[OnDuty]:
    async with store.read("test") as work:
        return await work.agents.on_duty(now)


async def test_an_agent_is_read_back_with_everything(store: Store) -> None:
    anna = await hire(
        store,
        role=Role.LEAD,
        languages={"en": 3, "zh": 5},
        skills={"payments": 4},
        queues=("vip", "general"),
        capacity={WorkKind.CHAT: 1},
    )
    async with store.read("test") as work:
        read = await work.agents.get(anna.id)
        assert read.capacity == {**DEFAULT_CAPACITY, WorkKind.CHAT: 1}
        assert set(read.queues) == {"vip", "general"}
        assert replace(read, capacity={}, queues=()) == replace(anna, email=anna.email.lower(), capacity={}, queues=())
        assert await work.agents.by_email(f" {anna.email.upper()} ") == (read, None)
        assert await work.agents.by_email("nobody@example.com") is None
        with pytest.raises(NotFound):
            await work.agents.get("nobody")


async def test_agents_are_listed_by_name(store: Store) -> None:
    for name in ("Bert", "Anna", "Carl"):
        await hire(store, name)
    async with store.read("test") as work:
        assert [agent.name for agent in await work.agents.all()] == ["Anna", "Bert", "Carl"]


async def test_an_address_belongs_to_one_agent(store: Store) -> None:
    anna, bert = await hire(store, email="a@example.com"), await hire(store, "Bert")
    for write in ("add", "update"):
        with pytest.raises(Conflict) as refusal:
            async with store.begin("test") as work:
                if write == "add":
                    await work.agents.add(replace(bert, id="new", email="A@Example.com"), password_hash=None)
                else:
                    await work.agents.update(replace(bert, email="A@example.com"))
        assert refusal.value.code == "email_taken"
    async with store.begin("test") as work:
        await work.agents.update(replace(anna, name="Anne"))
        assert (await work.agents.get(anna.id)).name == "Anne"
        with pytest.raises(NotFound):
            await work.agents.update(replace(anna, id="nobody", email="other@example.com"))


async def test_an_update_keeps_what_is_held_and_what_it_does_not_name(store: Store) -> None:
    anna = await hire(store, capacity={WorkKind.CHAT: 2, WorkKind.EMAIL: 4}, skills={"a": 1})
    one = conversation()
    await put(store, one)
    async with store.begin("test") as work:
        await work.conversations.move(one, take(one, anna.id, NOW))
        await work.agents.update(
            replace(anna, capacity={WorkKind.CHAT: 0}, skills={"b": 2}, languages={"de": 1}), password_hash="secret"
        )
        loads = await work.agents.loads()
        read, secret = await work.agents.by_email(anna.email) or (None, None)
    assert loads[anna.id, WorkKind.CHAT] == (1, 0)
    assert loads[anna.id, WorkKind.EMAIL] == (0, 4)
    assert len(loads) == len(WorkKind)
    assert read is not None
    assert (read.skills, read.languages, secret) == ({"b": 2}, {"de": 1}, "secret")
    async with store.begin("test") as work:
        await work.agents.update(read)
        assert (await work.agents.by_email(anna.email) or (None, None))[1] == "secret"


async def test_disabling_ends_tokens_and_presence(store: Store) -> None:
    anna = await hire(store)
    await token(store, anna, "d1", "bearer")
    async with store.begin("test") as work:
        await work.agents.update(replace(anna, disabled=True))
        assert await work.agents.by_token("d1", kinds=("bearer",), now=NOW) is None
        assert await work.agents.on_duty(NOW) == []
        assert (await work.agents.by_email(anna.email) or (anna, None))[0].disabled
        await work.agents.update(replace(anna, disabled=False))
        assert await work.agents.by_token("d1", kinds=("bearer",), now=NOW) is None


async def test_presence_is_a_lease(store: Store) -> None:
    anna = await hire(store, online=False)
    assert await on_duty(store, NOW) == []
    assert await presence(store, anna, Presence.ONLINE, NOW)
    assert not await presence(store, anna, Presence.ONLINE, NOW + MINUTE / 2)
    renewed = OnDuty(agent=anna.id, presence=Presence.ONLINE, until=NOW + MINUTE * 1.5, since=NOW)
    assert await on_duty(store, NOW + MINUTE) == [renewed]
    assert await on_duty(store, NOW + MINUTE * 1.5) == []
    assert await presence(store, anna, Presence.AWAY, NOW + MINUTE)
    assert [duty.presence for duty in await on_duty(store, NOW + MINUTE)] == [Presence.AWAY]


async def test_coming_back_after_the_lease_ran_out_is_a_change(store: Store) -> None:
    anna = await hire(store, online=False)
    assert await presence(store, anna, Presence.ONLINE, NOW)
    back = NOW + MINUTE * 5
    assert await presence(store, anna, Presence.ONLINE, back)
    assert [duty.since for duty in await on_duty(store, back)] == [back]


async def test_going_offline_twice_does_not_put_the_grace_time_off(store: Store) -> None:
    anna = await hire(store, online=False)
    assert not await presence(store, anna, Presence.OFFLINE, NOW - MINUTE)
    assert await presence(store, anna, Presence.ONLINE, NOW)
    assert await presence(store, anna, Presence.OFFLINE, NOW + MINUTE / 2)
    assert not await presence(store, anna, Presence.OFFLINE, NOW + MINUTE * 3)
    assert await on_duty(store, NOW + MINUTE / 2) == []
    one = conversation()
    await put(store, one)
    async with store.begin("test") as work:
        await work.conversations.move(one, take(one, anna.id, NOW))
        assert await work.distribution.abandoned(NOW + MINUTE / 2, 10) == []
        assert len(await work.distribution.abandoned(NOW + MINUTE, 10)) == 1


async def test_a_token_lives_until_its_time_for_its_kinds(store: Store) -> None:
    anna = await hire(store)
    await token(store, anna, "bearer", "bearer")
    await token(store, anna, "session", "session", until=NOW + MINUTE)
    async with store.begin("test") as work:
        kinds = ("bearer", "session")
        found = await work.agents.by_token("session", kinds=kinds, now=NOW)
        assert found is not None
        assert (found[0].id, found[1]) == (anna.id, "session")
        assert await work.agents.by_token("session", kinds=kinds, now=NOW + MINUTE) is None
        assert await work.agents.by_token("session", kinds=("bearer",), now=NOW) is None
        assert await work.agents.by_token("nothing", kinds=kinds, now=NOW) is None
        assert await work.agents.by_token("bearer", kinds=kinds, now=NOW + timedelta(days=5000)) is not None
        await work.agents.end_token("bearer")
        assert await work.agents.by_token("bearer", kinds=kinds, now=NOW) is None


async def test_a_login_token_is_used_once(store: Store) -> None:
    anna = await hire(store)
    await token(store, anna, "login", "login", until=NOW + MINUTE)
    await token(store, anna, "late", "login", until=NOW)
    await token(store, anna, "bearer", "bearer")
    async with store.begin("test") as work:
        assert await work.agents.use_token("late", now=NOW) is None
        assert await work.agents.use_token("bearer", now=NOW) is None
        used = await work.agents.use_token("login", now=NOW)
        assert used is not None
        assert used.id == anna.id
        assert await work.agents.use_token("login", now=NOW) is None
        assert await work.agents.by_token("login", kinds=("login",), now=NOW) is None


async def test_duty_names_who_is_served_now(store: Store) -> None:
    await hire(store, "Li", languages={"zh-Hant": 5, "en": 2}, skills={"payments": 3})
    await hire(store, "Vera", languages={"fr": 5}, queues=("vip",), skills={"payments": 3})
    await hire(store, "Gone", languages={"de": 5}, skills={"payments": 3}, online=False)
    away = await hire(store, "Away", languages={"de": 5}, skills={"payments": 3})
    await presence(store, away, Presence.AWAY, NOW)
    queues = [
        QueueNeeds(queue="payments", skills=("payments",)),
        QueueNeeds(queue="vip", skills=("nobody",)),
        QueueNeeds(queue="any", languages=()),
        QueueNeeds(queue="english", languages=("en",)),
        QueueNeeds(queue="german", languages=("de",)),
        QueueNeeds(queue="both", skills=("payments", "safety")),
    ]
    async with store.read("test") as work:
        duty = await work.agents.duty(queues, NOW)
        assert await work.agents.duty(queues, NOW + timedelta(days=1)) == frozenset()
    assert duty == {
        ("payments", "zh"),
        ("payments", "en"),
        ("vip", "fr"),
        ("any", "zh"),
        ("any", "en"),
        ("any", "*"),
        ("english", "zh"),
        ("english", "en"),
        ("english", "*"),
    }


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """Whatever is asked of any database from here on."""
    seen: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_more: object) -> None:
        seen.append(" ".join(statement.split()))

    event.listen(Engine, "before_cursor_execute", note)
    yield seen
    event.remove(Engine, "before_cursor_execute", note)


async def everybody(store: Store) -> list[str]:
    async with store.read("test") as work:
        return [agent.name for agent in await work.agents.all()]


@asynccontextmanager
async def another_node(url: str) -> AsyncIterator[Store]:
    clock = FakeClock()
    async with open_storage(url, clock=clock, signals=open_signals("local", database=url, clock=clock)) as store:
        yield store


async def test_everybody_is_read_again_only_after_a_change(store: Store, statements: list[str]) -> None:
    await hire(store, "Anna")
    assert await everybody(store) == ["Anna"]
    statements.clear()
    assert await everybody(store) == ["Anna"]
    assert [one for one in statements if "agent" in one and "FROM counters" not in one] == []
    await hire(store, "Bert")
    assert await everybody(store) == ["Anna", "Bert"]


async def test_what_another_node_changes_is_seen_at_once(store: Store, database_url: str) -> None:
    anna = await hire(store, "Anna", capacity={WorkKind.CHAT: 1})
    assert await everybody(store) == ["Anna"]
    async with another_node(database_url) as elsewhere:
        assert await everybody(elsewhere) == ["Anna"]
        async with elsewhere.begin("test") as work:
            await work.agents.update(replace(anna, name="Anne", capacity={WorkKind.CHAT: 7}))
        assert await everybody(store) == ["Anne"]
        async with store.read("test") as work:
            assert (await work.agents.all())[0].capacity[WorkKind.CHAT] == 7
        await hire(store, "Bert")
        assert await everybody(elsewhere) == ["Anne", "Bert"]


async def test_a_change_that_is_rolled_back_is_seen_inside_it_only(store: Store) -> None:
    anna = await hire(store, "Anna")
    assert await everybody(store) == ["Anna"]

    async def change() -> None:
        async with store.begin("test") as work:
            await work.agents.update(replace(anna, name="Never"))
            assert [agent.name for agent in await work.agents.all()] == ["Never"]
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await change()
    assert await everybody(store) == ["Anna"]
    async with store.begin("test") as work:
        await work.agents.update(replace(anna, name="Anne"))
    assert await everybody(store) == ["Anne"]


async def test_what_an_older_release_changes_is_seen_a_little_later(store: Store, clock: FakeClock) -> None:
    await hire(store, "Anna")
    assert await everybody(store) == ["Anna"]
    await execute(store, text("UPDATE agents SET name = 'Anne'"))  # it counts no revision
    clock.advance(timedelta(seconds=LONGEST + 1))
    assert await everybody(store) == ["Anne"]


async def test_some_agents_are_found_by_id(store: Store, statements: list[str]) -> None:
    anna, bert = await hire(store, "Anna"), await hire(store, "Bert")
    async with store.read("test") as work:
        assert await work.agents.names([bert.id, "nobody"]) == {bert.id: "Bert"}
        found = await work.agents.find([anna.id, "nobody"])
        assert found == {anna.id: await work.agents.get(anna.id)}
        statements.clear()
        assert (await work.agents.names([]), await work.agents.find([])) == ({}, {})
    assert [one for one in statements if "agent" in one] == []


async def test_many_change_agents_at_once_and_every_change_counts(store: Store) -> None:
    people = [await hire(store, f"Agent {n}") for n in range(6)]
    async with store.read("test") as work:
        before = await work.agents.revision()

    async def rename(agent: Agent) -> None:
        async with store.begin("test") as work:
            await work.agents.update(replace(agent, name=agent.name.upper()))

    await asyncio.gather(*map(rename, people))
    async with store.read("test") as work:
        assert await work.agents.revision() == before + len(people)
    assert await everybody(store) == [f"AGENT {n}" for n in range(6)]

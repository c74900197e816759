"""The events socket: nothing missed, nothing twice, nothing that is not one's own, and nobody waits for the slowest."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Union

import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType, WSServerHandshakeError
from pydantic import TypeAdapter
from sqlalchemy import Engine, event

from conversation.errors import StoreUnavailable
from conversation.model.conversation import Conversation
from conversation.model.events import EventType, Hint, NewEvent, Topic
from conversation.model.people import Agent, Presence, Role
from desk.live.frames import EventFrame
from desk.live.socket import LIVE, Client, Live
from desk.representation.frames import FRAMES
from storage.agents.agents import Agents
from storage.signals import open_signals
from storage.store import open_storage
from tests.desk.conftest import House, until

FRAME: TypeAdapter[object] = TypeAdapter(Union[FRAMES])  # type: ignore[arg-type]  # noqa: UP007


async def connect(house: House, agent: Agent, cursor: int | None = None, **headers: str) -> ClientWebSocketResponse:
    url = "/api/v1/events" + ("" if cursor is None else f"?cursor={cursor}")
    return await house.client.ws_connect(url, headers={**house.key(agent), **headers})


async def heard(socket: ClientWebSocketResponse, seconds: float = 60.0) -> Any:
    message = await socket.receive(seconds)
    assert message.type is WSMsgType.TEXT, message
    FRAME.validate_json(message.data)  # as AsyncAPI promises, and nothing more
    return json.loads(message.data)


async def tell(house: House, *conversations: Conversation, **values: Any) -> None:
    now = house.clock.now()
    events = [NewEvent(type=EventType.UPDATED, conversation=one.id, queue=one.queue, **values) for one in conversations]
    async with house.store.begin("test") as work:
        await work.events.add(events, now=now)


async def silent(house: House, agent: Agent, socket: ClientWebSocketResponse) -> None:
    """What was sent up to now is none of their business: the next thing they hear is a word of their own."""
    async with house.store.begin("test") as work:
        await work.events.add([NewEvent(type=EventType.PRESENCE, agent=agent.id)], now=house.clock.now())
    assert (await heard(socket))["type"] == "presence.changed"


async def test_an_event_comes_at_once_with_the_conversation_and_the_message(house: House) -> None:
    agent = await house.hire("Agent", skills={"payments": 1})
    made = await house.talk()
    socket = await connect(house, agent)
    await until(lambda: house.client.app[LIVE]._clients)
    body = {"id": "1", "text": "您好"}
    status, said = await house.ask(agent, "POST", f"/api/v1/conversations/{made.id}/messages", body)
    assert status == 201
    first, second = await heard(socket), await heard(socket)
    assert [first["type"], second["type"]] == ["conversation.assigned", "message.sent"]
    assert second["cursor"] == first["cursor"] + 1
    assert second["message"] == said
    assert second["snapshot"]["assignee"]["id"] == agent.id
    assert second["visible"] is True
    assert "unread" not in second["snapshot"]


async def test_from_each_cursor_nothing_is_missed_and_nothing_comes_twice(house: House) -> None:
    agent = await house.hire("Agent", skills={"payments": 1})
    made = await house.talk()
    async with house.store.read("test") as work:
        start = await work.events.head()
    total = 60

    async def write() -> None:
        for _ in range(total):
            await tell(house, made)

    async def read(cursor: int) -> list[int]:
        socket = await connect(house, agent, cursor)
        found: list[int] = []
        while not found or found[-1] < start + total:
            found.append((await heard(socket))["cursor"])
        await socket.close()
        return found

    async with asyncio.TaskGroup() as group:
        group.create_task(write())
        readers = [group.create_task(read(start)) for _ in range(5)]
    for reader in readers:
        assert reader.result() == list(range(start + 1, start + total + 1))
    for cursor in range(start, start + total, 7):
        assert await read(cursor) == list(range(cursor + 1, start + total + 1))


async def test_a_client_that_comes_and_goes_while_others_write_misses_nothing(house: House) -> None:
    agent = await house.hire("Agent", skills={"payments": 1})
    made, total = await house.talk(), 80
    async with house.store.read("test") as work:
        start = await work.events.head()
    found: list[int] = []

    async def write() -> None:
        for _ in range(total // 4):
            await tell(house, *[made] * 4)

    async def read() -> None:
        while (found[-1] if found else start) < start + total:
            socket = await connect(house, agent, found[-1] if found else start)
            for _ in range(3):
                if not found or found[-1] < start + total:
                    found.append((await heard(socket))["cursor"])
            await socket.close()

    await asyncio.gather(write(), read())
    assert found == list(range(start + 1, start + total + 1))


async def test_what_is_committed_once_the_socket_is_open_is_told(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    agent = await house.hire("Agent", skills={"payments": 1})
    made, busy = await house.talk(), asyncio.Event()
    live: Live = house.client.app[LIVE]
    join = live.join

    async def late(client: Client, cursor: int) -> bool:
        await busy.wait()
        return await join(client, cursor)

    monkeypatch.setattr(live, "join", late)
    socket = await connect(house, agent)  # open for its client, who now fetches what there is
    await tell(house, made)
    busy.set()
    assert (await heard(socket))["conversation"] == made.id


async def test_nobody_hears_of_what_they_may_not_see(house: House) -> None:
    other, lead = await house.hire("Other", skills={"safety": 1}), await house.hire("Lead", role=Role.LEAD)
    made = await house.talk("payments")
    sockets = [await connect(house, agent) for agent in (other, lead)]
    await until(lambda: len(house.client.app[LIVE]._clients) == 2)
    await tell(house, made)
    assert (await heard(sockets[1]))["conversation"] == made.id
    await silent(house, other, sockets[0])


async def test_what_leaves_ones_view_is_told_without_its_content(house: House) -> None:
    agent = await house.hire("Agent", skills={"payments": 1})
    receiver = await house.hire("Receiver", skills={"safety": 1})
    made = await house.talk("payments")
    sockets = [await connect(house, one) for one in (agent, receiver)]
    await until(lambda: len(house.client.app[LIVE]._clients) == 2)
    await house.ask(agent, "POST", f"/api/v1/conversations/{made.id}/transfer", {"queue": "safety"})
    gone, come = [await heard(socket) for socket in sockets]
    assert (gone["type"], gone["visible"], gone["conversation"]) == ("conversation.updated", False, made.id)
    assert "snapshot" not in gone
    assert come["snapshot"]["queue"] == "safety"


async def test_whoever_loses_work_they_only_owned_is_told_too(house: House) -> None:
    owner, lead = await house.hire("Owner", skills={"safety": 1}), await house.hire("Lead", role=Role.LEAD)
    made = await house.talk("payments")
    url = f"/api/v1/conversations/{made.id}"
    await house.ask(lead, "POST", f"{url}/transfer", {"agent": owner.id})
    socket = await connect(house, owner)
    await until(lambda: house.client.app[LIVE]._clients)
    await house.ask(lead, "POST", f"{url}/release")
    gone = await heard(socket)
    assert (gone["visible"], gone["conversation"]) == (False, made.id)


@pytest.mark.parametrize("cursor", [10_000, 2**62])
async def test_a_cursor_from_elsewhere_must_fetch_again(house: House, cursor: int) -> None:
    agent = await house.hire("Agent")
    socket = await connect(house, agent, cursor)
    message = await socket.receive(30)
    assert (message.type, socket.close_code) == (WSMsgType.CLOSE, 4410)


@pytest.mark.parametrize("cursor", ["x", "-1", "1.5"])
async def test_nonsense_for_a_cursor_is_a_fault(house: House, cursor: str) -> None:
    agent = await house.hire("Agent")
    status, problem = await house.ask(agent, "GET", f"/api/v1/events?cursor={cursor}")
    assert (status, problem["errors"][0]["field"]) == (422, "cursor")


async def test_strangers_and_other_sites_stay_outside(house: House) -> None:
    agent = await house.hire("Agent")
    with pytest.raises(WSServerHandshakeError) as nobody:
        await house.client.ws_connect("/api/v1/events")
    assert nobody.value.status == 401
    status, problem = await house.ask(agent, "GET", "/api/v1/events")
    assert (status, problem["code"]) == (426, "websocket_only")


async def test_a_slow_client_is_let_go_and_the_others_do_not_wait(house: House) -> None:
    agent, quick = [await house.hire(name, skills={"payments": 1}) for name in ("Slow", "Quick")]
    made = await house.talk()
    slow, reader = await connect(house, agent), await connect(house, quick)
    live = house.client.app[LIVE]
    await until(lambda: len(live._clients) == 2)
    stalled = next(client for client in live._clients if client.agent.id == agent.id)
    release = asyncio.Event()

    async def stall(_data: str) -> None:
        await release.wait()

    stalled.socket.send_str = stall
    for _ in range(15):
        await tell(house, *[made] * 20)
        for _ in range(20):
            await heard(reader)
    await until(lambda: stalled not in live._clients)
    assert house.counted["live.dropped"] == 1
    release.set()
    while (message := await slow.receive(30)).type is WSMsgType.TEXT:
        pass
    assert message.data == 4408


async def test_typing_is_told_to_whoever_looks_but_not_to_the_typist(house: House) -> None:
    agent, other = [await house.hire(name, skills={"payments": 1}) for name in ("A", "B")]
    stranger = await house.hire("C", skills={"safety": 1})
    made = await house.talk()
    sockets = {one.id: await connect(house, one) for one in (agent, other, stranger)}
    await until(lambda: len(house.client.app[LIVE]._clients) == 3)
    assert (await house.ask(agent, "POST", f"/api/v1/conversations/{made.id}/typing"))[0] == 204
    typing = await heard(sockets[other.id])
    assert (typing["type"], typing["conversation"], typing["agent"]["id"]) == ("typing", made.id, agent.id)
    for one in (agent, stranger):
        await silent(house, one, sockets[one.id])


async def test_a_lost_hint_is_healed_by_looking(house: House) -> None:
    agent = await house.hire("Agent", skills={"payments": 1})
    made = await house.talk()
    socket = await connect(house, agent)
    await until(lambda: house.client.app[LIVE]._clients)
    house.services.signals.publish = lambda *_hints: None  # type: ignore[method-assign]
    await tell(house, made)
    assert (await heard(socket))["conversation"] == made.id


async def test_an_open_socket_keeps_presence_alive_and_a_closed_one_does_not(house: House) -> None:
    agent = await house.hire("Agent", online=False)
    await house.ask(agent, "PUT", "/api/v1/me/presence", {"state": "away"})
    socket = await connect(house, agent)
    live: Live = house.client.app[LIVE]
    await until(lambda: live._clients)
    for _ in range(4):
        house.clock.advance(timedelta(seconds=20))
        await live._renew()
    assert (await house.ask(agent, "GET", "/api/v1/me"))[1]["presence"] == Presence.AWAY
    await socket.close()
    await until(lambda: not live._clients)
    house.clock.advance(timedelta(seconds=61))
    await live._renew()
    assert (await house.ask(agent, "GET", "/api/v1/me"))[1]["presence"] == Presence.OFFLINE


@pytest.mark.slow
async def test_a_socket_ends_soon_after_its_agent_is_disabled(house: House) -> None:
    agent, admin = await house.hire("Agent"), await house.hire("Admin", role=Role.ADMIN)
    socket = await connect(house, agent)
    await until(lambda: house.client.app[LIVE]._clients)
    await house.ask(admin, "PATCH", f"/api/v1/agents/{agent.id}", {"disabled": True})
    assert (await heard(socket))["data"] == {"presence": "offline"}  # which everybody is told
    message = await socket.receive(30)
    assert (message.type, message.data) == (WSMsgType.CLOSE, 4401)


async def test_a_changed_role_counts_on_an_open_socket(house: House) -> None:
    agent, admin = await house.hire("Agent", skills={"payments": 1}), await house.hire("Admin", role=Role.ADMIN)
    made = await house.talk("payments")
    socket = await connect(house, agent)
    live: Live = house.client.app[LIVE]
    await until(lambda: live._clients)
    await house.ask(admin, "PATCH", f"/api/v1/agents/{agent.id}", {"skills": {}})
    await live._guard()
    await tell(house, made)
    await silent(house, agent, socket)


async def test_one_bad_moment_of_the_store_does_not_end_the_feed(house: House) -> None:
    agent = await house.hire("Agent", skills={"payments": 1})
    made = await house.talk()
    socket = await connect(house, agent)
    live: Live = house.client.app[LIVE]
    await until(lambda: live._clients)
    read, failed = live._after, asyncio.Event()

    async def broken(cursor: int) -> list[EventFrame]:
        failed.set()
        raise RuntimeError("once")

    live._after = broken  # type: ignore[method-assign]
    await tell(house, made)
    await asyncio.wait_for(failed.wait(), 60)
    live._after = read  # type: ignore[method-assign]
    house.services.signals.publish(Hint(topic=Topic.FEED))
    assert (await heard(socket))["conversation"] == made.id


async def test_a_client_that_never_reads_costs_a_bounded_buffer(house: House) -> None:
    agent = await house.hire("Agent", skills={"payments": 1})
    made = await house.talk(attributes={"note": "x" * 20_000})
    url = house.client.make_url("/api/v1/events")
    reader, writer = await asyncio.open_connection(url.host, url.port, limit=1024)
    lines = (
        f"GET {url.path} HTTP/1.1",
        f"Host: {url.host}:{url.port}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        f"Authorization: {house.key(agent)['Authorization']}",
    )
    writer.write("\r\n".join((*lines, "", "")).encode())
    live: Live = house.client.app[LIVE]
    await until(lambda: live._clients)
    client = next(iter(live._clients))
    reader._transport.pause_reading()  # type: ignore[attr-defined]
    most = 0
    for _ in range(40):
        await tell(house, *[made] * 20)
        most = max(most, client.writer._characters)
        if client not in live._clients:
            break
    await until(lambda: client not in live._clients)
    assert most <= 1_000_000
    writer.close()


async def test_a_line_that_grows_or_shrinks_is_told_to_those_who_look_after_it(house: House) -> None:
    agent, other = await house.hire("A", skills={"payments": 1}), await house.hire("B", skills={"safety": 1})
    made = await house.talk()
    sockets = {one.id: await connect(house, one) for one in (agent, other)}
    await until(lambda: len(house.client.app[LIVE]._clients) == 2)
    assert (await house.ask(agent, "POST", f"/api/v1/conversations/{made.id}/take"))[0] == 200
    assert (await heard(sockets[agent.id]))["type"] == "conversation.assigned"
    shorter = await heard(sockets[agent.id])
    assert (shorter["type"], shorter["queue"], shorter["data"]["waiting"]) == ("queue.changed", "payments", 0)
    assert "cursor" not in shorter
    assert (await house.ask(agent, "POST", f"/api/v1/conversations/{made.id}/release"))[0] == 200
    assert (await heard(sockets[agent.id]))["type"] == "conversation.released"
    longer = await heard(sockets[agent.id])
    assert (longer["data"]["waiting"], longer["data"]["oldest_waiting_since"] is not None) == (1, True)
    await silent(house, other, sockets[other.id])


@pytest.fixture
def read_all(house: House) -> Iterator[list[str]]:
    """Statements that read agents, or what belongs to them, without saying whose."""
    seen: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_more: object) -> None:
        if " FROM agent" in (plain := " ".join(statement.split())) and " WHERE " not in plain:
            seen.append(plain)

    event.listen(Engine, "before_cursor_execute", note)
    yield seen
    event.remove(Engine, "before_cursor_execute", note)


async def test_the_feed_and_the_look_at_who_listens_read_nobody_whom_they_need_not(
    house: House, read_all: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = await house.hire("Agent", skills={"payments": 1})
    made = await house.talk(said=3)
    socket = await connect(house, agent)
    live = house.client.app[LIVE]
    await until(lambda: live._clients)
    await tell(house, made, agent=agent.id)
    assert (await heard(socket))["agent"] == {"id": agent.id, "name": "Agent"}
    await live._guard()
    found: list[Sequence[str]] = []

    async def find(_agents: Agents, ids: Sequence[str]) -> dict[str, Agent]:
        found.append(ids)
        return {}

    monkeypatch.setattr(Agents, "find", find)
    await live._guard()  # nobody was changed since
    await tell(house, made)
    await heard(socket)
    assert found in ([], [[]])
    assert read_all == []


async def test_an_agent_whom_another_node_renamed_is_told_by_the_new_name(house: House, database_url: str) -> None:
    agent = await house.hire("Agent", skills={"payments": 1})
    made = await house.talk()
    socket = await connect(house, agent)
    await until(lambda: house.client.app[LIVE]._clients)
    await tell(house, made, agent=agent.id)
    assert (await heard(socket))["agent"]["name"] == "Agent"
    signals = open_signals("local", database=database_url, clock=house.clock)
    async with (
        open_storage(database_url, clock=house.clock, signals=signals) as elsewhere,
        elsewhere.begin("test") as work,
    ):
        await work.agents.update(replace(agent, name="Renamed", role=Role.LEAD))
    await house.client.app[LIVE]._guard()
    (client,) = house.client.app[LIVE]._clients
    assert (client.agent.name, client.agent.role) == ("Renamed", Role.LEAD)
    await tell(house, made, agent=agent.id)
    assert (await heard(socket))["agent"]["name"] == "Renamed"


async def test_what_agents_look_at_all_day_reads_nobody_whom_it_need_not(house: House, read_all: list[str]) -> None:
    agent = await house.hire("Agent", skills={"payments": 1})
    other = await house.hire("Other", skills={"payments": 1})
    made = await house.talk()
    said = await house.ask(agent, "POST", f"/api/v1/conversations/{made.id}/messages", {"id": "1", "text": "您好"})
    assert said[0] == 201
    mine = f"/api/v1/conversations/{made.id}"
    for path in (
        "/api/v1/conversations",
        mine,
        f"{mine}/messages",
        f"/api/v1/customers/{made.customer}",
        "/api/v1/queues",
    ):
        status, body = await house.ask(agent, "GET", path)
        assert status == 200, (path, body)
    _, shown = await house.ask(agent, "GET", f"{mine}/messages")
    assert shown["items"][-1]["author"]["name"] == "Agent"
    status, moved = await house.ask(agent, "POST", f"{mine}/transfer", {"agent": other.id})
    assert status == 200, moved
    status, refused = await house.ask(other, "POST", f"{mine}/transfer", {"agent": "nobody"})
    assert (status, refused["errors"][0]["field"]) == (422, "agent")
    assert read_all == []


async def test_a_store_that_goes_away_while_a_socket_catches_up_tells_it_to_come_back(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = await house.hire("Agent")

    async def gone(_live: Live, _client: Client, _cursor: int) -> bool:
        raise StoreUnavailable("gone")

    monkeypatch.setattr(Live, "join", gone)
    socket = await connect(house, agent)
    closed = await socket.receive(60)
    assert (closed.type, socket.close_code) == (WSMsgType.CLOSE, 1013)

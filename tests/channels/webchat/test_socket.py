"""The chat's socket over loopback: hello, replay, live, close codes, and clients that do not read."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, Union

import pytest
from aiohttp import ClientWebSocketResponse, WSCloseCode, WSMsgType, web
from aiohttp.test_utils import TestClient
from pydantic import TypeAdapter

from channels.webchat.frames import TO_VISITOR
from conversation.errors import Overloaded, StoreUnavailable
from conversation.model.events import Hint, Topic
from tests.channels.webchat.fake_ports import Cards, _Sessions, closed
from tests.channels.webchat.test_site import chat, session
from tests.contracts.channel import NOW
from tests.fakes import FakeClock

FRAME: TypeAdapter[object] = TypeAdapter(Union[TO_VISITOR])  # type: ignore[arg-type]  # noqa: UP007
Client = TestClient[web.Request, web.Application]
Socket = ClientWebSocketResponse[bool]


@pytest.fixture
def cards() -> Cards:
    return Cards(clock=FakeClock(NOW))


@pytest.fixture
async def client(cards: Cards) -> AsyncIterator[Client]:
    async with chat(cards) as client:
        yield client


async def hello(client: Client, bearer: dict[str, str], last_seq: int = 0, **headers: str) -> Socket:
    socket = await client.ws_connect("/chat/site/socket", headers=headers)
    token = bearer["Authorization"].removeprefix("Bearer ")
    await socket.send_json({"hello": {"token": token, "last_seq": last_seq}})
    return socket


async def frames_until(socket: Socket, kind: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    async with asyncio.timeout(60):
        while not found or kind not in found[-1]:
            frame = await socket.receive_json()
            FRAME.validate_python(frame)  # as AsyncAPI promises, and nothing more
            found.append(frame)
    return found


async def close_code(socket: Socket) -> int | None:
    async with asyncio.timeout(60):
        while (message := await socket.receive()).type is WSMsgType.TEXT:
            pass
    assert message.type in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.CLOSING, WSMsgType.ERROR)
    return socket.close_code


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)


async def test_what_was_missed_is_replayed_once_and_in_order_then_it_is_live(client: Client, cards: Cards) -> None:
    bearer, visitor = await session(client)
    for number in range(250):
        cards.agent_writes(visitor, f"{number}")
    socket = await hello(client, bearer, last_seq=20)
    frames = await frames_until(socket, "status")
    assert [frame["message"]["seq"] for frame in frames[:-1]] == list(range(21, 251))
    cards.agent_writes(visitor, "live")
    assert (await frames_until(socket, "message"))[-1]["message"]["seq"] == 251


async def test_a_frame_that_names_a_removed_file_gets_an_error_of_its_own(client: Client, cards: Cards) -> None:
    bearer, _ = await session(client)
    socket = await hello(client, bearer)
    await frames_until(socket, "status")
    await socket.send_json({"send": {"id": "one", "text": "see", "attachments": ["removed"]}})
    error = (await frames_until(socket, "error"))[-1]["error"]
    assert (error["code"], error["id"], cards.events) == ("attachment_gone", "one", [])


async def test_a_frame_sent_is_acknowledged_and_comes_back_as_message(client: Client, cards: Cards) -> None:
    bearer, visitor = await session(client, language="zh")
    socket = await hello(client, bearer)
    await frames_until(socket, "status")
    await socket.send_json({"send": {"id": "one", "text": "充值不成功"}})
    await socket.send_json({"send": {"id": "one", "text": "充值不成功"}})
    sent = [(await frames_until(socket, "sent"))[-1]["sent"] for _ in range(2)]
    assert sent == [{"id": "one", "seq": 1, "conversation": f"c-{visitor}"}] * 2
    assert [event.language for event in cards.events] == ["zh"]


async def test_both_sockets_of_one_visitor_hear_the_same(client: Client, cards: Cards) -> None:
    bearer, visitor = await session(client)
    sockets = [await hello(client, bearer) for _ in range(2)]
    for socket in sockets:
        await frames_until(socket, "status")
    cards.agent_writes(visitor, "to both")
    for socket in sockets:
        assert (await frames_until(socket, "message"))[-1]["message"]["text"] == "to both"


async def test_one_visitor_never_hears_anothers_messages(client: Client, cards: Cards) -> None:
    (mine, _), (_, other) = await session(client), await session(client)
    socket = await hello(client, mine)
    await frames_until(socket, "status")
    cards.agent_writes(other, "not for you")
    await socket.send_json({"send": {"id": "1", "text": "mine"}})
    assert "not for you" not in str(await frames_until(socket, "sent"))


async def test_the_status_is_told_at_hello_and_when_it_changes(client: Client, cards: Cards) -> None:
    bearer, _ = await session(client)
    socket = await hello(client, bearer)
    assert (await frames_until(socket, "status"))[-1]["status"] == {"open": True, "next_opening": None}
    cards.available = closed(cards.clock)
    cards.signals.publish(Hint(topic=Topic.RULES))
    status = (await frames_until(socket, "status"))[-1]["status"]
    assert status == {"open": False, "next_opening": "2026-11-23T03:30:00+00:00", "position": 3}


async def test_seen_and_typing_are_passed_on(client: Client, cards: Cards) -> None:
    bearer, visitor = await session(client)
    socket = await hello(client, bearer)
    await socket.send_json({"seen": {"seq": 4}})
    await socket.send_json({"typing": True})
    await eventually(lambda: cards.read_to == {visitor: 4} and cards.typed == [visitor])
    cards.signals.publish(Hint(topic=Topic.TYPING, keys=(visitor,), data={"from": "customer"}))
    for shown in ("Mei", None):  # None: there is only a login, which colleagues see
        data = {"from": "agent", "name": "mei@example.com", "public_name": shown}
        cards.signals.publish(Hint(topic=Topic.TYPING, keys=(visitor,), data=data))
        assert (await frames_until(socket, "typing"))[-1]["typing"] == {"name": shown}


async def test_a_wrong_origin_is_closed_with_4403(client: Client) -> None:
    bearer, _ = await session(client)
    assert await close_code(await hello(client, bearer, Origin="https://evil.example")) == 4403


@pytest.mark.parametrize(
    "first",
    ['{"hello": {"token": "wrong"}}', '{"hello": {}}', "[]", "{", '{"send": {"id": "1", "text": "x"}}', '{"hello": 1}'],
)
async def test_a_hello_without_a_living_token_is_closed_with_4401(client: Client, first: str) -> None:
    socket = await client.ws_connect("/chat/site/socket")
    await socket.send_str(first)
    assert await close_code(socket) == 4401


async def test_a_cursor_far_behind_is_closed_with_4410(client: Client, cards: Cards) -> None:
    bearer, visitor = await session(client)
    for number in range(2100):
        cards.agent_writes(visitor, str(number))
    assert await close_code(await hello(client, bearer, last_seq=10)) == 4410
    socket = await hello(client, bearer, last_seq=2000)
    assert len(await frames_until(socket, "status")) == 101


async def test_a_cursor_ahead_of_the_feed_gets_everything_again(client: Client, cards: Cards) -> None:
    bearer, visitor = await session(client)
    cards.agent_writes(visitor, "first")
    frames = await frames_until(await hello(client, bearer, last_seq=77), "status")
    assert [frame["message"]["seq"] for frame in frames[:-1]] == [1]


async def test_too_many_messages_are_closed_with_4429(cards: Cards) -> None:
    async with chat(cards, messages_at_once=3) as client:
        bearer, _ = await session(client)
        socket = await hello(client, bearer)
        for number in range(6):
            await socket.send_json({"send": {"id": f"m{number}", "text": "x"}})
        assert await close_code(socket) == 4429
        assert len(cards.events) == 3


async def test_too_many_frames_are_closed_with_4429(client: Client) -> None:
    bearer, _ = await session(client)
    socket = await hello(client, bearer)
    for _ in range(250):
        await socket.send_str('{"typing": true}')
    assert await close_code(socket) == 4429


async def test_an_eleventh_socket_of_one_visitor_is_closed_with_4429(client: Client) -> None:
    bearer, _ = await session(client)
    for _ in range(10):
        await frames_until(await hello(client, bearer), "status")
    assert await close_code(await hello(client, bearer)) == 4429


@pytest.mark.parametrize(
    "frame",
    ["{", "[]", '{"x": 1}', '{"seen": {"seq": -1}}', '{"seen": {"seq": true}}', '{"send": {"id": "1"}}', "[" * 9999],
)
async def test_a_bad_frame_is_answered_and_the_next_one_is_taken(client: Client, frame: str) -> None:
    bearer, _ = await session(client)
    socket = await hello(client, bearer)
    await socket.send_str(frame)
    assert (await frames_until(socket, "error"))[-1]["error"]["code"] in ("malformed", "invalid")
    await socket.send_json({"send": {"id": "2", "text": "x"}})
    assert (await frames_until(socket, "sent"))[-1]["sent"]["id"] == "2"


async def test_a_frame_over_the_limit_closes_the_socket(client: Client) -> None:
    bearer, _ = await session(client)
    socket = await hello(client, bearer)
    await frames_until(socket, "status")
    await socket.send_str("x" * 200_000)
    assert await close_code(socket) == 1009


async def test_a_full_store_is_told_by_frame_and_nothing_is_acknowledged(client: Client, cards: Cards) -> None:
    bearer, _ = await session(client)
    socket = await hello(client, bearer)
    cards.failure = Overloaded("full", retry_after=3)
    await socket.send_json({"send": {"id": "1", "text": "x"}})
    error = (await frames_until(socket, "error"))[-1]["error"]
    assert (error["code"], error["id"], error["retry_after"]) == ("overloaded", "1", 3)


async def test_a_draining_house_closes_with_1012(client: Client, cards: Cards) -> None:
    bearer, _ = await session(client)
    socket = await hello(client, bearer)
    await frames_until(socket, "status")
    cards.is_draining = True
    assert await close_code(socket) == 1012


async def test_a_visitor_who_left_is_forgotten(client: Client, cards: Cards) -> None:
    bearer, _ = await session(client)
    socket = await hello(client, bearer)
    await frames_until(socket, "status")
    await socket.close()
    await eventually(lambda: not cards.keeper._tasks)


@pytest.mark.slow
async def test_a_client_that_does_not_read_is_let_go_and_costs_the_others_nothing(client: Client, cards: Cards) -> None:
    (slow, slow_id), (quick, quick_id) = await session(client), await session(client)
    stalled = await hello(client, slow)
    await frames_until(stalled, "status")
    assert stalled._conn is not None
    transport = stalled._conn.transport
    assert transport is not None
    transport.pause_reading()
    live = await hello(client, quick)
    await frames_until(live, "status")
    for _ in range(60):
        cards.agent_writes(slow_id, "x" * 100_000)
        await asyncio.sleep(0)
    cards.agent_writes(quick_id, "still here")
    assert (await frames_until(live, "message"))[-1]["message"]["text"] == "still here"
    await eventually(lambda: len(cards.keeper._tasks) <= 1)
    transport.abort()


async def test_a_store_that_is_away_at_the_hello_asks_to_come_back(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    bearer, _ = await session(client)

    async def gone(*_given: object) -> None:
        raise StoreUnavailable("gone")

    with monkeypatch.context() as away:
        away.setattr(_Sessions, "find", gone)
        assert await close_code(await hello(client, bearer)) == WSCloseCode.TRY_AGAIN_LATER
    await frames_until(await hello(client, bearer), "status")

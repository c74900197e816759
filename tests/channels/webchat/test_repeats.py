"""One id is one message: the same message again is answered as before, another one is refused, over REST and over the socket."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from channels.webchat.idempotency import is_same
from channels.webchat.normalize import ChatMessage
from conversation.errors import Conflict
from conversation.model.message import Author, AuthorKind, Direction
from tests.channels.webchat.fake_ports import Cards
from tests.channels.webchat.test_site import chat, problem, session
from tests.channels.webchat.test_socket import frames_until, hello
from tests.contracts.channel import NOW
from tests.fakes import FakeClock

Client = TestClient[web.Request, web.Application]
Json = dict[str, Any]

FIRST: Json = {"id": "1", "text": "My card was charged twice", "attachments": ["a", "b"]}
OTHERS: dict[str, Json] = {
    "other words": {"text": "My telephone was stolen"},
    "more words": {"text": "My card was charged twice, the second time today"},
    "fewer words": {"text": "My card"},
    "no words": {"text": ""},
    "another file": {"attachments": ["a", "c"]},
    "one file less": {"attachments": ["a"]},
    "no files": {"attachments": []},
    "the files in another order": {"attachments": ["b", "a"]},
}
SAME: dict[str, Json] = {"byte for byte": {}, "another language chosen meanwhile": {"language": "zh"}}


@pytest.fixture
def cards() -> Cards:
    uploaded: Json = {name: ({"id": name}, b"", "") for name in "abc"}
    return Cards(clock=FakeClock(NOW), files=uploaded)


@pytest.fixture
async def client(cards: Cards) -> AsyncIterator[Client]:
    async with chat(cards) as client:
        yield client


@pytest.mark.parametrize("change", OTHERS.values(), ids=OTHERS)
async def test_another_message_under_a_used_id_is_refused_over_rest_and_over_the_socket(
    client: Client, cards: Cards, change: Json
) -> None:
    bearer, _ = await session(client)
    socket = await hello(client, bearer)
    await socket.send_json({"send": FIRST})
    await frames_until(socket, "sent")
    await socket.send_json({"send": FIRST | change})
    error = (await frames_until(socket, "error"))[-1]["error"]
    assert (error["code"], error["id"]) == ("idempotency_mismatch", "1")
    answer = await client.post("/chat/site/messages", json=FIRST | change, headers=bearer)
    assert (await problem(answer, 409))["code"] == "idempotency_mismatch"
    assert [event.text for event in cards.events] == [FIRST["text"]]


@pytest.mark.parametrize("change", SAME.values(), ids=SAME)
async def test_the_same_message_again_is_answered_as_before(client: Client, cards: Cards, change: Json) -> None:
    bearer, visitor = await session(client)
    socket = await hello(client, bearer)
    for said in (FIRST, FIRST | change):
        await socket.send_json({"send": said})
        sent = (await frames_until(socket, "sent"))[-1]["sent"]
        assert sent == {"id": "1", "seq": 1, "conversation": f"c-{visitor}"}
    answer = await client.post("/chat/site/messages", json=FIRST | change, headers=bearer)
    assert (answer.status, (await answer.json())["seq"]) == (200, 1)
    assert len(cards.events) == 1


async def test_a_used_id_stays_used_after_a_reconnect_and_the_socket_goes_on(client: Client, cards: Cards) -> None:
    bearer, _ = await session(client)
    first = await hello(client, bearer)
    await first.send_json({"send": FIRST})
    await frames_until(first, "sent")
    await first.close()
    second = await hello(client, bearer, last_seq=1)
    await second.send_json({"send": FIRST | OTHERS["other words"]})
    assert (await frames_until(second, "error"))[-1]["error"]["code"] == "idempotency_mismatch"
    await second.send_json({"send": FIRST})
    assert (await frames_until(second, "sent"))[-1]["sent"]["seq"] == 1
    await second.send_json({"send": FIRST | OTHERS["other words"] | {"id": "2"}})
    assert (await frames_until(second, "sent"))[-1]["sent"]["seq"] == 2
    assert [event.text for event in cards.events] == [FIRST["text"], "My telephone was stolen"]


async def test_of_two_messages_under_one_id_at_once_one_is_stored_and_the_other_refused(
    client: Client, cards: Cards
) -> None:
    bearer, _ = await session(client)
    sockets = [await hello(client, bearer) for _ in range(4)]
    for place, socket in enumerate(sockets):
        await socket.send_json({"send": {"id": "1", "text": f"words {place}"}})
    ends = [frame async for frame in _outcomes(sockets)]
    assert sorted(ends) == ["idempotency_mismatch"] * 3 + ["sent"]
    assert len(cards.events) == 1


async def _outcomes(sockets: list[Any]) -> AsyncIterator[str]:
    for socket in sockets:
        async with asyncio.timeout(60):
            while not {"sent", "error"} & (frame := await socket.receive_json()).keys():
                pass
        yield frame.get("error", {}).get("code", "sent")


async def test_poison_is_compared_as_it_is_stored(client: Client, cards: Cards) -> None:
    bearer, _ = await session(client)
    socket = await hello(client, bearer)
    for _ in range(2):
        await socket.send_str(r'{"send": {"id": "1", "text": "x\ud800y\u0000"}}')
        assert (await frames_until(socket, "sent"))[-1]["sent"]["seq"] == 1
    assert len(cards.events) == 1


async def test_what_was_erased_meanwhile_is_no_other_message(client: Client, cards: Cards) -> None:
    _, visitor = await session(client)
    author = Author(kind=AuthorKind.CUSTOMER)
    erased = cards.add(visitor, "", Direction.IN, author, external_id="x")
    assert is_same(ChatMessage(client_id="1", text="My card"), erased)
    kept = cards.add(visitor, "My card", Direction.IN, author, external_id="y")
    assert not is_same(ChatMessage(client_id="1", text="My cards"), kept)


async def test_a_conflict_of_the_store_is_told_by_its_code(client: Client, cards: Cards) -> None:
    bearer, _ = await session(client)
    cards.failure = Conflict("meanwhile", code="closed")
    socket = await hello(client, bearer)
    await socket.send_json({"send": FIRST})
    assert (await frames_until(socket, "error"))[-1]["error"]["code"] == "closed"

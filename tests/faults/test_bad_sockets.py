"""Bad frames on the customers' and the agents' sockets: an error or a close code, and the next visitor is served at once."""

import asyncio
import json
import secrets
import time
from collections.abc import Iterator

import aiohttp
import pytest

from tests.faults.bad_calls import DIGITS, LONE, NUL
from tests.faults.raw import House, answered_at_once, serving

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120), pytest.mark.xdist_group("bad_sockets")]
Frame = str | bytes


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("sockets")
    with serving(folder, f"sqlite:///{folder / 'bad.db'}") as one:
        yield one


def _json(**frame: object) -> str:
    return json.dumps(frame)


HELLOS: list[tuple[str, Frame, int]] = [
    ("no JSON", "{", 4401),
    ("a list", "[]", 4401),
    ("bytes", b"\x00\xff", 4401),
    ("no hello", _json(send={"id": "1", "text": "x"}), 4401),
    ("a hello that is a word", _json(hello="me"), 4401),
    ("a wrong token", _json(hello={"token": "nobody"}), 4401),
    ("a token with NUL", _json(hello={"token": NUL}), 4401),
    ("a token with a lone surrogate", _json(hello={"token": LONE}), 4401),
    ("a seq below zero", _json(hello={"token": "TOKEN", "last_seq": -1}), 4401),
    ("a seq of 5,000 digits", '{"hello": {"token": "TOKEN", "last_seq": ' + DIGITS.decode() + "}}", 4401),
    ("200 KiB", "x" * 200_000, 1009),
    ("100,000 brackets", "[" * 100_000, 4401),
]
FRAMES: list[tuple[str, Frame, str]] = [
    ("no JSON", "{", "malformed"),
    ("a number", "7", "malformed"),
    ("bytes", b"\xff\xfe", "malformed"),
    ("NaN", '{"send": {"id": "1", "text": NaN}}', "malformed"),
    ("a key twice", '{"send": {}, "send": {}}', "malformed"),
    ("5,000 digits", '{"seen": {"seq": ' + DIGITS.decode() + "}}", "malformed"),
    ("100,000 brackets", "[" * 100_000, "malformed"),
    ("nested 40 deep", '{"a":' * 40 + "1" + "}" * 40, "malformed"),
    ("a frame nobody knows", _json(dance=True), "malformed"),
    ("a word to send", _json(send="hello"), "malformed"),
    ("nothing to send", _json(send={}), "invalid"),
    ("an id with NUL", _json(send={"id": NUL, "text": "x"}), "invalid"),
    ("a text that is a number", _json(send={"id": "n", "text": 5}), "invalid"),
    ("a text too long", _json(send={"id": "n", "text": "x" * 20_000}), "invalid"),
    ("a file nobody sent", _json(send={"id": "file", "text": "x", "attachments": ["nothing"]}), "attachment_gone"),
    ("seen a word", _json(seen={"seq": "x"}), "invalid"),
    ("seen a trillion", _json(seen={"seq": 10**12}), "invalid"),
    ("a text with NUL is repaired", _json(send={"id": "nul", "text": NUL}), "sent"),
    ("a text with a lone surrogate is repaired", _json(send={"id": "lone", "text": LONE}), "sent"),
]


async def _say(socket: aiohttp.ClientWebSocketResponse, frame: Frame) -> None:
    await (socket.send_bytes(frame) if isinstance(frame, bytes) else socket.send_str(frame))


async def _heard(socket: aiohttp.ClientWebSocketResponse) -> str:
    """The code of the next error, or "sent"; status and replay are passed over."""
    async with asyncio.timeout(60):
        while True:
            told = await socket.receive_json()
            if "error" in told:
                return str(told["error"]["code"])
            if "sent" in told:
                return "sent"


async def _closed(socket: aiohttp.ClientWebSocketResponse) -> int | None:
    async with asyncio.timeout(60):
        while (await socket.receive()).type not in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED):
            pass
    return socket.close_code


async def _control(session: aiohttp.ClientSession, house: House) -> float:
    started = time.monotonic()
    async with session.ws_connect(f"{house.url}/chat/site/socket") as socket:
        await _say(socket, _json(hello={"token": house.visitor}))
        await _say(socket, _json(send={"id": secrets.token_hex(6), "text": "Still there?"}))
        assert await _heard(socket) == "sent"
    return time.monotonic() - started


@pytest.mark.parametrize(("name", "frame", "code"), HELLOS, ids=[name for name, _, _ in HELLOS])
async def test_a_bad_hello_closes_the_chat_by_its_code(house: House, name: str, frame: Frame, code: int) -> None:
    sent = frame.replace("TOKEN", house.visitor) if isinstance(frame, str) else frame
    async with aiohttp.ClientSession() as session:

        async def round_() -> float:
            async with session.ws_connect(f"{house.url}/chat/site/socket") as socket:
                await _say(socket, sent)
                assert await _closed(socket) == code
            return await _control(session, house)

        await answered_at_once(round_)


@pytest.mark.parametrize(("name", "frame", "code"), FRAMES, ids=[name for name, _, _ in FRAMES])
async def test_a_bad_frame_is_told_and_the_socket_stays(house: House, name: str, frame: Frame, code: str) -> None:
    async with aiohttp.ClientSession() as session:

        async def round_() -> float:
            async with session.ws_connect(f"{house.url}/chat/site/socket") as socket:
                await _say(socket, _json(hello={"token": house.visitor}))
                await _say(socket, frame)
                assert await _heard(socket) == code
                await _say(socket, _json(send={"id": secrets.token_hex(6), "text": "and on"}))
                assert await _heard(socket) == "sent"
            return await _control(session, house)

        await answered_at_once(round_)


async def test_another_sites_page_is_shown_out(house: House) -> None:
    async with aiohttp.ClientSession() as session:

        async def round_() -> float:
            for origin in ("https://evil.example", "http://[::", "null"):
                async with session.ws_connect(f"{house.url}/chat/site/socket", origin=origin) as socket:
                    assert await _closed(socket) == 4403
            return await _control(session, house)

        await answered_at_once(round_)


AGENTS: list[tuple[str, str, Frame, int | None]] = [
    ("a cursor of the future", "?cursor=99999999999", "x", 4410),
    ("words nobody asked for", "", "{", None),
    ("bytes", "", b"\xff\x00", None),
    ("100 KiB", "", "x" * 100_000, 1009),
]


@pytest.mark.parametrize(("name", "query", "frame", "code"), AGENTS, ids=[name for name, *_ in AGENTS])
async def test_bad_frames_do_not_stop_the_agents_events(
    house: House, name: str, query: str, frame: Frame, code: int | None
) -> None:
    async with aiohttp.ClientSession(headers=house.bearer) as session:

        async def round_() -> float:
            async with session.ws_connect(f"{house.url}/api/v1/events{query}") as socket:
                if code != 4410:
                    await _say(socket, frame)
                if code is not None:
                    assert await _closed(socket) == code
            async with session.ws_connect(f"{house.url}/api/v1/events") as socket:
                took = await _control(session, house)
                async with asyncio.timeout(60):
                    while (await socket.receive_json())["type"] != "message.received":
                        pass
            return took

        await answered_at_once(round_)

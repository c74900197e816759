"""Bodies that come in pieces, and bodies that are too large: over a socket, as a network cuts them."""

import asyncio
import json
from contextlib import closing
from urllib.parse import urlencode

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from aiohttp.typedefs import Handler

from channels.callback.request_fields import BODY_LIMIT
from channels.callback.site import routes
from channels.twilio_signature import signature
from tests.channels.callback.doors import FakeCalls, account, doors
from tests.fakes import FakeClock

FORM = "application/x-www-form-urlencoded"
TWILIO = {
    "account": "AC0123456789abcdef0123456789abcdef",
    "token": "the auth token that nobody may see",
    "caller": "+33199005678",
}
VOICE = {"CallSid": "CA1", "From": "+33199001234", "CallStatus": "ringing"}
SIGNED = signature(TWILIO["token"], "http://127.0.0.1:8080/callback/phone/voice", sorted(VOICE.items()))


async def answered(calls: FakeCalls, path: str, head: str, first: bytes, rest: bytes = b"") -> str:
    """The answer's first line. The rest of the body leaves when the door has begun to read what is there."""
    begun = asyncio.Event()

    @web.middleware
    async def telling(request: web.Request, handler: Handler) -> web.StreamResponse:
        begun.set()
        return await handler(request)

    app = web.Application(middlewares=[telling])
    app.add_routes(routes({"phone": await account(calls.clock, twilio=TWILIO)}, doors(calls.clock, calls)))
    async with TestServer(app) as server, asyncio.timeout(60):
        reader, writer = await asyncio.open_connection(server.host, server.port)
        with closing(writer):
            writer.write(f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{head}\r\n\r\n".encode() + first)
            await begun.wait()
            writer.write(rest)
            return (await reader.readline()).decode().strip()


@pytest.mark.parametrize(
    ("path", "head", "body"),
    [
        ("", f"Content-Type: {FORM}", urlencode({"number": "+33199001234", "note": "n" * 500}).encode()),
        ("", "Content-Type: application/json", json.dumps({"number": "+33199001234", "note": "n" * 500}).encode()),
        ("/voice", f"Content-Type: {FORM}\r\nX-Twilio-Signature: {SIGNED}", urlencode(VOICE).encode()),
    ],
    ids=["form", "json", "twilio"],
)
async def test_a_body_in_two_pieces_is_read_whole(clock: FakeClock, path: str, head: str, body: bytes) -> None:
    calls = FakeCalls(clock)
    half = len(body) // 2
    told = f"{head}\r\nContent-Length: {len(body)}"
    answer = await answered(calls, f"/callback/phone{path}", told, body[:half], body[half:])

    assert answer.split()[1] in ("200", "201")
    (one,) = calls.requests
    assert one.number == "+33199001234"
    assert one.note == (None if path else "n" * 500)


@pytest.mark.parametrize("told", [True, False])
async def test_a_body_above_the_limit_is_refused_whether_or_not_its_length_is_told(
    clock: FakeClock, told: bool
) -> None:
    calls = FakeCalls(clock)
    piece = b"n" * BODY_LIMIT
    length = f"Content-Length: {BODY_LIMIT + 1}" if told else "Transfer-Encoding: chunked"
    body = b"" if told else f"{BODY_LIMIT:x}\r\n".encode() + piece + b"\r\n1\r\nn\r\n"
    answer = await answered(calls, "/callback/phone", f"Content-Type: {FORM}\r\n{length}", body)

    assert answer.split()[1] == "413"
    assert calls.requests == []

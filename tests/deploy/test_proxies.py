"""The recipes of deploy/nginx and deploy/caddy, read by the real proxies, in front of two nodes."""

import asyncio
import json
import os
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from io import BytesIO
from ipaddress import ip_network
from itertools import count
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from conversation.model.trusted_proxies import Proxies
from desk.api.attachments import LARGEST_UPLOAD
from tests.deploy.front import HOST, KINDS, Front, Nodes, front, two_nodes
from tests.postgres import Postgres
from tests.serving import furnished

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.xdist_group("proxies"),
]
OWN = {"Origin": f"https://{HOST}"}
_ADDRESSES = (f"127.0.{one}.1" for one in count(1))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def nodes(
    postgres: Postgres, migrated_postgres: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Nodes]:
    url = postgres.create(migrated_postgres)
    async with two_nodes(tmp_path_factory.mktemp("nodes"), url, await furnished(url)) as running:
        yield running
    postgres.drop(url)


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=sorted(KINDS))
async def proxy(request: pytest.FixtureRequest, nodes: Nodes) -> AsyncIterator[Front]:
    async with front(request.param, nodes.ports) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def customer(proxy: Front) -> AsyncIterator[aiohttp.ClientSession]:
    """At an address that no other test has."""
    async with proxy.session(next(_ADDRESSES)) as session:
        yield session


async def visitor(session: aiohttp.ClientSession) -> dict[str, str]:
    async with session.post("/chat/site/sessions", json={}, headers=OWN) as answer:
        assert answer.status in (200, 201), await answer.text()
        return {"Authorization": f"Bearer {(await answer.json())['token']}", **OWN}


async def write(session: aiohttp.ClientSession, who: dict[str, str], text: str) -> str:
    message = {"id": secrets.token_hex(8), "text": text}
    async with session.post("/chat/site/messages", json=message, headers=who) as answer:
        assert answer.status in (200, 201), await answer.text()
        return str((await answer.json())["conversation"])


def events(session: aiohttp.ClientSession, nodes: Nodes) -> Any:
    return session.ws_connect("/api/v1/events", headers={"Authorization": f"Bearer {nodes.token}"})


async def heard(socket: aiohttp.ClientWebSocketResponse, conversation: str) -> None:
    """Until an event of this conversation comes."""
    async with asyncio.timeout(60):
        while conversation not in json.dumps(await socket.receive_json()):
            pass


async def upload(session: aiohttp.ClientSession, nodes: Nodes, size: int) -> int:
    headers = {"Authorization": f"Bearer {nodes.token}", "Content-Type": "text/plain"}
    async with session.post("/api/v1/attachments?name=a.txt", data=BytesIO(b"a" * size), headers=headers) as answer:
        return answer.status


async def test_a_chat_message_reaches_the_agents_socket(customer: aiohttp.ClientSession, nodes: Nodes) -> None:
    async with events(customer, nodes) as socket:
        await heard(socket, await write(customer, await visitor(customer), "My top up is missing"))


async def test_the_chats_socket_is_passed_on(customer: aiohttp.ClientSession) -> None:
    token = (await visitor(customer))["Authorization"].removeprefix("Bearer ")
    async with customer.ws_connect("/chat/site/socket", headers=OWN) as chat:
        await chat.send_str(json.dumps({"hello": {"token": token}}))
        await chat.send_str(json.dumps({"send": {"id": "one", "text": "Hello"}}))
        async with asyncio.timeout(60):
            while "sent" not in await chat.receive_json():
                pass


async def test_the_largest_file_passes_and_a_larger_one_is_refused(
    customer: aiohttp.ClientSession, nodes: Nodes
) -> None:
    assert await upload(customer, nodes, LARGEST_UPLOAD) == 201
    assert await upload(customer, nodes, LARGEST_UPLOAD + 64 * 1024 + 1) == 413


@pytest.mark.parametrize("kind", sorted(KINDS))
async def test_a_node_learns_the_customers_address_whatever_the_client_writes(kind: str) -> None:
    node, address = _Counted(b""), next(_ADDRESSES)
    async with await asyncio.start_server(node, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with front(kind, (port, port)) as proxy, proxy.session(address) as session:
            await session.get("/desk/", headers={"X-Forwarded-For": "192.0.2.7", "X-Real-IP": "192.0.2.7"})
    seen = node.heads[-1]

    assert Proxies((ip_network("127.0.0.1"),)).remote_of("127.0.0.1", seen["x-forwarded-for"]) == address
    assert (seen["host"], seen["x-forwarded-proto"]) == (HOST, "https")


@pytest.mark.parametrize("path", ["/metrics", "/readyz", "/healthz"])
async def test_what_is_for_monitoring_is_not_served_to_customers(customer: aiohttp.ClientSession, path: str) -> None:
    async with customer.get(path) as answer:
        assert answer.status == 404


async def test_browsers_are_asked_to_stay_with_tls(customer: aiohttp.ClientSession) -> None:
    async with customer.get("/chat/site") as answer:
        assert (answer.status, answer.headers["Strict-Transport-Security"]) == (200, "max-age=31536000")


async def test_fifty_uploads_that_stall_hinder_nobody(
    customer: aiohttp.ClientSession, proxy: Front, nodes: Nodes
) -> None:
    head = (
        f"POST /api/v1/attachments?name=slow.txt HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {nodes.token}\r\n"
        f"Content-Type: text/plain\r\nContent-Length: 1000000\r\n\r\n"
    ).encode()
    async with AsyncExitStack() as open_ones:
        for _ in range(50):
            _, writer = await asyncio.open_connection(
                "127.0.0.1", proxy.port, ssl=proxy.certificates.client(), server_hostname=HOST
            )
            open_ones.callback(writer.close)
            writer.write(head + b"a" * 10_000)
            await writer.drain()
        who = await visitor(customer)
        async with asyncio.timeout(30):
            for one in range(5):
                await write(customer, who, f"message {one}")


async def test_a_node_that_stops_takes_no_request_with_it(customer: aiohttp.ClientSession, nodes: Nodes) -> None:
    who = await visitor(customer)

    assert await nodes.serving[1].stop() == 0
    conversations = {await write(customer, who, f"message {one}") for one in range(10)}
    await nodes.restart(1)

    assert len(conversations) == 1


@pytest.mark.skipif(os.environ.get("HUNTGROUP_FAULTS") != "long", reason="takes 70 seconds: make faults")
async def test_a_socket_on_which_nothing_happens_for_over_a_minute_stays_open(customer: aiohttp.ClientSession) -> None:
    token = (await visitor(customer))["Authorization"].removeprefix("Bearer ")
    async with customer.ws_connect("/chat/site/socket", headers=OWN) as chat:
        await chat.send_str(json.dumps({"hello": {"token": token}}))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(70):
                while True:
                    await chat.receive_json()
        await chat.send_str(json.dumps({"send": {"id": "late", "text": "Are you there?"}}))
        async with asyncio.timeout(60):
            while "sent" not in await chat.receive_json():
                pass


class _Counted:
    """A node's stand-in that notes when a connection comes, and when its answer has left."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self.heads: list[dict[str, str]] = []
        self.asked = asyncio.Event()
        self.sent = asyncio.Event()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        self.heads.append(dict(line.split(": ", 1) for line in head.splitlines()[1:] if line))
        self.asked.set()
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(self._answer))
        writer.write(self._answer)
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        self.sent.set()


async def test_nginx_takes_the_whole_answer_from_a_node_before_a_slow_client_does() -> None:
    node = _Counted(b"a" * LARGEST_UPLOAD)
    async with await asyncio.start_server(node, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with front("nginx", (port, port)) as proxy:
            reader, writer = await _slow(proxy, b"GET /api/v1/attachments/1 HTTP/1.1\r\nHost: support.example\r\n\r\n")
            await asyncio.wait_for(node.sent.wait(), 20)
            assert (await reader.readline()).startswith(b"HTTP/1.1 200")
            writer.transport.abort()


async def test_nginx_asks_a_node_only_when_a_body_is_whole() -> None:
    node = _Counted(b"")
    async with await asyncio.start_server(node, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with front("nginx", (port, port)) as proxy:
            head = b"POST /hooks/app HTTP/1.1\r\nHost: support.example\r\nContent-Length: 100000\r\n\r\n"
            reader, writer = await _slow(proxy, head + b"a" * 99_999)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(node.asked.wait(), 0.5)
            writer.write(b"a")
            assert (await asyncio.wait_for(reader.readline(), 20)).startswith(b"HTTP/1.1 200")
            writer.transport.abort()


async def _slow(proxy: Front, sent: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection with a small window, on which this was sent."""
    small = socket.socket()
    small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    small.setblocking(False)
    await asyncio.get_running_loop().sock_connect(small, ("127.0.0.1", proxy.port))
    reader, writer = await asyncio.open_connection(
        sock=small, ssl=proxy.certificates.client(), server_hostname=HOST, limit=4096
    )
    writer.write(sent)
    return reader, writer

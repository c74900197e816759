"""A database that only reads, as after a failover, or gives out no connection: every endpoint says when to come back, and nothing acknowledged is lost."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.faults.ledger import signed, written
from tests.faults.raw import MORE, PASSWORD, PNG, Answer, exchange, form
from tests.postgres import Postgres
from tests.serving import Api, furnished, start, write_config

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PARTLY = """
[channels.mail]
kind = "email"
address = "help@wallet.example"
imap = "imap+plain://help@127.0.0.1:1"
smtp = "smtp+plain://help@127.0.0.1:1"
password = "secret of nobody"

[channels.phone]
kind = "callback"
"""


async def _until(url: str, wanted: Callable[[Answer], bool]) -> Answer:
    async with asyncio.timeout(60):
        while not wanted(found := await exchange(url, "GET", "/readyz")):
            await asyncio.sleep(0.1)
    return found


async def test_a_dead_mailbox_is_named_and_the_node_stays_ready(sqlite_url: str, tmp_path: Path) -> None:
    config = write_config(tmp_path, sqlite_url, more=PARTLY)
    await furnished(sqlite_url)
    serving = await start(config, "serve", module="ops")
    ready = await _until(serving.url, lambda found: found.json["channels"]["mail"] == "degraded")
    assert (ready.status, ready.json["status"]) == (200, "degraded")
    assert set(ready.json["parts"].values()) == {"ok"}
    wanted = {'channel_up{channel="mail"} 0.0', 'channel_up{channel="app"} 1.0', 'store_up{store="writable"} 1.0'}
    async with asyncio.timeout(60):
        while wanted:
            metrics = (await exchange(serving.url, "GET", "/metrics")).body.decode()
            wanted = {line for line in wanted if f"huntgroup_{line}" not in metrics}
            await asyncio.sleep(0.1)
    assert await serving.stop() == 0


class Doors:
    """Every endpoint that turns an error of the store into an answer, asked once each."""

    def __init__(self, url: str, token: str, visitor: str) -> None:
        self._url = url
        self._agent = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._visitor = {"Authorization": f"Bearer {visitor}"}

    async def hook(self) -> Answer:
        """Always the same event, as a provider repeats it."""
        body = json.dumps(written("the-same", "customer-1")).encode()
        return await exchange(self._url, "POST", "/hooks/app", dict(signed("the-same", body)), body)

    async def answers(self) -> AsyncIterator[tuple[str, Answer]]:
        """What each writes: a hook, a bad hook, chat, its files, a request for a call, the desk and its files, a login."""
        yield "hook", await self.hook()
        yield "quarantine", await exchange(self._url, "POST", "/hooks/app", dict(signed("bad", b"{")), b"{")
        yield "session", await exchange(self._url, "POST", "/chat/site/sessions", {}, b"{}")
        said = json.dumps({"id": "another", "text": "Hello"}).encode()
        yield "message", await exchange(self._url, "POST", "/chat/site/messages", self._visitor, said)
        kind, body = form(PNG)
        yield "file", await exchange(self._url, "POST", "/chat/site/attachments", self._visitor | kind, body)
        call = json.dumps({"number": "+49 30 901820", "consent": True}).encode()
        yield "call", await exchange(self._url, "POST", "/callback/phone", {"Content-Type": "application/json"}, call)
        presence = json.dumps({"state": "online"}).encode()
        yield "presence", await exchange(self._url, "PUT", "/api/v1/me/presence", self._agent, presence)
        plain = self._agent | {"Content-Type": "image/png"}
        yield "upload", await exchange(self._url, "POST", "/api/v1/attachments?name=a.png", plain, PNG)
        login = json.dumps({"email": "admin@example.com", "password": PASSWORD}).encode()
        yield "login", await exchange(self._url, "POST", "/api/v1/login", {"Content-Type": "application/json"}, login)

    async def chat_frame(self, session: aiohttp.ClientSession, token: str) -> Any:
        """What a page on the socket is told when it says something."""
        async with session.ws_connect(f"{self._url}/chat/site/socket") as socket:
            await socket.send_str(json.dumps({"hello": {"token": token}}))
            await socket.send_str(json.dumps({"send": {"id": "frame", "text": "Hello"}}))
            async for message in socket:
                if (frame := json.loads(message.data)).keys() & {"error", "sent"}:
                    return frame
        return None


async def test_while_the_database_only_reads_every_endpoint_says_when_to_come_back(
    postgres: Postgres, postgres_url: str, tmp_path: Path
) -> None:
    name = postgres_url.partition("@/")[2].partition("?")[0] or postgres_url.rsplit("/", 1)[1]
    config, log = write_config(tmp_path, postgres_url, more=MORE + PARTLY), tmp_path / "serve.log"
    token = await furnished(postgres_url, password=PASSWORD)
    serving = await start(config, "serve", log=log, module="ops")
    visitor = (await exchange(serving.url, "POST", "/chat/site/sessions", {}, b"{}")).json["token"]
    doors = Doors(serving.url, token, visitor)
    await _until(serving.url, lambda found: found.status == 200)

    cut = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
    await asyncio.to_thread(postgres.run, f"ALTER DATABASE {name} SET default_transaction_read_only = on", cut)
    unready = await _until(serving.url, lambda found: found.json["parts"].get("database") == "read-only")
    assert (unready.status, unready.json["status"]) == (503, "unready")
    async for what, answer in doors.answers():
        assert (answer.status, int(answer.headers.get("retry-after", 0)) > 0) == (503, True), (what, answer)
    async with aiohttp.ClientSession() as session:
        api = Api(session, serving.url, token)
        assert (await api.get("/api/v1/conversations"))["items"] == []  # reading goes on
        assert "store_unavailable" in json.dumps(await doors.chat_frame(session, visitor))

        await asyncio.to_thread(postgres.run, f"ALTER DATABASE {name} RESET default_transaction_read_only")
        await _until(serving.url, lambda found: found.status == 200)
        first, second = await _taken(doors), await _taken(doors)
        assert [one.json["items"][0]["duplicate"] for one in (first, second)] == [False, True]
        assert len([one async for one in api.conversations()]) == 1
    assert await serving.stop() == 0
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line for line in lines if "trace" in line] == []
    assert {"read-only"} <= {line.get("reason") for line in lines if line["event"] == "store_unavailable"}
    assert [line["event"] for line in lines if line["event"] in ("not_ready", "ready_again")][-1] == "ready_again"


async def test_while_the_server_gives_out_no_connection_every_endpoint_says_when_to_come_back(
    postgres: Postgres, postgres_url: str, tmp_path: Path
) -> None:
    if postgres.address:
        pytest.skip("the server is somebody else's: no roles are made there")
    role = f"r{secrets.token_hex(6)}"
    rights = f"GRANT pg_read_all_data, pg_write_all_data TO {role}"
    await asyncio.to_thread(postgres.run, f"CREATE ROLE {role} LOGIN", rights)
    config = write_config(tmp_path, postgres_url.replace("postgres@", f"{role}@"), more=MORE + PARTLY)
    log = tmp_path / "serve.log"
    token = await furnished(postgres_url, password=PASSWORD)
    serving = await start(config, "serve", log=log, module="ops")
    visitor = (await exchange(serving.url, "POST", "/chat/site/sessions", {}, b"{}")).json["token"]
    doors = Doors(serving.url, token, visitor)
    await _until(serving.url, lambda found: found.status == 200)

    cut = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'"
    await asyncio.to_thread(postgres.run, f"ALTER ROLE {role} CONNECTION LIMIT 0", cut)
    unready = await _until(serving.url, lambda found: found.json["parts"].get("database") == "too many connections")
    assert (unready.status, unready.json["status"]) == (503, "unready")
    async for what, answer in doors.answers():
        assert (answer.status, int(answer.headers.get("retry-after", 0)) > 0) == (503, True), (what, answer)

    await asyncio.to_thread(postgres.run, f"ALTER ROLE {role} CONNECTION LIMIT -1")
    await _until(serving.url, lambda found: found.status == 200)
    first, second = await _taken(doors), await _taken(doors)
    assert [one.json["items"][0]["duplicate"] for one in (first, second)] == [False, True]
    assert await serving.stop() == 0
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line for line in lines if "trace" in line] == []
    assert "too many connections" in {line.get("reason") for line in lines if line["event"] == "store_unavailable"}


async def _taken(doors: Doors) -> Answer:
    """The first answer that is not "later": some connections are from before."""
    async with asyncio.timeout(30):
        while (answer := await doors.hook()).status != 200:
            assert answer.status == 503
            await asyncio.sleep(0.1)
    return answer

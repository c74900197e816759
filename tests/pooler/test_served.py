"""Two nodes behind a real PgBouncer: a chat comes in at one, an agent at the other answers it."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.pooler.pgbouncer import Pooler
from tests.serving import Serving, furnished, start, write_config

pytestmark = [pytest.mark.slow]
ORIGIN = {"Origin": "http://127.0.0.1"}
CHAT = '\n[channels.site]\nkind = "webchat"\norigins = ["http://127.0.0.1"]\n'


@pytest.fixture
async def nodes(pooler: Pooler, postgres_url: str, tmp_path: Path) -> AsyncIterator[tuple[list[Serving], str]]:
    """(both nodes, an admin's token)."""
    token = await furnished(postgres_url)
    config = write_config(tmp_path, pooler.url(postgres_url), signals="postgres", more=CHAT)
    more = {"database_direct": postgres_url, "prepared_statements": pooler.keeps_statements}
    lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in more.items())
    config.write_text(config.read_text("utf-8").replace("[service]\n", f"[service]\n{lines}"), encoding="utf-8")
    log = tmp_path / "nodes.log"
    running = await asyncio.gather(*(start(config, "serve", log=log, module="ops") for _ in range(2)))
    yield running, token
    assert await asyncio.gather(*(one.stop() for one in running)) == [0, 0]
    assert "store_unavailable" not in log.read_text("utf-8")


async def _visitor(session: aiohttp.ClientSession, url: str) -> dict[str, str]:
    async with session.post(f"{url}/chat/site/sessions", json={}, headers=ORIGIN) as answer:
        assert answer.status in (200, 201), await answer.text()
        return {"Authorization": f"Bearer {(await answer.json())['token']}", **ORIGIN}


async def _written(session: aiohttp.ClientSession, url: str, who: dict[str, str], text: str) -> str:
    message = {"id": secrets.token_hex(8), "text": text}
    async with session.post(f"{url}/chat/site/messages", json=message, headers=who) as answer:
        assert answer.status in (200, 201), await answer.text()
        return str((await answer.json())["conversation"])


async def _heard(socket: aiohttp.ClientWebSocketResponse, words: str) -> None:
    async with asyncio.timeout(30):
        while words not in json.dumps(await socket.receive_json()):
            pass


async def test_a_chat_is_claimed_and_answered_over_two_nodes(nodes: tuple[list[Serving], str]) -> None:
    (first, second), token = nodes
    agent = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(f"{second.url}/api/v1/events", headers=agent) as events:
            visitor = await _visitor(session, first.url)
            conversation = await _written(session, first.url, visitor, "My top up is missing")
            await _heard(events, conversation)  # by LISTEN on a connection of its own
            path = f"{second.url}/api/v1/conversations/{conversation}"
            async with session.post(f"{path}/take", headers=agent) as answer:
                assert answer.status == 200, await answer.text()
            reply = {"id": secrets.token_hex(8), "text": "It is there now."}
            async with session.post(f"{path}/messages", json=reply, headers=agent) as answer:
                assert answer.status == 201, await answer.text()
        async with asyncio.timeout(30):
            while True:
                async with session.get(f"{first.url}/chat/site/messages?after=0", headers=visitor) as answer:
                    if "It is there now." in await answer.text():
                        break
                await asyncio.sleep(0.1)

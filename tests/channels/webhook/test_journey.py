"""The webhook kind's journey: an application of one's own, over loopback."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from channels import standard_webhooks as signatures
from ops.system_clock import SystemClock
from tests.contracts.journey import JourneyContract, Provider

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@dataclass(kw_only=True)
class Application:
    """Posts what its one customer says, and takes answers."""

    session: aiohttp.ClientSession
    hook: str
    url: str = ""
    down: bool = False
    mute: bool = False
    delivered: list[str] = field(default_factory=list)
    _told: int = 0
    _last: bytes = b""
    _ids: set[str] = field(default_factory=set)

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        signatures.verify([signatures.key_of(SECRET)], _lower(request), body, now=SystemClock().now())
        if self.down:
            return web.Response(status=503)
        if request.headers["webhook-id"] not in self._ids:
            self.delivered.append(json.loads(body)["text"])
            self._ids.add(request.headers["webhook-id"])
        while self.mute:
            await asyncio.sleep(0.05)
        return web.Response()

    async def write(self, text: str) -> None:
        self._told += 1
        await self._post_event(
            json.dumps({"id": f"e{self._told}", "from": {"id": "u1", "name": "Lin"}, "text": text}).encode()
        )

    async def again(self) -> None:
        await self._post_event(self._last)

    async def picture(self, data: bytes) -> None:
        raise NotImplementedError

    async def receipt(self) -> None:
        """What is answered 2xx counts as delivered."""

    async def _post_event(self, body: bytes) -> None:
        self._last = body
        for _ in range(200):
            signed = signatures.headers([signatures.key_of(SECRET)], f"m{self._told}", SystemClock().now(), body)
            try:
                async with self.session.post(self.hook, data=body, headers=signed) as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.1)
        raise AssertionError("the service did not take it")


def _lower(request: web.Request) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}


class TestJourney(JourneyContract):
    idempotent = True
    pictures = False  # an application's files lie at URLs of its own, which loopback is not
    secrets = (SECRET,)

    @asynccontextmanager
    async def provider(self, service_url: str) -> AsyncIterator[Provider]:
        app = web.Application()
        async with aiohttp.ClientSession() as session:
            playing = Application(session=session, hook=f"{service_url}/hooks/account")
            app.router.add_post("/replies", playing.answer)
            server = TestServer(app, host="127.0.0.1")
            await server.start_server()
            playing.url = str(server.make_url("/replies"))
            try:
                yield playing
            finally:
                await server.close()

    def account(self, provider: Provider) -> str:
        return f'kind = "webhook"\nsecret = "{SECRET}"\nreply_url = "{provider.url}"\n'

"""A provider over loopback that answers as it is told, and remembers what it was asked."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from tests.contracts.fakes import answering, serving


@dataclass(kw_only=True)
class Seen:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(kw_only=True)
class Provider:
    """`status`, `headers` and `body` are the next answers; `silent` takes the request and says nothing."""

    url: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"{}"
    silent: bool = False
    seen: list[Seen] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        names = {name.lower(): value for name, value in request.headers.items()}
        self.seen.append(Seen(path=request.path, headers=names, body=body))
        if self.silent:
            assert request.transport is not None
            request.transport.close()
            await asyncio.sleep(0)
        return web.Response(status=self.status, headers=self.headers, body=self.body)


@asynccontextmanager
async def provider() -> AsyncIterator[Provider]:
    """A provider that runs while the context is open."""
    playing = Provider()
    async with serving(answering(playing.answer)) as url:
        playing.url = f"{url}/provider"
        yield playing

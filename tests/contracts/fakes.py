"""What fake providers have in common: each is served over loopback, and posts its events until the service has accepted them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

_PATIENCE = 120.0  # seconds: a test's service may have been killed, and starts anew
_PAUSE = 0.1


def answering(answer: Callable[[web.Request], Awaitable[web.StreamResponse]], *, method: str = "*") -> web.Application:
    """An application that has every request, of this method or of any, answered by the same function."""
    app = web.Application()
    app.router.add_route(method, "/{rest:.*}", answer)
    return app


@asynccontextmanager
async def serving(app: web.Application, *, shutdown_timeout: float = 60.0) -> AsyncIterator[str]:
    """Its address, without a slash at the end, while the context is open."""
    server = TestServer(app, host="127.0.0.1")
    await server.start_server(shutdown_timeout=shutdown_timeout)
    try:
        yield str(server.make_url("")).rstrip("/")
    finally:
        await server.close()


async def post_until_accepted(
    post: Callable[[aiohttp.ClientSession], AbstractAsyncContextManager[aiohttp.ClientResponse]],
    *,
    heard: Collection[int] = range(200, 300),
) -> bytes:
    """The response of the service to this call, which is repeated until the status is one of `heard`.

    It may be down meanwhile, or answer 5xx; any other status is a failure of the test.
    """
    async with asyncio.timeout(_PATIENCE), aiohttp.ClientSession() as session:
        while True:
            try:
                async with post(session) as answer:
                    body = await answer.read()
                    if answer.status in heard:
                        return body
                    assert answer.status >= 500, body
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(_PAUSE)

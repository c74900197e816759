"""Reference B: bare aiohttp WebSockets, one handler, a set of sockets to send to. Its own process; prints its port."""

import asyncio
import sys

from aiohttp import web

SOCKETS: set[web.WebSocketResponse] = set()


async def socket(request: web.Request) -> web.WebSocketResponse:
    ws = web.WebSocketResponse()
    await ws.prepare(request)
    SOCKETS.add(ws)
    try:
        async for _ in ws:
            pass
    finally:
        SOCKETS.discard(ws)
    return ws


async def broadcast(request: web.Request) -> web.Response:
    """Send one frame to everybody, the plain way."""
    text = await request.text()
    for ws in list(SOCKETS):
        await ws.send_str(text)
    return web.json_response({"sent": len(SOCKETS)})


async def main() -> None:
    app = web.Application()
    app.router.add_get("/socket", socket)
    app.router.add_post("/broadcast", broadcast)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=4096)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))

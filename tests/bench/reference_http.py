"""Reference W: an aiohttp webhook whose write combiner answers 200 after COMMIT; and the plain ORM handler beside it.

Run as its own process: `python -m tests.bench.reference_http MODE DSN`; prints its port.
"""

import asyncio
import base64
import hashlib
import hmac
import sys
import time

import asyncpg
from aiohttp import web
from pydantic_core import from_json

from tests.bench import reference_orm, reference_postgres
from tests.bench.workload import Plain
from tests.serving import SECRET as WRITTEN

SECRET = base64.b64decode(WRITTEN)
TOLERANCE = 300


def row_of(request: web.Request, body: bytes) -> Plain:
    """Checks the signature over the raw bytes and reads the message."""
    told = request.headers["webhook-signature"].removeprefix("v1,")
    if abs(time.time() - int(request.headers["webhook-timestamp"])) > TOLERANCE:
        raise web.HTTPUnauthorized
    signed = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode() + body
    made = base64.b64encode(hmac.new(SECRET, signed, hashlib.sha256).digest()).decode()
    if not hmac.compare_digest(told, made):
        raise web.HTTPUnauthorized
    data = from_json(body)  # ten times as fast as the standard library's
    return Plain(1, data["from"]["id"], data["id"], data["text"], data["from"].get("attributes", {}), 1)


class Combiner:
    """A batch is whatever arrived while the last one was written."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self._waiting: list[tuple[Plain, asyncio.Future[None]]] = []
        self._arrived = asyncio.Event()

    async def run(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                batch, self._waiting = self._waiting[:200], self._waiting[200:]
                await reference_postgres.store(self._connection, [row for row, _ in batch])
                for _, done in batch:
                    if not done.done():
                        done.set_result(None)

    async def handle(self, request: web.Request) -> web.Response:
        row = row_of(request, await request.read())
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((row, done))
        self._arrived.set()
        await done
        return web.Response(body=b'{"ok":true}', content_type="application/json")


async def main(mode: str, dsn: str) -> None:
    app = web.Application()
    if mode == "combiner":
        connection = await asyncpg.connect(dsn)
        await reference_postgres.make(connection)
        combiner = Combiner(connection)
        app.router.add_post("/hook", combiner.handle)
        keep = asyncio.ensure_future(combiner.run())
    else:
        _, sessions = await reference_orm.make(dsn.replace("postgresql://", "postgresql+asyncpg://"))

        async def by_orm(request: web.Request) -> web.Response:
            await reference_orm.store(sessions, row_of(request, await request.read()))
            return web.json_response({"ok": True})

        app.router.add_post("/hook", by_orm)
        keep = None
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()
    del keep


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))

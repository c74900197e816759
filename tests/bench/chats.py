"""P7: what an idle chat costs in memory, and what a frame to one costs, against bare aiohttp sockets."""

import asyncio
import hashlib
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import asyncpg

from conversation.model.events import Hint, Topic
from conversation.ports.channel import Signals
from ops.system_clock import SystemClock
from storage.signals import open_signals
from tests.bench import stage
from tests.bench.measure import Results, Row, cpu_of, median, rss_of
from tests.bench.processes import Running, huntgroup, place, reference
from tests.serving import ROOT, environment

PREFIX = "hgv_bench-"
FRAME = json.dumps({"typing": {"name": "Ann"}})
_BROADCASTS = 6  # frames enough to tell them from what goes on anyway
_KEYS = 400  # identities in one hint: NOTIFY carries 8,000 bytes

_PEOPLE = """
INSERT INTO customers (id, attributes, created_at) SELECT 'c-' || n, '{}', 1 FROM generate_series(0, $1::int - 1) n"""
_IDENTITIES = """
INSERT INTO identities (id, channel, address, customer_id, created_at)
SELECT 'i-' || n, 'site', 'visitor-' || n, 'c-' || n, 1 FROM generate_series(0, $1::int - 1) n"""
_SESSIONS = """
INSERT INTO visitor_sessions (digest, id, channel, identity_id, language, claims, until, created_at)
SELECT digest, 's-' || n, 'site', 'i-' || n, 'en', '{}', 9000000000000000, 1
FROM unnest($1::text[]) WITH ORDINALITY AS given (digest, place), LATERAL (SELECT place - 1 AS n) AS numbered"""


async def _sessions(url: str, count: int) -> None:
    digests = [hashlib.sha256(f"{PREFIX}{number}".encode()).hexdigest() for number in range(count)]
    connection = await asyncpg.connect(url)
    await connection.execute(_PEOPLE, count)
    await connection.execute(_IDENTITIES, count)
    await connection.execute(_SESSIONS, digests)
    await connection.execute("VACUUM ANALYZE")
    await connection.close()


class Crowd:
    """The clients of one server."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.open_ones = 0

    async def _ask(self, line: str) -> list[str]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{line}\n".encode())
        told = (await asyncio.wait_for(self._process.stdout.readline(), 900)).decode().split()
        if not told:
            raise RuntimeError("the clients have died")
        return told

    async def grow(self, to: int) -> None:
        """Open more, until there are so many."""
        await self._ask(f"open {self.open_ones} {to - self.open_ones}")
        self.open_ones = to

    async def frames(self) -> int:
        """How many text frames all have received; raises where a socket was closed."""
        _, frames, closed = await self._ask("frames")
        if int(closed):
            raise RuntimeError(f"{closed} sockets were closed")
        return int(frames)


@asynccontextmanager
async def crowd(port: int, path: str, prefix: str = "") -> AsyncIterator[Crowd]:
    """A process of clients."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.load_sockets", str(port), path, prefix,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, env=environment(), cwd=ROOT,
    )  # fmt: skip
    try:
        yield Crowd(process)
    finally:
        process.kill()
        await process.wait()


@dataclass(slots=True)
class Measured:
    """One server: bytes a socket at each size, CPU seconds a frame, CPU share while idle."""

    bytes: dict[int, float] = field(default_factory=dict)
    send: float = 0.0
    idle: float = 0.0


async def _climb(
    server: Running, clients: Crowd, sizes: tuple[int, ...], send: Callable[[], Awaitable[None]]
) -> Measured:
    found = Measured()
    await clients.grow(50)  # what is made once, is made now
    await asyncio.sleep(1)
    base = rss_of(server.pid)
    for size in sizes:
        await clients.grow(size)
        await asyncio.sleep(3)
        found.bytes[size] = (rss_of(server.pid) - base) / (size - 50)
        if size == sizes[min(1, len(sizes) - 1)]:
            found.idle = await _idle(server.pid)
            found.send = median([await _sent(server.pid, clients, send, found.idle) for _ in range(5)])
    return found


async def _idle(pid: int) -> float:
    """CPU seconds a second with nothing to do but what idle sockets need."""
    before, started = cpu_of([pid]), time.perf_counter()
    await asyncio.sleep(10)
    return (cpu_of([pid]) - before) / (time.perf_counter() - started)


async def _sent(pid: int, clients: Crowd, send: Callable[[], Awaitable[None]], idle: float) -> float:
    """CPU seconds of the server for one frame to one socket, without what it does while idle."""
    before, seen, started = cpu_of([pid]), await clients.frames(), time.perf_counter()
    for _ in range(_BROADCASTS):
        await send()
        await _settled(clients)
    spent = cpu_of([pid]) - before - idle * (time.perf_counter() - started)
    return max(spent, 0.0) / max(await clients.frames() - seen, 1)


async def _settled(clients: Crowd) -> None:
    """Until half a second brings nothing new."""
    seen = -1
    while seen < (seen := await clients.frames()):
        await asyncio.sleep(0.5)


async def p7(folder: Path, server: stage.Server, results: Results, *, quick: bool) -> None:
    """B, then ours, the same climb."""
    sizes = (200, 500, 1_000) if quick else (1_000, 5_000, 19_000)
    async with reference("reference_sockets") as bare, crowd(bare.port, "/socket") as clients:
        theirs = await _climb(bare, clients, sizes, lambda: _broadcast(bare.port))
    config, url = await place(folder, server, "p7", signals="postgres")
    await _sessions(url, sizes[-1])
    signals = open_signals("postgres", database=url, clock=SystemClock())
    await signals.start()
    async with (
        huntgroup(config, folder / "p7" / "serve.log") as ours,
        crowd(ours.port, "/chat/site/socket", PREFIX) as clients,
    ):
        mine = await _climb(ours, clients, sizes, lambda: _typing(signals, clients))
    await signals.stop()
    await asyncio.to_thread(server.postgres.drop, url)
    _tell(results, sizes, mine, theirs)


async def _broadcast(port: int) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"http://127.0.0.1:{port}/broadcast", data=FRAME) as answer,
    ):
        await answer.read()


async def _typing(signals: Signals, clients: Crowd) -> None:
    """A sign of typing to everybody: the cheapest frame there is, by the way that all frames go."""
    everybody = [f"i-{number}" for number in range(clients.open_ones)]
    for at in range(0, len(everybody), _KEYS):
        data = {"from": "agent", "name": "Ann"}
        signals.publish(Hint(topic=Topic.TYPING, keys=tuple(everybody[at : at + _KEYS]), data=data))
        await asyncio.sleep(0.02)  # each in a payload of its own: what does not fit into one is told without its data


def _tell(results: Results, sizes: tuple[int, ...], mine: Measured, theirs: Measured) -> None:
    first, middle, last = sizes
    note = ", ".join(f"{size:,}: {mine.bytes[size] / 1e3:.1f} to {theirs.bytes[size] / 1e3:.1f}" for size in sizes)
    ratio = mine.bytes[middle] / theirs.bytes[middle]
    results.at_most(f"P7 idle chat at {middle:,}", mine.bytes[middle] / 1e3, "kB RSS/socket", "B", ratio, 1.6, note)
    growth = mine.bytes[last] / mine.bytes[first]
    results.at_most(
        f"P7 growth, {last:,} to {first:,}", mine.bytes[last] / 1e3, "kB RSS/socket", "ours at the start", growth, 1.05
    )
    note = f"B {theirs.send * 1e6:.1f} us; ours goes by NOTIFY and the bounded writer"
    results.at_most("P7 CPU of a frame", mine.send * 1e6, "us", "B", mine.send / theirs.send, 2.0, note)
    note = f"B {theirs.idle * 100:.1f} %: pings every 25 s, a slow round over feeds and states"
    results.add(
        Row(f"P7 CPU of {middle:,} idle chats", mine.idle * 100, "% of a core", "one core", mine.idle, note=note)
    )

"""A backfill of 200,000 messages while customers write (2,000,000 in `make faults`): a node that fills is killed, the next goes on."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import asyncpg
import pytest

from tests.faults.ledger import Ledger, deliver, written
from tests.faults.readback import read_back
from tests.postgres import Postgres
from tests.serving import Api, Serving, furnished, start, write_config
from tests.upgrade.backfilling import EXPAND, MISSING
from tests.upgrade.rolling import long_form

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800), pytest.mark.xdist_group("rolling")]
ROWS = 2_000_000 if long_form() else 200_000
CLIENTS, PAUSE, USUAL = 8, 0.15, 12.0  # seconds of load before anything is filled
NOISE = 0.1  # seconds; a p99 below it says more of the machine than of the service
MESSAGES = (
    "INSERT INTO messages (id, conversation_id, seq, direction, author_kind, text, status, created_at)"
    " SELECT '0190' || to_char(n, 'FM00000000'), 'c' || n / 20, n % 20, 'in', 'customer',"
    " repeat('My top-up is missing. ', 1 + n % 10), 'received', 1 FROM generate_series(1, $1::int) AS n"
)
HELD = "INSERT INTO leases (name, owner, until, epoch) VALUES ('backfills', 'test', 9000000000000000, 1)"
PROGRESS = "SELECT passes, examined, finished_at IS NOT NULL FROM backfills"


class Load:
    """Customers who write to one node, and how long each waited."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.url: str | None = None
        self.stop = asyncio.Event()
        self.waits: list[float] = []

    async def run(self) -> None:
        async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as tasks:
            for client in range(CLIENTS):
                tasks.create_task(self._write(session, client))

    async def _write(self, session: aiohttp.ClientSession, client: int) -> None:
        number = 0
        while not self.stop.is_set():
            identifier, number, began = f"m{client}-{number}", number + 1, time.monotonic()
            body = written(identifier, f"customer-{client}-{number % 7}")
            await deliver(session, lambda: self.url, self.ledger, identifier, body)
            self.waits.append(time.monotonic() - began)
            await asyncio.sleep(PAUSE)

    @contextmanager
    def measured(self) -> Iterator[list[float]]:
        """The waits of a while; those of messages that are under way at its end are not among them."""
        found: list[float] = []
        first = len(self.waits)
        yield found
        found += self.waits[first:]


def p99(waits: list[float]) -> float:
    return sorted(waits)[int(len(waits) * 0.99)]


async def _filled(database: "asyncpg.Connection[asyncpg.Record]", share: float) -> int:
    """Wait until so much of the first pass is done: how many rows."""
    while True:
        row = await database.fetchrow(PROGRESS)
        if row is not None and (row[0] or row[1] >= share * ROWS):
            return int(row[1]) if not row[0] else ROWS
        await asyncio.sleep(0.05)


async def _finished(database: "asyncpg.Connection[asyncpg.Record]") -> None:
    while not await database.fetchval(PROGRESS.replace("passes, examined, ", "")):
        await asyncio.sleep(0.05)


async def test_messages_are_filled_while_customers_write_and_a_node_is_killed(
    postgres: Postgres, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = postgres.create()
    token = await furnished(url)
    config = write_config(tmp_path, url, signals="postgres")
    database = await asyncpg.connect(url)
    for statement in (EXPAND, HELD):
        await database.execute(statement)
    await database.execute(MESSAGES, ROWS)
    await database.execute("ANALYZE messages")
    load = Load()
    first = await _node(config)
    async with asyncio.TaskGroup() as tasks:
        load.url = f"{first.url}/hooks/app"
        tasks.create_task(load.run())
        await asyncio.sleep(2)
        with load.measured() as usual:
            await asyncio.sleep(USUAL)
        await database.execute("UPDATE leases SET until = 0 WHERE name = 'backfills'")
        began = time.monotonic()
        await _filled(database, 0.02)
        with load.measured() as filling:
            await _filled(database, 0.5)
        second = await _node(config)
        await first.kill()
        load.url = f"{second.url}/hooks/app"
        at_kill = await _filled(database, 0)
        assert at_kill >= ROWS / 2
        await asyncio.sleep(1)
        assert await _filled(database, 0) == at_kill  # nobody fills while the lease of the dead node runs
        with load.measured() as after:
            assert await _filled(database, 0.95) >= at_kill
        load.stop.set()
    await _finished(database)
    took = time.monotonic() - began
    assert await database.fetchval(MISSING) == 0
    assert await database.fetchval("SELECT count(*) FROM messages WHERE length <> length(text)") == 0
    async with aiohttp.ClientSession() as session:
        found = await read_back(Api(session, second.url, token), load.ledger)
    assert await second.stop() == 0
    await database.close()
    postgres.drop(url)
    with capsys.disabled():
        print(
            f"\nbackfill of {ROWS} messages in {took:.1f} s, p99 {p99(usual) * 1e3:.0f} ms before, {p99(filling) * 1e3:.0f} ms"
            f" meanwhile, {p99(after) * 1e3:.0f} ms after the kill ({len(usual)}, {len(filling)}, {len(after)} messages);"
            f" {found.told()}"
        )
    assert (found.clean, found.acknowledged) == (True, found.stored), found
    assert p99(filling) <= 1.5 * max(p99(usual), NOISE)


async def _node(config: Path) -> Serving:
    return await start(config, module="tests.upgrade.backfilling", log=config.parent / "nodes.log")

"""The serving process is killed again and again under load; then the ledger is read back through the API."""

import asyncio
import random
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from tests.faults.ledger import Ledger, client
from tests.faults.readback import Findings, read_back
from tests.serving import Api, Serving, furnished, start, write_config

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

TEXTS = ("My top-up is missing", "充值不成功", "My account is locked", "Meine Aufladung fehlt", "Bonjour, une question")
CLIENTS = 32
LONGEST = 2.0  # seconds from "ready" to the kill, at most


@dataclass(slots=True)
class Run:
    """What one run of kills did."""

    ledger: Ledger = field(default_factory=Ledger)
    kills: int = 0
    in_flight: int = 0
    findings: Findings = field(default_factory=Findings)

    def told(self, name: str) -> str:
        each = len(self.ledger.acknowledged) / max(1, self.kills)
        return (
            f"\n{name}: {self.kills} kills, {self.in_flight} with requests in flight, {each:.0f} acknowledgements a cycle, "
            f"{self.ledger.tries} tries, {self.ledger.broken} broken off, {self.ledger.duplicates} repeats recognised; {self.findings.told()}"
        )


class _Where:
    def __init__(self) -> None:
        self.serving: Serving | None = None

    def __call__(self) -> str | None:
        return f"{self.serving.url}/hooks/app" if self.serving else None


async def kill_under_load(config: Path, token: str, kills: int, log: Path, *arguments: str) -> Run:
    """`kills` times: start, let clients write for a while, kill. Then read back from a clean process."""
    run, where, stop = Run(), _Where(), asyncio.Event()
    chance = random.Random(20261122)
    timeout = aiohttp.ClientTimeout(total=10)
    connector = aiohttp.TCPConnector(limit=CLIENTS * 2)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session, asyncio.TaskGroup() as tasks:
        for number in range(CLIENTS):
            tasks.create_task(client(number, session, where, run.ledger, stop, run="k", customers=200, texts=TEXTS))
        for _ in range(kills):
            where.serving = serving = await start(config, *arguments, log=log)
            await asyncio.sleep(chance.uniform(0.0, LONGEST))  # at any moment, whatever was done until then
            run.in_flight += run.ledger.in_flight > 0
            await serving.kill()
            where.serving = None
            run.kills += 1
        where.serving = serving = await start(config, log=log)
        stop.set()
    async with aiohttp.ClientSession() as session:
        run.findings = await read_back(Api(session, serving.url, token), run.ledger)
    assert await serving.stop() == 0
    return run


async def prepared(folder: Path, url: str) -> tuple[Path, str]:
    return write_config(folder, url), await furnished(url)


async def test_kills_lose_nothing_that_was_acknowledged_and_store_nothing_twice(
    durable_url: str, tmp_path: Path, kills: int, long_form: bool
) -> None:
    config, token = await prepared(tmp_path, durable_url)

    run = await kill_under_load(config, token, kills, tmp_path / "serve.log")

    print(run.told(durable_url.partition(":")[0]))
    assert run.findings.clean, run.findings
    assert run.findings.acknowledged == run.findings.stored
    assert run.in_flight >= kills / 2
    # a few kills at random moments say little about a cycle on average
    assert len(run.ledger.acknowledged) / kills >= (50 if long_form else 1)


@pytest.mark.parametrize("point", ["before_transaction", "before_commit", "after_commit"])
async def test_a_crash_between_receive_and_acknowledge_costs_nothing(
    durable_url: str, tmp_path: Path, point: str
) -> None:
    config, token = await prepared(tmp_path, durable_url)
    ledger, where, stop = Ledger(), _Where(), asyncio.Event()
    log = tmp_path / "serve.log"
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session, asyncio.TaskGroup() as tasks:
        tasks.create_task(client(1, session, where, ledger, stop, run="c", customers=3, texts=TEXTS))
        where.serving = crashing = await start(config, "--crash-at", f"{point}:3", log=log)
        assert await asyncio.wait_for(crashing.process.wait(), 60) == 137
        where.serving = None
        where.serving = serving = await start(config, log=log)
        before = len(ledger.acknowledged)
        async with asyncio.timeout(60):
            while len(ledger.acknowledged) < before + 3:
                await asyncio.sleep(0.01)
        stop.set()
    async with aiohttp.ClientSession() as session:
        findings = await read_back(Api(session, serving.url, token), ledger)
    assert await serving.stop() == 0

    assert findings.clean, findings
    assert ledger.broken >= 1
    # stored but not told: the repeat is recognised; not stored: the repeat is the first
    assert ledger.duplicates == (1 if point == "after_commit" else 0)


@pytest.mark.parametrize("mutant", ["acknowledge-first", "no-unique-key"])
async def test_a_broken_promise_is_caught_within_twenty_kills(
    durable_url: str, tmp_path: Path, mutant: str, long_form: bool
) -> None:
    config, token = await prepared(tmp_path, durable_url)

    few = 3 if mutant == "acknowledge-first" else 10  # a kill loses dozens, and repeats two or three
    for kills in [20] if long_form else [few, 20 - few]:
        run = await kill_under_load(config, token, kills, tmp_path / f"serve-{kills}.log", "--mutant", mutant)
        print(run.told(f"{mutant} on {durable_url.partition(':')[0]}"))
        if run.findings.lost if mutant == "acknowledge-first" else run.findings.twice:
            return
    pytest.fail(f"20 kills did not show the mutant {mutant}")

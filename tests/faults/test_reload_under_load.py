"""Rules reloaded again and again, faulty files among them, while many write: nothing is lost, and each decision is of rules that were in force."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.faults.ledger import Ledger, post, written
from tests.faults.readback import read_back
from tests.serving import Api, Serving, furnished, start, write_config

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.xdist_group("faults")]

CLIENTS, EACH, RELOADS = 12, 15, 12
QUEUES = ("accounts", "general")  # where the rules of even and of odd reloads send everything
FAULTY = '\n[[rules]]\nname = "Nowhere"\nwhen = { text = "x" }\nthen = { queue = "nowhere" }\n'


def _rules(turn: int) -> str:
    """Everything to one queue; each turn is a file of its own."""
    return f'\n[[rules]]\nname = "Turn {turn}"\nwhen = {{ text = "." }}\nthen = {{ queue = "{QUEUES[turn % 2]}" }}\n'


@dataclass(frozen=True, slots=True)
class Force:
    """A revision, the queue its rules name, and between which instants it may have been in force."""

    revision: str
    queue: str
    since: float
    until: float


@dataclass(slots=True)
class Run:
    """A house, its file, and what is known of both."""

    config: Path
    api: Api
    url: str
    session: aiohttp.ClientSession
    good: str
    ledger: Ledger = field(default_factory=Ledger)
    spans: dict[str, tuple[float, float]] = field(default_factory=dict)  # conversation -> sent, acknowledged
    applied: list[tuple[str, str, float, float]] = field(default_factory=list)  # revision, queue, asked, answered
    refused: int = 0

    def in_force(self) -> list[Force]:
        """Each from when its reload was asked for until the next one had been answered."""
        ends = [answered for *_, answered in self.applied[1:]] + [float("inf")]
        return [Force(*told[:3], until=end) for told, end in zip(self.applied, ends, strict=True)]

    async def reload(self, turn: int) -> None:
        """The file of one turn, by an operator's word."""
        self.config.write_text(self.good + _rules(turn), encoding="utf-8")
        asked = time.monotonic()
        status, told = await self.api.send("POST", "/api/v1/rules/reload")
        assert (status, told["applied"]) == (200, True), told
        self.applied.append((told["revision"], QUEUES[turn % 2], asked, time.monotonic()))

    async def refuse(self) -> None:
        """A faulty file: refused, and the rules of the last turn stay."""
        self.config.write_text(self.good + FAULTY, encoding="utf-8")
        status, told = await self.api.send("POST", "/api/v1/rules/reload")
        assert (status, bool(told["errors"])) == (422, True), told
        assert (await self.api.get("/api/v1/rules"))["revision"] == self.applied[-1][0]
        self.refused += 1

    async def write(self, client: int, until: asyncio.Event) -> None:
        """A message of a new customer after the other: so many at least, and until the last reload is done."""
        number = 0
        while number < EACH or not until.is_set():
            identifier = f"m{client}-{number}"
            number += 1
            sent = time.monotonic()
            status, told = await post(self.session, self.url, written(identifier, f"customer {identifier}"))
            assert status == 200, told
            item = told["items"][0]
            self.ledger.acknowledged[identifier] = item
            self.spans[item["conversation"]] = (sent, time.monotonic())


@pytest.fixture
async def run(durable_url: str, tmp_path: Path) -> AsyncIterator[Run]:
    signals = "local" if durable_url.startswith("sqlite") else "postgres"
    config = write_config(tmp_path, durable_url, signals=signals)
    token = await furnished(durable_url)
    house: Serving = await start(config, log=tmp_path / "serve.log")
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=120)) as session:
        good = config.read_text(encoding="utf-8")
        yield Run(config, Api(session, house.url, token), house.url, session, good)
    assert await house.stop() == 0


async def test_reloads_under_load_lose_nothing_and_leave_no_decision_between_two_files(run: Run) -> None:
    await run.reload(0)
    done = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for client in range(CLIENTS):
            group.create_task(run.write(client, done))
        for turn in range(1, RELOADS + 1):
            await run.reload(turn)
            if turn % 3 == 0:
                await run.refuse()
        done.set()
    findings = await read_back(run.api, run.ledger)
    assert findings.clean, findings
    assert not findings.gaps
    assert findings.stored == findings.acknowledged == len(run.spans) >= CLIENTS * EACH
    seen = await _decided_by_rules_in_force(run)
    assert run.refused == RELOADS // 3
    assert len(seen) > RELOADS // 2, seen  # messages were decided by most of the files
    print(f"\n{findings.told()}; {RELOADS + 1} reloads, {run.refused} refused, decided by {len(seen)} revisions")


async def _decided_by_rules_in_force(run: Run) -> Counter[str]:
    """Each decision names a revision that was in force while its message was on the way, and did what its rules say."""
    forces, seen = {force.revision: force for force in run.in_force()}, Counter[str]()
    for conversation, (sent, acknowledged) in run.spans.items():
        told: dict[str, Any] = await run.api.explain(conversation)
        revision = str(told["revision"])
        force = forces[revision]
        assert force.since <= acknowledged, (revision, "was decided by before it was there")
        assert sent <= force.until, (revision, "was decided by after it was gone")
        assert told["queue"] == force.queue, told
        seen[revision] += 1
    return seen

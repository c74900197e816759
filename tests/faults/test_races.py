"""Two processes at once: one conversation for a customer's first words, one owner for a conversation, never more work than agreed."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest

from tests.faults.ledger import post, written
from tests.postgres import Postgres
from tests.serving import Api, Serving, furnished, start, write_config

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

CAPACITY = 3
CONTENDERS = 8
FORGETS = '[conversations]\nreopen_within = "0s"\n'  # who was answered begins anew


@dataclass(slots=True)
class Nodes:
    """Serving processes on one database, and how they are talked to."""

    database: str
    session: aiohttp.ClientSession
    serving: Sequence[Serving]
    token: str

    def api(self, node: int = 0, token: str | None = None) -> Api:
        return Api(self.session, self.serving[node].url, token or self.token)


@asynccontextmanager
async def nodes(folder: Path, database: str, count: int, *arguments: str, more: str = "") -> AsyncIterator[Nodes]:
    """`count` processes on one database."""
    signals = "local" if database.startswith("sqlite") else "postgres"
    config = write_config(folder, database, signals=signals, more=more)
    token = await furnished(database)
    log = folder / "serve.log"
    serving = await asyncio.gather(*(start(config, *arguments, log=log) for _ in range(count)))
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=30)) as session:
        yield Nodes(database, session, serving, token)
    assert [await one.stop() for one in serving] == [0] * count


# -- first messages ----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Pairs:
    """What came of pairs of messages at once."""

    pairs: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    doubled: list[str] = field(default_factory=list)
    conversations: int = 0
    customers: int = 0

    def told(self, name: str) -> str:
        return (
            f"\n{name}: {self.pairs} pairs at once, answers {dict(self.statuses)}, {self.conversations} conversations, "
            f"{self.customers} customers, {len(self.doubled)} pairs in two conversations"
        )


async def write_pairs(house: Nodes, customers: Sequence[str], *, run: str) -> Pairs:
    """For each customer one message to each end at once; then everything is read back through the API."""
    pairs, ends = Pairs(), (house.serving[0].url, house.serving[-1].url)
    for customer in customers:
        told = await asyncio.gather(
            *(
                post(house.session, url, written(f"{run}-{customer}-{end}", customer, "A question"))
                for end, url in enumerate(ends)
            )
        )
        pairs.pairs += 1
        pairs.statuses.update(status for status, _ in told)
        places = {item["conversation"] for status, answer in told if status == 200 for item in answer["items"]}
        if len(places) != 1:
            pairs.doubled.append(customer)
    found = [c async for c in house.api().conversations() if c["state"] != "closed"]
    pairs.conversations, pairs.customers = len(found), len({c["customer"]["id"] for c in found})
    return pairs


async def make_known(house: Nodes, customers: Sequence[str]) -> None:
    """They wrote once, and were answered: known, without an open conversation."""
    status, told = await post(house.session, house.serving[0].url, [written(f"first-{c}", c) for c in customers])
    assert status == 200
    for item in told["items"]:
        status, _ = await house.api().send("POST", f"/api/v1/conversations/{item['conversation']}/close")
        assert status == 200


def _people(count: int) -> list[str]:
    return [f"customer-{number}" for number in range(count)]


@pytest.fixture
def pair_count(long_form: bool) -> int:
    return 200 if long_form else 20


def _assert_single(pairs: Pairs, count: int) -> None:
    assert pairs.statuses == {200: 2 * count}
    assert not pairs.doubled
    assert (pairs.conversations, pairs.customers) == (count, count)


async def test_two_first_messages_at_once_make_one_conversation(
    durable_url: str, tmp_path: Path, pair_count: int
) -> None:
    sqlite = durable_url.startswith("sqlite")
    ends = (1, "--one-by-one") if sqlite else (2,)  # on SQLite: one process, two batches
    async with nodes(tmp_path, durable_url, *ends) as house:
        pairs = await write_pairs(house, _people(pair_count), run="new")

    print(pairs.told(f"first messages of new customers, {durable_url.partition(':')[0]}"))
    _assert_single(pairs, pair_count)


async def test_two_messages_at_once_of_a_known_customer_make_one_conversation(
    durable_url: str, tmp_path: Path, pair_count: int
) -> None:
    sqlite = durable_url.startswith("sqlite")
    ends = (1, "--one-by-one") if sqlite else (2,)
    async with nodes(tmp_path, durable_url, *ends, more=FORGETS) as house:
        await make_known(house, _people(pair_count))
        pairs = await write_pairs(house, _people(pair_count), run="known")

    print(pairs.told(f"known customers without an open conversation, {durable_url.partition(':')[0]}"))
    _assert_single(pairs, pair_count)


async def test_without_the_customers_lock_two_conversations_are_caught_within_200_pairs(
    durable_postgres: Postgres, tmp_path: Path
) -> None:
    async with nodes(tmp_path, durable_postgres.create(), 2, "--mutant", "no-customer-lock", more=FORGETS) as house:
        await make_known(house, _people(200))
        pairs, start_at = Pairs(), 0
        for start_at in range(0, 200, 20):
            pairs = await write_pairs(house, _people(200)[start_at : start_at + 20], run="mutant")
            if pairs.doubled:
                break

    print(pairs.told(f"mutant no-customer-lock after {start_at + 20} pairs"))
    assert pairs.doubled


# -- one owner, and never more than agreed -----------------------------------------------------------------------------


@dataclass(slots=True)
class Load:
    """The most that anybody held, by the counter and by the conversations themselves."""

    samples: int = 0
    counted: int = 0
    held: int = 0

    async def watch(self, database: str) -> None:
        """Look again and again until cancelled."""
        connection = await asyncpg.connect(database)
        try:
            while True:
                counted = await connection.fetchval("SELECT max(held) FROM agent_load")
                held = await connection.fetchval(
                    "SELECT max(n) FROM (SELECT count(*) AS n FROM conversations WHERE state IN ('assigned', 'offered')"
                    " GROUP BY coalesce(owner_id, offered_to)) AS held"
                )
                self.counted, self.held = max(self.counted, counted or 0), max(self.held, held or 0)
                self.samples += 1
                await asyncio.sleep(0.02)
        finally:
            await connection.close()

    def told(self) -> str:
        return f"{self.samples} samples, at most {self.counted} in agent_load and {self.held} conversations held"


async def hire(house: Nodes, count: int) -> list[tuple[str, str]]:
    """Agents who serve every queue, with room for three: (id, token)."""
    skills = {"payments": 3, "accounts": 3}
    hired = []
    for number in range(count):
        body = {
            "email": f"agent{number}@example.com",
            "name": f"Agent {number}",
            "languages": dict.fromkeys(("zh", "en", "fr", "de"), 3),
            "skills": skills,
            "capacity": {"message": CAPACITY},
        }
        status, agent = await house.api().send("POST", "/api/v1/agents", body)
        assert status == 201, agent
        status, token = await house.api().send("POST", f"/api/v1/agents/{agent['id']}/tokens")
        assert status == 201, token
        hired.append((agent["id"], token["token"]))
    return hired


async def opened(house: Nodes, count: int) -> list[str]:
    """New conversations, one for each of as many customers."""
    found: list[str] = []
    for start_at in range(0, count, 500):
        bodies = [
            written(f"open-{n}", f"person-{n}", "Hello there") for n in range(start_at, min(count, start_at + 500))
        ]
        status, told = await post(house.session, house.serving[0].url, bodies)
        assert status == 200
        found.extend(item["conversation"] for item in told["items"])
    assert len(set(found)) == count
    return found


@dataclass(slots=True)
class Contest:
    """Who won, and what the others were told."""

    winners: Counter[int] = field(default_factory=Counter)  # how many conversations had so many winners
    losers: Counter[str] = field(default_factory=Counter)
    again: Counter[str] = field(default_factory=Counter)  # why somebody was told to come back, and did

    def count(self, answers: Sequence[tuple[int, Any]]) -> None:
        self.winners[sum(status == 200 for status, _ in answers)] += 1
        self.losers.update(f"{status} {told['code']}" for status, told in answers if status != 200)


async def _take(api: Api, conversation: str, contest: Contest) -> tuple[int, Any]:
    """An answer that decides something: who is told that the store is busy asks again, as a client does."""
    while True:
        status, told = await api.send("POST", f"/api/v1/conversations/{conversation}/take")
        if status != 503:
            return status, told
        contest.again[str(told["detail"])] += 1
        await asyncio.sleep(0.1)


async def contend(house: Nodes, agents: Sequence[tuple[str, str]], conversation: str, contest: Contest) -> None:
    """Everybody takes it at once, half at each process; the winner gives it back or closes it."""
    apis = [house.api(number % 2, token) for number, (_, token) in enumerate(agents)]
    answers = await asyncio.gather(*(_take(api, conversation, contest) for api in apis))
    contest.count(answers)
    for api, (status, told) in zip(apis, answers, strict=True):
        if status == 200:
            done = "release" if told["reference"] < "G" else "close"
            status, told = await api.send("POST", f"/api/v1/conversations/{conversation}/{done}")
            assert status == 200, told


async def test_eight_contenders_on_two_processes_make_one_owner_and_nobody_holds_more_than_agreed(
    durable_postgres: Postgres, tmp_path: Path, long_form: bool
) -> None:
    count, contest, load = (1000 if long_form else 60), Contest(), Load()
    async with nodes(tmp_path, durable_postgres.create(), 2) as house:
        agents = await hire(house, CONTENDERS)
        waiting = await opened(house, count)
        watching = asyncio.ensure_future(load.watch(house.database))
        for start_at in range(0, count, 10):
            wave = waiting[start_at : start_at + 10]
            await asyncio.gather(*(contend(house, agents, one, contest) for one in wave))
        watching.cancel()
        states = Counter([c["state"] async for c in house.api().conversations()])

    print(f"\n{count} conversations, {CONTENDERS} contenders each on 2 processes: winners {dict(contest.winners)}, "
          f"losers {dict(contest.losers)}, asked again {dict(contest.again)}; {load.told()}; left {dict(states)}")  # fmt: skip
    assert contest.winners == {1: count}
    assert set(contest.losers) <= {"409 taken", "409 moved", "409 capacity_full", "409 closed"}
    assert max(load.counted, load.held) <= CAPACITY
    assert load.samples >= count / 20


async def work(api: Api, me: str, done: Counter[str], stop: asyncio.Event) -> None:
    """An agent's day: present, takes what is offered, closes it; what was another's is left alone."""
    while not stop.is_set():
        status, _ = await api.send("PUT", "/api/v1/me/presence", {"state": "online"})
        assert status == 200
        offered = await api.get("/api/v1/conversations", state="offered", limit=100)
        for conversation in [c for c in offered["items"] if c["offered_to"]["id"] == me]:
            path = f"/api/v1/conversations/{conversation['id']}"
            status, told = await api.send("POST", f"{path}/take")
            done[f"take {status} {told.get('code', '')}".strip()] += 1
            if status == 200:
                status, told = await api.send("POST", f"{path}/close")
                assert status == 200, told
        await asyncio.sleep(0.1)


async def test_two_distributors_offer_everything_once_and_never_more_than_agreed(
    durable_postgres: Postgres, tmp_path: Path, long_form: bool
) -> None:
    count, load, done, stop = (600 if long_form else 60), Load(), Counter[str](), asyncio.Event()
    async with nodes(tmp_path, durable_postgres.create(), 2) as house, asyncio.TaskGroup() as tasks:
        agents = await hire(house, CONTENDERS)
        watching = tasks.create_task(load.watch(house.database))
        for number, (me, token) in enumerate(agents):
            tasks.create_task(work(house.api(number % 2, token), me, done, stop))
        await opened(house, count)
        async with asyncio.timeout(60 + count / 4):
            while [c async for c in house.api().conversations(state="waiting,offered,assigned")]:
                await asyncio.sleep(0.2)
        stop.set()
        watching.cancel()

    print(f"\ntwo distributors, {count} conversations: {dict(done)}; {load.told()}")
    assert done["take 200"] == count
    assert max(load.counted, load.held) <= CAPACITY

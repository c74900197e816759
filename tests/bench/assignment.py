"""P6: claiming waiting work: what it costs among a million, against the bare statement, and whether every answer is right."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import asyncpg

from conversation.errors import Conflict, StoreUnavailable
from conversation.id_generator import new_id
from conversation.model import conversation as thread
from conversation.model.people import Agent, Presence, Role, WorkKind
from conversation.ports.storage.distribution import Asked, Offer
from ops.system_clock import SystemClock
from router.flows.active_rules import RulesInForce
from router.flows.distribution.distributor import Distributor, Match, Pass
from router.rules.rulebook import RuleBook
from storage.signals import open_signals
from storage.store import Store
from tests.bench import reference_postgres, stage
from tests.bench.backlog import LANGUAGES, QUEUES, fill
from tests.bench.measure import MOST_ROUNDS, Results, Row, Span, Stopwatch, middle, ratio_of, steady

AGENTS = 40
CONTENDERS = 8
_TRIES = 10


async def _staff(store: Store, capacity: int) -> None:
    """Agents of several languages who serve every queue."""
    now = datetime.now(UTC)
    async with store.begin("staff") as work:
        for number in range(AGENTS):
            agent = Agent(
                id=new_id(),
                email=f"agent{number}@example.com",
                name=f"Agent {number}",
                role=Role.AGENT,
                languages={language: 4 for at, language in enumerate(LANGUAGES) if (number + at) % 2 == 0},
                queues=QUEUES,
                capacity=dict.fromkeys(WorkKind, capacity),
            )
            await work.agents.add(agent, password_hash=None)
            await work.agents.set_presence(agent.id, Presence.ONLINE, until=now + timedelta(hours=2), now=now)


async def _bare_schema(server: stage.Server, waiting: int) -> str:
    url = await server.fresh()
    connection = await asyncpg.connect(url)
    await reference_postgres.make(connection)
    await connection.execute(
        "INSERT INTO conversations (contact_id, queue, priority, waiting_since)"
        " SELECT n, n % 8, CASE WHEN n % 50 = 0 THEN 2 ELSE 1 END, now() - make_interval(secs => n::bigint * 7919 % 1000003)"
        " FROM generate_series(1, $1::int) n",
        waiting,
        timeout=600,
    )
    await connection.execute("VACUUM ANALYZE")
    await connection.close()
    return url


@dataclass(slots=True)
class House:
    """One filled database and a distributor on it."""

    url: str
    store: Store
    distributor: Distributor
    pid: int

    async def offers(self, count: int) -> Span:
        """The distributor's own path, as it batches it: waiting, candidates, move, events, commit."""
        look, made = Pass(), 0
        with Stopwatch(count, server=[self.pid]) as watch:
            while made < count:
                _, offered = await self.distributor._offer_some(look)
                if not offered:
                    raise RuntimeError("nobody was free, though everybody is")
                made += offered
        watch.span.messages = made
        return watch.span

    async def bare(self, count: int) -> Span:
        """`waiting` of one conversation and its offer to an agent, a transaction each: the port's bare claim."""
        turn = itertools.cycle(QUEUES)
        async with self.store.read("who") as work:
            agents = itertools.cycle([agent.id for agent in await work.agents.all()])
        with Stopwatch(count, server=[self.pid]) as watch:
            for _ in range(count):
                async with self.store.begin("claim") as work:
                    (found,) = await work.distribution.waiting([next(turn)], limit=1)
                    now, agent = datetime.now(UTC), next(agents)
                    after = thread.offer(found, agent, now + timedelta(minutes=1), now)
                    await work.distribution.offer([Offer(before=found, after=after, agent=agent)], now=now)
        return watch.span


@asynccontextmanager
async def _house(server: stage.Server, waiting: int, *, capacity: int = 10**6) -> AsyncIterator[House]:
    url = await server.migrated()
    await fill(url, waiting=waiting)
    rules = RulesInForce(stage.rulebook(10))
    async with stage.opened(url) as store:
        await _staff(store, capacity)
        signals = open_signals("local", database=url, clock=SystemClock())
        yield House(url, store, Distributor(store, rules, signals, SystemClock()), server.pid)
    await asyncio.to_thread(server.postgres.drop, url)


async def _statement(connection: asyncpg.Connection, count: int, pid: int) -> Span:
    """The reference: one UPDATE of one claimed row."""
    queue = itertools.cycle(range(8))
    with Stopwatch(count, server=[pid]) as watch:
        for _ in range(count):
            if await connection.fetchval(reference_postgres.CLAIM, next(queue)) is None:
                raise RuntimeError("the reference ran dry")
    return watch.span


def _server(span: Span) -> float:
    return span.server_ms


def _rate(span: Span) -> float:
    return span.rate


async def p6(server: stage.Server, results: Results, *, quick: bool) -> None:
    """Growth, distance, correctness."""
    many, count, bare, rounds = (20_000, 40, 40, 3) if quick else (1_000_000, 100, 100, 5)
    url = await _bare_schema(server, many)
    reference = await asyncpg.connect(url)
    small = 2 * count * (rounds + MOST_ROUNDS + 2)  # a few thousand, so that it does not run dry
    async with _house(server, small) as few, _house(server, many) as full:

        async def one() -> tuple[Span, ...]:
            spans = [await house.offers(count) for house in (few, full)]
            spans += [await house.bare(bare) for house in (few, full)]
            return *spans, await _statement(reference, bare, server.pid)

        await one()
        found = await steady(one, rounds=rounds, by=_server)
        _tell(results, found, many, small)
        await _nobody(results, full, many)
    await reference.close()
    await asyncio.to_thread(server.postgres.drop, url)
    await _correct(server, results, 400 if quick else 20_000)


def _tell(results: Results, found: list[tuple[Span, ...]], many: int, small: int) -> None:
    note = f"among {small:,}: {middle(found, 0, by=_server):.3f} ms"
    results.at_most(
        f"P6 offer among {many:,} waiting", middle(found, 1, by=_server), "PG CPU ms", f"among {small:,}",
        ratio_of(found, 1, 0, by=_server), 2.0, note,
    )  # fmt: skip
    note = f"among {small:,}: {middle(found, 2, by=_server):.3f} ms; the bare statement {middle(found, -1, by=_server):.3f} ms"
    results.at_most(
        f"P6 bare claim among {many:,} waiting", middle(found, 3, by=_server), "PG CPU ms", f"among {small:,}",
        ratio_of(found, 3, 2, by=_server), 2.0, note,
    )  # fmt: skip
    for name, which in (("offer", 1), ("bare claim", 3)):
        note = f"one after the other; the statement {middle(found, -1, by=_rate):,.0f}/s"
        results.at_least(
            f"P6 {name} rate", middle(found, which, by=_rate), "claims/s", "one UPDATE by asyncpg",
            ratio_of(found, which, by=_rate), 0.5, note,
        )  # fmt: skip


async def _nobody(results: Results, full: House, many: int) -> None:
    """A look when everybody is busy: it happens on every hint."""
    connection = await asyncpg.connect(full.url)
    await connection.execute("UPDATE agent_load SET held = cap")
    await connection.close()
    with Stopwatch(1, server=[full.pid]) as watch:
        await full.distributor.once()
    results.add(
        Row(f"P6 one look, {many:,} waiting, nobody free", watch.span.wall, "s", "CPU seconds of it", watch.span.cpu)
    )


# -- correctness -------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Verdict:
    """What was claimed, and every answer that was wrong."""

    claimed: dict[str, str] = field(default_factory=dict)
    double: int = 0
    wrong: int = 0
    nobody: int = 0
    empty: int = 0


async def _correct(server: stage.Server, results: Results, count: int) -> None:
    """Eight at once claim everything there is, through the same ports, with room for exactly that."""
    async with _house(server, count) as house:
        async with house.store.read("agents") as work:
            speaks = {agent.id: set(agent.languages) for agent in await work.agents.all()}
        verdict = Verdict()
        rulebook = stage.rulebook(10)

        async def contend() -> None:
            while len(verdict.claimed) < count and verdict.empty < CONTENDERS * _TRIES:
                with contextlib.suppress(
                    Conflict, StoreUnavailable
                ):  # the whole transaction was undone: nobody was answered wrongly
                    for made in await _claim(house.store, rulebook, verdict):
                        verdict.double += made.before.id in verdict.claimed
                        verdict.claimed[made.before.id] = made.agent
                        verdict.wrong += made.before.language not in speaks[made.agent]

        with Stopwatch(count, server=[server.pid]) as watch:
            await asyncio.gather(*(contend() for _ in range(CONTENDERS)))
        stored = await _as_stored(house.url)
    verdict.wrong += sum(stored.get(one) != agent for one, agent in verdict.claimed.items())
    verdict.wrong += count - len(verdict.claimed)
    faults = verdict.double + verdict.wrong + verdict.nobody
    note = f"{verdict.double} double, {verdict.wrong} wrong, {verdict.nobody} 'nobody free'; {watch.span.rate:,.0f}/s, {watch.span.cpu_ms:.1f} CPU ms each"
    results.at_most(f"P6 wrong answers of {count:,}, c=8", float(faults), "answers", "0", float(faults), 0, note)


async def _claim(store: Store, rulebook: RuleBook, verdict: Verdict) -> Sequence[Offer]:
    now = datetime.now(UTC)
    async with store.begin("claim") as work:
        found = await work.distribution.waiting(QUEUES, limit=5)
        verdict.empty += not found
        queues = [rulebook.queues[one.queue] for one in found]
        asked = [
            Asked(conversation=one, needs=queue.needs, strategy="least_busy")
            for one, queue in zip(found, queues, strict=True)
        ]
        match = Match(rulebook, now)
        for one, before, pool in zip(asked, found, await work.distribution.pools(asked, now=now), strict=True):
            match.look(one, before, pool)
        verdict.nobody += len(match.skipped)
        await work.distribution.offer(match.offers, now=now)
    return match.offers


async def _as_stored(url: str) -> dict[str, str]:
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch("SELECT id, offered_to FROM conversations WHERE state = 'offered'")
        return {row["id"]: row["offered_to"] for row in rows}
    finally:
        await connection.close()

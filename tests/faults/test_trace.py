"""The order of the system calls: what makes the commit last reaches the disk before the first byte of the 2xx leaves."""

import asyncio
import re
import signal
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from tests.faults.ledger import post, written
from tests.postgres import Postgres
from tests.serving import furnished, start, write_config

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

CALLS = "fsync,fdatasync,sync_file_range,write,pwrite64,writev,pwritev,sendto,sendmsg"
_LINE = re.compile(r"^(?:\[pid +)?(?P<pid>\d+)\]? +(?P<at>\d+\.\d+) (?P<what>.*)$")
_SYNC = re.compile(r"^(?:fsync|fdatasync)\(|<\.\.\. (?:fsync|fdatasync) resumed>")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the trace, in the order in which the kernel was asked."""

    pid: int
    at: float
    what: str

    @property
    def is_sync(self) -> bool:
        """A sync that has returned: an unfinished one counts when it is resumed."""
        return bool(_SYNC.search(self.what)) and self.what.rstrip().endswith("= 0")

    @property
    def is_answer(self) -> bool:
        return '"HTTP/1.1 200' in self.what


def lines_of(trace: Path) -> list[Line]:
    found = [_LINE.match(line) for line in trace.read_text(errors="replace").splitlines()]
    return [Line(int(m["pid"]), float(m["at"]), m["what"]) for m in found if m]


async def attached(strace: str, pids: list[int], trace: Path) -> asyncio.subprocess.Process:
    """A tracer of these processes and all their threads and children; skips where tracing is not permitted."""
    chosen = [argument for pid in pids for argument in ("-p", str(pid))]
    tracer = await asyncio.create_subprocess_exec(
        strace, "-f", "-ttt", "-y", "-s", "64", "-e", f"trace={CALLS}", "-o", str(trace), *chosen,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert tracer.stderr is not None
    waiting = set(pids)
    async with asyncio.timeout(60):
        while waiting and (line := (await tracer.stderr.readline()).decode()):
            waiting -= {pid for pid in waiting if f"Process {pid} attached" in line}
            if "No such process" in line:  # one of the database's own workers, which ended meanwhile
                waiting -= {pid for pid in waiting if f", {pid})" in line}
            if "Operation not permitted" in line:
                pytest.skip(f"TRACING IS NOT PERMITTED HERE: {line.strip()}")
    assert not waiting, "the tracer ended"
    return tracer


def servers_of(postgres: Postgres) -> list[int]:
    """The server's own processes: the postmaster and all that it started."""
    first = int((Path(postgres.folder) / "d" / "postmaster.pid").read_text().splitlines()[0])
    found = [first]
    for task in Path("/proc").glob("[0-9]*/stat"):
        try:
            parts = task.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(parts[1]) == first:
            found.append(int(task.parent.name))
    return found


async def traced(strace: str, folder: Path, database: str, postgres: Postgres | None) -> list[Line]:
    """The system calls of one webhook, from before it is sent until after its answer."""
    config = write_config(folder, database)
    await furnished(database)
    serving = await start(config, log=folder / "serve.log")
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
        status, _ = await post(session, serving.url, written("warm", "customer-0"))
        assert status == 200
        pids = [serving.process.pid, *(servers_of(postgres) if postgres else [])]
        tracer = await attached(strace, pids, folder / "trace")
        status, _ = await post(session, serving.url, written("traced", "customer-1"))
        assert status == 200
    tracer.send_signal(signal.SIGINT)
    await tracer.wait()
    assert await serving.stop() == 0
    return lines_of(folder / "trace")


def told(lines: list[Line], first: float) -> str:
    return "\n".join(f"  {1000 * (line.at - first):9.3f} ms  pid {line.pid:<7} {line.what[:150]}" for line in lines)


def _relevant(lines: list[Line], mark: str) -> list[Line]:
    """The last write of the store's log before the answer, its sync, and the answer."""
    answer = next(at for at, line in enumerate(lines) if line.is_answer)
    syncs = [at for at, line in enumerate(lines[:answer]) if line.is_sync and mark in _whole(lines, at)]
    writes = [
        at for at, line in enumerate(lines[:answer]) if "write" in line.what.partition("(")[0] and mark in line.what
    ]
    assert writes, f"nothing was written to {mark} before the answer"
    assert syncs, f"{mark} was not synced before the answer"
    assert syncs[-1] > writes[-1], "something was written after the last sync"
    assert lines[syncs[-1]].at <= lines[answer].at
    return [lines[at] for at in (*writes[-2:], syncs[-1], answer)]


def _whole(lines: list[Line], at: int) -> str:
    """A resumed call together with its beginning."""
    line = lines[at]
    if "resumed" not in line.what:
        return line.what
    begun = next(l for l in reversed(lines[:at]) if l.pid == line.pid and "<unfinished" in l.what)  # noqa: E741
    return begun.what + line.what


async def test_sqlite_syncs_its_log_before_the_answer_leaves(strace: str, tmp_path: Path) -> None:
    lines = await traced(strace, tmp_path, f"sqlite:///{tmp_path / 'trace.db'}", None)

    relevant = _relevant(lines, "trace.db-wal")
    print("\nSQLite, one webhook:\n" + told(relevant, relevant[0].at))


async def test_postgresql_syncs_its_log_before_the_answer_leaves(
    strace: str, tmp_path: Path, durable_postgres: Postgres
) -> None:
    lines = await traced(strace, tmp_path, durable_postgres.create(), durable_postgres)

    relevant = _relevant(lines, "/pg_wal/")
    print("\nPostgreSQL, one webhook:\n" + told(relevant, relevant[0].at))

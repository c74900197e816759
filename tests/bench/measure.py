"""How things are measured: interleaved rounds, medians, CPU of whole process trees."""

import json
import os
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

import psutil

ROUNDS = 5
MOST_ROUNDS = 7
SPREAD = 1.6


def cpu_of(pids: Iterable[int]) -> float:
    """CPU seconds spent so far by these processes and all their children, living ones and reaped ones."""
    total = 0.0
    for pid in pids:
        try:
            root = psutil.Process(pid)
            family = [root, *root.children(recursive=True)]
        except psutil.NoSuchProcess:
            continue
        for process in family:
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total += times.user + times.system + times.children_user + times.children_system
    return total


@dataclass(slots=True)
class Span:
    """Wall and CPU seconds of one round; `server` is the database's part of the CPU; p99 in seconds where it was asked."""

    wall: float
    cpu: float
    messages: int
    server: float = 0.0
    p50: float = 0.0
    p99: float = 0.0

    @property
    def rate(self) -> float:
        """Messages a second."""
        return self.messages / self.wall

    @property
    def cpu_ms(self) -> float:
        """CPU milliseconds a message: the same number as CPU seconds per 1,000 messages."""
        return self.cpu * 1000 / self.messages

    @property
    def server_ms(self) -> float:
        """The database's CPU milliseconds a message."""
        return self.server * 1000 / self.messages


class Stopwatch:
    """`with Stopwatch(messages, server=pid) as watch: ...` then `watch.span`. Counted: this process alone and the server's tree."""

    def __init__(self, messages: int, *, server: Sequence[int] = ()) -> None:
        self._server = tuple(server)
        self.span = Span(0, 0, messages)

    def __enter__(self) -> Self:
        self._server_cpu = cpu_of(self._server)
        self._own = time.process_time()
        self._wall = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.span.wall = time.perf_counter() - self._wall
        self.span.server = cpu_of(self._server) - self._server_cpu
        self.span.cpu = time.process_time() - self._own + self.span.server


@dataclass(slots=True)
class Row:
    """One line of the result: ours against the reference, with the floor that was set. `met` None: nothing was demanded."""

    name: str
    value: float
    unit: str
    against: str
    ratio: float
    floor: str = ""
    met: bool | None = None
    note: str = ""


@dataclass(slots=True)
class Results:
    """All lines; printed as a table and written as JSON."""

    rows: list[Row] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)

    def say(self, name: str, what: str) -> None:
        """Something that must be known to read the numbers."""
        self.facts[name] = what
        print(f"     {name}: {what}", flush=True)

    def add(self, row: Row) -> None:
        """One more line, shown at once."""
        self.rows.append(row)
        print(_line(row), flush=True)

    def at_most(
        self, name: str, value: float, unit: str, against: str, ratio: float, floor: float, note: str = ""
    ) -> None:
        """The ratio may be `floor` and no more."""
        self.add(Row(name, value, unit, against, ratio, f"<= {floor:g}", ratio <= floor, note))

    def at_least(
        self, name: str, value: float, unit: str, against: str, ratio: float, floor: float, note: str = ""
    ) -> None:
        """The ratio must be `floor` or more."""
        self.add(Row(name, value, unit, against, ratio, f">= {floor:g}", ratio >= floor, note))

    def table(self) -> None:
        """Everything once more, together."""
        print(f"\n     {'what':44} {'value':>12} {'unit':16} {'ratio':>9}  {'against':36} {'floor':8} note")
        for row in self.rows:
            print(_line(row))
        missed = [row.name for row in self.rows if row.met is False]
        print(f"\n{len(missed)} floors missed{': ' if missed else ''}{', '.join(missed)}", flush=True)

    def write(self, path: Path) -> None:
        """For whoever compares two runs."""
        rows = {row.name: {key: value for key, value in asdict(row).items() if key != "name"} for row in self.rows}
        path.write_text(json.dumps({"_facts": self.facts, **rows}, indent=2) + "\n", encoding="utf-8")


def _line(row: Row) -> str:
    mark = "    " if row.met is None else "ok  " if row.met else "MISS"
    return (
        f"{mark} {row.name:44} {row.value:>12,.3f} {row.unit:16} {row.ratio:>9,.2f}x {row.against:36}"
        f" {row.floor:8} {row.note}"
    )


def median(values: Iterable[float]) -> float:
    """The middle one."""
    return statistics.median(values)


def spread(values: Sequence[float]) -> float:
    """Largest over smallest."""
    return max(values) / min(values) if values and min(values) > 0 else float("inf")


def percentile(values: Iterable[float], share: float) -> float:
    """The value below which this share lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


Rounds = list[tuple[Span, ...]]


async def steady(
    run: Callable[[], Awaitable[tuple[Span, ...]]],
    *,
    rounds: int = ROUNDS,
    by: Callable[[Span], float] = lambda span: span.cpu_ms,
) -> Rounds:
    """Interleaved rounds; the last of each tuple is the reference. Rounds are repeated until `rounds` of them have references
    within SPREAD of one another: those are returned, whole."""
    taken: Rounds = []
    while True:
        taken.append(await run())
        best = _closest(taken, rounds, by)
        if best and (spread([by(one[-1]) for one in best]) <= SPREAD or len(taken) >= rounds + MOST_ROUNDS):
            return best
        if sys.stdout.isatty():
            print(f"     round {len(taken)}", end="\r", flush=True)


def _closest(taken: Rounds, rounds: int, by: Callable[[Span], float]) -> Rounds:
    ordered = sorted(taken, key=lambda one: by(one[-1]))
    windows = [ordered[at : at + rounds] for at in range(len(ordered) - rounds + 1)]
    return min(windows, key=lambda window: spread([by(one[-1]) for one in window]), default=[])


def ratio_of(rounds: Rounds, ours: int, theirs: int = -1, *, by: Callable[[Span], float]) -> float:
    """The median of the rounds' own ratios: both sides of a ratio were measured within the same seconds."""
    return median(by(one[ours]) / by(one[theirs]) for one in rounds)


def middle(rounds: Rounds, which: int, *, by: Callable[[Span], float]) -> float:
    """The median of one side."""
    return median(by(one[which]) for one in rounds)


def rss_of(pid: int) -> int:
    """Resident bytes of one process."""
    return int(psutil.Process(pid).memory_info().rss)


def own_pid() -> int:
    """This process."""
    return os.getpid()

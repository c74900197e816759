"""What came out of a simulation, as the rows of `simulate`: by queue and language how soon and whether in time; by agent how busy."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ops.reporting.figures import ALL, MEDIAN, P90, UNKNOWN, Row, percentile
from ops.simulation.simulator import Arrival, SimulatedOutcome, Simulation, Worker
from router.rules.rulebook import RuleBook


@dataclass(slots=True)
class _Line:
    """Of one queue and language: waits of those who were answered, and what became of the promises."""

    waits: list[float] = field(default_factory=list)
    verdicts: Counter[str] = field(default_factory=Counter)
    count: int = 0

    def row(self, queue: str, language: str) -> Row:
        self.waits.sort()
        kept, broken = self.verdicts["within"], self.verdicts["late"]
        return {
            "queue": queue,
            "language": language,
            "count": self.count,
            "answered": len(self.waits),
            "unanswered": self.count - len(self.waits),
            "share": round(kept / (kept + broken), 4) if kept + broken else None,
            "wait_median_seconds": percentile(self.waits, MEDIAN),
            "wait_p90_seconds": percentile(self.waits, P90),
        }


def result(rulebook: RuleBook, team: Sequence[Worker], came: Sequence[Arrival], end: datetime) -> Row:
    """Lines by queue and language, by queue, and of all; and how busy everybody was."""
    outcome = Simulation(rulebook, team, end).run(came)
    lines: dict[tuple[str, str], _Line] = {}
    for arrival, started in zip(came, outcome.started, strict=True):
        verdict = _verdict(rulebook, arrival, started, end)
        for key in ((arrival.queue, arrival.language or UNKNOWN), (arrival.queue, ALL), (ALL, ALL)):
            line = lines.setdefault(key, _Line())
            line.count += 1
            line.verdicts[verdict] += 1
            if started is not None:
                line.waits.append((started - arrival.at).total_seconds())
    ordered = sorted(lines.items(), key=lambda item: [(part == ALL, part) for part in item[0]])
    return {
        "lines": [line.row(*key) for key, line in ordered],
        "agents": [_agent(worker, outcome) for worker in team],
    }


def _verdict(rulebook: RuleBook, arrival: Arrival, started: datetime | None, end: datetime) -> str:
    """By what the queue it came to promises."""
    queue = rulebook.queues[arrival.queue]
    promised = rulebook.due(queue, arrival.kind, arrival.language, arrival.at)
    if promised is None:
        return "none"
    if started is None:
        return "late" if promised < end else "pending"
    return "within" if started <= promised else "late"


def _agent(worker: Worker, outcome: SimulatedOutcome) -> Row:
    duty, busy = sum(high - low for low, high in worker.shifts), outcome.busy[worker.agent.id]
    row: dict[str, Any] = {"agent": worker.agent.email, "duty_seconds": duty, "busy_seconds": round(busy)}
    return {**row, "share": round(busy / duty, 4) if duty else None}

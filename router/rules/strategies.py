"""Strategies: pure functions that choose an agent among candidates. All of them may serve; the strategy only says who first."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import entry_points
from typing import cast

from conversation.model.people import WorkKind
from conversation.ports.storage.distribution import Candidate

Strategy = Callable[[Sequence[Candidate]], Candidate | None]

GROUP = "huntgroup.strategies"
_LONG_AGO = datetime(1, 1, 2, tzinfo=UTC)


def least_busy(candidates: Sequence[Candidate]) -> Candidate | None:
    """The smallest share of their capacity in use, then the longest idle."""
    return min(candidates, key=lambda one: (one.held / max(one.cap, 1), one.idle_since, one.agent), default=None)


def longest_idle(candidates: Sequence[Candidate]) -> Candidate | None:
    """Who has had nothing new for the longest time."""
    return min(candidates, key=lambda one: (one.idle_since, one.held, one.agent), default=None)


def round_robin(candidates: Sequence[Candidate]) -> Candidate | None:
    """Who was offered work the longest time ago, or never."""
    return min(candidates, key=lambda one: (one.last_offered or _LONG_AGO, one.agent), default=None)


STRATEGIES: Mapping[str, Strategy] = {
    "least_busy": least_busy,
    "longest_idle": longest_idle,
    "round_robin": round_robin,
}


def strategies() -> dict[str, Strategy]:
    """Those built in, and those installed under the entry point group."""
    found = {point.name: cast("Strategy", point.load()) for point in entry_points(group=GROUP)}
    return {**found, **STRATEGIES}


class AgentCapacity:
    """What was given to whom in one look, so that the next choice sees it: the store is written to once, at the end."""

    def __init__(self) -> None:
        self._given: Counter[tuple[str, WorkKind]] = Counter()
        self._offered: dict[str, datetime] = {}

    def free(self, pool: Sequence[Candidate], kind: WorkKind) -> list[Candidate]:
        """Those of the pool who still have room, as they stand by now."""
        now = [one if one.agent not in self._offered else self._as_given(one, kind) for one in pool]
        return [one for one in now if one.held < one.cap]

    def _as_given(self, one: Candidate, kind: WorkKind) -> Candidate:
        return replace(one, held=one.held + self._given[one.agent, kind], last_offered=self._offered[one.agent])

    def give(self, agent: str, kind: WorkKind, now: datetime) -> None:
        """One more for this agent."""
        self._given[agent, kind] += 1
        self._offered[agent] = now


def choose(
    candidates: Sequence[Candidate], strategy: str, known: Mapping[str, Strategy] = STRATEGIES
) -> Candidate | None:
    """Whom the strategy puts first; None where there is nobody. An unknown strategy is `least_busy`."""
    chosen = known.get(strategy, least_busy)(candidates)
    return chosen if chosen is None or chosen in candidates else least_busy(candidates)

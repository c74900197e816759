"""What arrives in a simulation: stored traffic decided again, or made up; and how long each is handled."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from conversation.model.decision import Decision, Facts, Joining
from conversation.ports.storage import Storage
from conversation.ports.storage.figures import Window
from ops.rule_analysis.replay import Rehearsal
from ops.simulation.simulator import Arrival
from router.decision.decide import decide
from router.rules.model import WORK_OF
from router.rules.rulebook import RuleBook

_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Came:
    """One conversation that began, and what each set of rules decides about it."""

    at: datetime
    kind: str
    decisions: tuple[Decision, ...]


async def stored(storage: Storage, window: Window, rehearsals: Sequence[Rehearsal]) -> list[Came]:
    """Every stored decision that opened a conversation in the window, in order."""
    found: list[Came] = []
    after: str | None = None
    while True:
        async with storage.read("simulate") as work:
            page = await work.decisions.stream(window.since, after=after, limit=_PAGE)
            for revision in {one.decision.revision for one in page}:
                kept = await work.rulebooks.get(revision)
                for rehearsal in rehearsals:
                    rehearsal.add_revision(revision, None if kept is None else kept.source)
        for one in page:
            if one.decision.joining is Joining.NEW and one.at < window.until:
                decided = tuple(rehearsal.decide(one) for rehearsal in rehearsals)
                found.append(Came(one.facts.now, one.facts.kind, decided))
        if len(page) < _PAGE:
            return sorted(found, key=lambda came: came.at)
        after = page[-1].id


def synthetic(rulebooks: Sequence[RuleBook], window: Window, per_day: float, dice: random.Random) -> Iterator[Came]:
    """So many a day, at random instants; languages, issues and channels alike often, as far as the first rule book has them."""
    first = rulebooks[0]
    languages, issues, channels = first.languages, sorted(first.issues), sorted(first.channels)
    at = window.since
    while channels:
        at += timedelta(seconds=dice.expovariate(per_day / 86_400))
        if at >= window.until:
            return
        issue = dice.choice(issues) if issues else None
        facts = _facts(at, dice.choice(languages), issue, dice.choice(channels), first)
        yield Came(at, facts.kind, tuple(decide(facts, rulebook) for rulebook in rulebooks))


def _facts(at: datetime, language: str, issue: str | None, channel: str, rulebook: RuleBook) -> Facts:
    hints = rulebook.channels[channel]
    return Facts(
        now=at,
        channel=channel,
        kind=hints.kind,
        brand=hints.brand,
        text="",
        language=language,
        language_confidence=1.0,
        language_source="chosen",
        issue=issue,
        issue_confidence=1.0 if issue else 0.0,
        issue_source="chosen" if issue else "unknown",
    )


async def handling_times(storage: Storage, window: Window) -> dict[str, list[float]]:
    """Seconds from the first answer to the closing of what was opened in the window, sorted, by kind of work."""
    found: dict[str, list[float]] = {}
    after: str | None = None
    while True:
        async with storage.read("simulate.handling") as work:
            page = await work.figures.lived(window, after=after, limit=_PAGE)
        for one in page:
            if one.answered_at is not None and one.closed_at is not None and one.closed_at > one.answered_at:
                found.setdefault(one.work, []).append((one.closed_at - one.answered_at).total_seconds())
        if len(page) < _PAGE:
            return {work: sorted(spans) for work, spans in sorted(found.items())}
        after = page[-1].id


class Handling:
    """Draws a handling time for each conversation: one of the stored ones, or exponential around `usual` where none is stored."""

    def __init__(self, stored_ones: Mapping[str, Sequence[float]], usual: timedelta, dice: random.Random) -> None:
        self._stored = stored_ones
        self._usual = usual.total_seconds()
        self._dice = dice

    def draw(self, kind: str) -> timedelta:
        """For a channel of this kind."""
        spans = self._stored.get(WORK_OF.get(kind, "message"))
        drawn = self._dice.choice(spans) if spans else self._dice.expovariate(1 / self._usual)
        return timedelta(seconds=round(drawn, 3))


def arrivals(came: Sequence[Came], handled: Sequence[timedelta], place: int) -> list[Arrival]:
    """What came, as the rules at that place decide it."""
    return [
        Arrival(
            at=one.at,
            queue=one.decisions[place].queue,
            kind=one.kind,
            language=one.decisions[place].language,
            priority=one.decisions[place].priority,
            handling=span,
        )
        for one, span in zip(came, handled, strict=True)
    ]

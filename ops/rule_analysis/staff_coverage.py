"""Who serves whom at which time, by the rules and calendars alone: exact spans from the calendars' own boundaries, no sampling."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from conversation.model.decision import Facts
from router.decision.decide import decide
from router.rules.conditions import Check
from router.rules.rulebook import RuleBook

QUARTER = timedelta(minutes=15)
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Span:
    """A queue has the work from `start` to `end`; where it is not open, nobody serves."""

    start: datetime
    end: datetime
    queue: str
    open: bool


@dataclass(frozen=True, slots=True)
class Combination:
    """Somebody writes about a matter, in a language, on a channel. An issue may be unknown."""

    language: str
    issue: str
    channel: str


Timeline = tuple[Span, ...]


class Coverage:
    """Timelines of all combinations in [start, end). A customer without attributes, who writes for the first time."""

    def __init__(self, rulebook: RuleBook, start: datetime, end: datetime) -> None:
        self._rulebook = rulebook
        self.start = start.astimezone(UTC)
        self.end = end.astimezone(UTC)
        self._asked = sorted(_asked(rulebook))
        self.timelines: dict[Combination, Timeline] = {}
        for language in rulebook.languages:
            self._cover(language)

    def _cover(self, language: str) -> None:
        segments = list(self._segments(language))
        for channel in self._rulebook.channels:
            for issue in (*self._rulebook.issues, UNKNOWN):
                combination = Combination(language, issue, channel)
                self.timelines[combination] = self._timeline(combination, segments)

    def _segments(self, language: str) -> Iterator[tuple[datetime, datetime, tuple[bool, ...]]]:
        """The time cut wherever a calendar opens or closes, each piece with what is open in it."""
        calendars = self._rulebook.calendars
        low, high = int(self.start.timestamp()), int(self.end.timestamp())
        opened = [calendars.intervals(name, self.start, self.end, language) for name in self._asked]
        instants = {instant for found in opened for interval in found for instant in interval if low < instant < high}
        for begin, end in pairwise(sorted({low, high, *instants})):
            state = tuple(any(first <= begin < last for first, last in found) for found in opened)
            yield _at(begin), _at(end), state

    def _timeline(
        self, combination: Combination, segments: Iterable[tuple[datetime, datetime, tuple[bool, ...]]]
    ) -> Timeline:
        """Within one state of all calendars the decision is one; spans that follow with the same one are joined."""
        known: dict[tuple[bool, ...], tuple[str, bool]] = {}
        spans: list[Span] = []
        for start, end, state in segments:
            if state not in known:
                known[state] = served(self._rulebook, combination, start)
            queue, is_open = known[state]
            if spans and (spans[-1].queue, spans[-1].open) == (queue, is_open):
                spans[-1] = replace(spans[-1], end=end)
            else:
                spans.append(Span(start, end, queue, is_open))
        return tuple(spans)

    def groups(self) -> dict[Timeline, list[Combination]]:
        """Combinations by timeline: most share one."""
        found: dict[Timeline, list[Combination]] = {}
        for combination, timeline in self.timelines.items():
            found.setdefault(timeline, []).append(combination)
        return found

    def never_served(self) -> list[Combination]:
        """Combinations for which nobody is there at any time."""
        return [one for one, timeline in self.timelines.items() if not any(span.open for span in timeline)]

    def quarters(self, timeline: Timeline) -> str:
        """One letter for each quarter of an hour: `#` served, `.` not, `~` in part of it."""
        return "".join(_letter(timeline, at) for at in _steps(self.start, self.end))


def served(rulebook: RuleBook, combination: Combination, at: datetime) -> tuple[str, bool]:
    """(queue, whether it is open): what `decide` says of such a message."""
    issue = None if combination.issue == UNKNOWN else combination.issue
    hints = rulebook.channels[combination.channel]
    facts = Facts(
        now=at,
        channel=combination.channel,
        kind=hints.kind,
        brand=hints.brand,
        text="",
        language=combination.language,
        language_confidence=1.0,
        language_source="chosen",
        issue=issue,
        issue_confidence=1.0 if issue else 0.0,
        issue_source="chosen" if issue else UNKNOWN,
    )
    decision = decide(facts, rulebook)
    return decision.queue, decision.open


def holes(timeline: Sequence[Span]) -> list[tuple[datetime, datetime]]:
    """When nobody is there, whatever queue the work waits in."""
    found: list[tuple[datetime, datetime]] = []
    for span in timeline:
        if span.open:
            continue
        if found and found[-1][1] == span.start:
            found[-1] = (found[-1][0], span.end)
        else:
            found.append((span.start, span.end))
    return found


def open_time(timeline: Sequence[Span]) -> timedelta:
    """For how long somebody is there."""
    return sum((span.end - span.start for span in timeline if span.open), timedelta(0))


def _asked(rulebook: RuleBook) -> set[str]:
    """The calendars that any decision can depend on."""
    names = {queue.hours for queue in rulebook.queues.values()}
    for rule in rulebook.rules:
        for name in _questions(rule.checks):
            queue = rulebook.queues.get(name)
            names.add(queue.hours if queue else name)
    return names


def _questions(checks: Iterable[Check]) -> Iterator[str]:
    for check in checks:
        if check.fact in ("open", "staffed"):
            yield from [check.wanted] if isinstance(check.wanted, str) else check.wanted
        yield from _questions(check.parts)


def _at(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)


def _steps(start: datetime, end: datetime) -> Iterator[datetime]:
    at = start
    while at < end:
        yield at
        at += QUARTER


def _letter(timeline: Sequence[Span], at: datetime) -> str:
    states = {span.open for span in timeline if span.start < at + QUARTER and span.end > at}
    return "~" if len(states) > 1 else "#" if True in states else "."

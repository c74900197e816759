"""From rows and counts to the figures of a report: flat rows under stable names, spans in whole seconds, shares from 0 to 1.

A percentile is the nearest rank: of n sorted values the one at place ceil(share x n).
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from conversation.ports.storage.figures import Corrected, Lived, Window
from ops.reporting.open_time import OpenClock
from router.hours.calendars import ALWAYS
from router.rules.rulebook import RuleBook

Row = dict[str, Any]
SOON = 3_600  # seconds after its opening in which a transfer means that the first queue was the wrong one
UNKNOWN = "unknown"
ALL = "all"
MEDIAN, P90 = 0.5, 0.9
_HANDLED = ("offered", "declined", "expired", "released", "abandoned", "transferred", "reopened")
_LOST = ("failed", "uncertain", "suppressed")


def percentile(values: Sequence[float], share: float) -> int | None:
    """The nearest rank of sorted values, in whole seconds; None of nothing."""
    return round(values[max(math.ceil(share * len(values)), 1) - 1]) if values else None


@dataclass(slots=True)
class _Times:
    """Of one queue: first answers and resolutions, on the clock and in open time."""

    first: list[float] = field(default_factory=list)
    first_open: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)
    whole_open: list[float] = field(default_factory=list)

    def row(self, queue: str) -> Row:
        row: Row = {"queue": queue, "answered": len(self.first), "closed": len(self.whole)}
        named = (("first", self.first), ("first_open", self.first_open), ("resolution", self.whole))
        for name, values in (*named, ("resolution_open", self.whole_open)):
            values.sort()
            row[f"{name}_median_seconds"] = percentile(values, MEDIAN)
            row[f"{name}_p90_seconds"] = percentile(values, P90)
        return row


class Lives:
    """Conversations one by one; what is asked of them is how many, how soon, and whether within what was promised."""

    def __init__(self, rulebook: RuleBook, window: Window, zone: ZoneInfo) -> None:
        self._rulebook = rulebook
        self._window = window
        self._zone = zone
        self._clock = OpenClock(rulebook.calendars, window.since, window.until)
        self._volumes: dict[str, Counter[str]] = {name: Counter() for name in ("queue", "channel", "language", "issue")}
        self._days: Counter[str] = Counter()
        self._times: defaultdict[str, _Times] = defaultdict(_Times)
        self._level: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def add(self, lived: Lived) -> None:
        """Count one. What was answered or closed after the window was neither, as seen from its end."""
        self._days[lived.created_at.astimezone(self._zone).date().isoformat()] += 1
        for name, counter in self._volumes.items():
            counter[getattr(lived, name) or UNKNOWN] += 1
        answered, closed = self._seen(lived.answered_at), self._seen(lived.closed_at)
        for times in (self._times[lived.queue], self._times[ALL]):
            if answered is not None:
                times.first.append((answered - lived.created_at).total_seconds())
                times.first_open.append(self._open(lived, answered))
            if closed is not None:
                times.whole.append((closed - lived.created_at).total_seconds())
                times.whole_open.append(self._open(lived, closed))
        verdict = self._verdict(lived, answered, closed)
        if verdict is not None:
            self._level[lived.queue][verdict] += 1
            self._level[ALL][verdict] += 1

    def _seen(self, at: datetime | None) -> datetime | None:
        return at if at is not None and at < self._window.until else None

    def _open(self, lived: Lived, until: datetime) -> float:
        queue = self._rulebook.queues.get(lived.queue)
        return self._clock.seconds(ALWAYS if queue is None else queue.hours, lived.language, lived.created_at, until)

    def _verdict(self, lived: Lived, answered: datetime | None, closed: datetime | None) -> str | None:
        """Within the promise, late (answered or not), still within it, or closed without an answer before it was due."""
        queue = self._rulebook.queues.get(lived.queue)
        hints = self._rulebook.channels.get(lived.channel)
        promise = None if queue is None else self._rulebook.promised(queue, hints.kind if hints else lived.work)
        if promise is None:
            return None
        if self._open(lived, answered or closed or self._window.until) > promise.total_seconds():
            return "late" if answered else "unanswered"
        return "within" if answered else "closed_unanswered" if closed else "pending"

    # -- rows ----------------------------------------------------------------------------------------------------------

    def volumes(self) -> dict[str, list[Row]]:
        """How many were opened: by day in order of days, else the greatest number first."""
        days = [{"day": day, "count": self._days[day]} for day in self._all_days()]
        by = {
            f"per_{name}": [{name: key, "count": count} for key, count in ranked(counter)]
            for name, counter in self._volumes.items()
        }
        return {"per_day": days, **by}

    def _all_days(self) -> Iterator[str]:
        """Also those on which nobody wrote."""
        last = (self._window.until - timedelta.resolution).astimezone(self._zone).date()
        day = self._window.since.astimezone(self._zone).date()
        while day <= last:
            yield day.isoformat()
            day += timedelta(days=1)

    def times(self) -> list[Row]:
        """A row for each queue, and one for all together at the end."""
        return [times.row(queue) for queue, times in sorted(self._times.items(), key=_all_last)]

    def levels(self) -> list[Row]:
        """Of those whose promise was kept or broken, the share that was kept."""
        return [_level(queue, counted) for queue, counted in sorted(self._level.items(), key=_all_last)]


def _all_last(item: tuple[str, Any]) -> tuple[bool, str]:
    return item[0] == ALL, item[0]


def _level(queue: str, counted: Counter[str]) -> Row:
    kept, broken = counted["within"], counted["late"] + counted["unanswered"]
    share = round(kept / (kept + broken), 4) if kept + broken else None
    row = {name: counted[name] for name in ("within", "late", "unanswered", "pending", "closed_unanswered")}
    return {"queue": queue, **row, "share": share}


def ranked(counter: Counter[str]) -> list[tuple[str, int]]:
    """The greatest number first, then by name."""
    return sorted(counter.items(), key=lambda item: (-item[1], item[0]))


# -- counts ------------------------------------------------------------------------------------------------------------


def talk(counts: Mapping[tuple[str, ...], int]) -> tuple[list[Row], list[Row]]:
    """Messages by channel; and those that did not arrive, with the reason."""
    channels: defaultdict[str, Counter[str]] = defaultdict(Counter)
    troubles: Counter[tuple[str, str, str]] = Counter()
    for (channel, direction, author, status, why), count in counts.items():
        if direction == "note":
            continue
        name = "received" if direction == "in" else "automatic" if author == "system" else "answers"
        if direction == "out" and status in _LOST:
            channels[channel][status] += count
            troubles[channel, status, why] += count
        if status != "suppressed":  # it was never said
            channels[channel][name] += count
    named = ("received", "answers", "automatic", *_LOST)
    row = [{"channel": channel, **{name: found[name] for name in named}} for channel, found in sorted(channels.items())]
    worst = sorted(troubles.items(), key=lambda item: (-item[1], item[0]))
    return row, [
        {"channel": channel, "status": status, "reason": why, "count": count} for (channel, status, why), count in worst
    ]


def handled(counts: Mapping[tuple[str, ...], int]) -> list[Row]:
    """What happened to conversations of each queue."""
    queues: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for (queue, what), count in counts.items():
        queues[queue][what] += count
    return [{"queue": queue, **{name: found[name] for name in _HANDLED}} for queue, found in sorted(queues.items())]


def corrections(transfers: Iterable[Corrected], relabels: Iterable[Corrected]) -> dict[str, list[Row]]:
    """From where to where, and which rule (or "issue", "fallback" ...) had settled what was wrong."""
    moved: Counter[tuple[str, ...]] = Counter()
    issues: Counter[tuple[str, ...]] = Counter()
    languages: Counter[tuple[str, ...]] = Counter()
    rules: Counter[str] = Counter()
    for one in transfers:
        moved[one.from_queue or UNKNOWN, one.queue or UNKNOWN] += 1
        rules[UNKNOWN if one.decision is None else one.decision.settled_by.get("queue", UNKNOWN)] += 1
    for one in relabels:
        was = one.decision
        for counter, now, then in (
            (issues, one.issue, was and was.issue),
            (languages, one.language, was and was.language),
        ):
            if now is not None and now != then:
                counter[then or UNKNOWN, now] += 1
    return {
        "transfers": _ways(moved),
        "rules": [{"rule": rule, "count": count} for rule, count in ranked(rules)],
        "relabelled_issues": _ways(issues),
        "relabelled_languages": _ways(languages),
    }


def _ways(counter: Counter[tuple[str, ...]]) -> list[Row]:
    found = sorted(counter.items(), key=lambda item: (-item[1], item[0]))
    return [{"from": key[0], "to": key[1], "count": count} for key, count in found]

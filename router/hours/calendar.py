"""Things that are open at times: weekly calendars in a zone's wall time, and calendars made of others."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import pairwise
from typing import Protocol
from zoneinfo import ZoneInfo

Interval = tuple[int, int]
Span = tuple[int, int]

DAY = 86_400
HORIZON = 400 * DAY
_CACHED_DAYS = 2_000
_UTC = ZoneInfo("UTC")


class Opening(Protocol):
    """Something that is open at times."""

    @property
    def zone(self) -> ZoneInfo:
        """The zone of its times."""
        ...

    def intervals(self, start: int, end: int) -> list[Interval]:
        """The open intervals that touch [start, end), in seconds since 1970; sorted, apart from each other, not cut off."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DateRule:
    """A date or range of dates with hours of its own. `yearly` compares month and day only."""

    first: date
    last: date
    spans: tuple[Span, ...]
    yearly: bool = False

    def covers(self, day: date) -> bool:
        """Whether it speaks of that day."""
        if not self.yearly:
            return self.first <= day <= self.last
        at, low, high = ((d.month, d.day) for d in (day, self.first, self.last))
        return low <= at <= high if low <= high else at >= low or at <= high


class HolidayTable(Protocol):
    """What knows whether a day is a holiday."""

    def __contains__(self, day: object) -> bool: ...


@dataclass(slots=True, kw_only=True, eq=False)
class Weekly:
    """A weekly calendar: `week` has the spans of Monday to Sunday, in minutes of wall time since midnight."""

    zone: ZoneInfo
    week: tuple[tuple[Span, ...], ...]
    dates: tuple[DateRule, ...] = ()
    holidays: tuple[HolidayTable, ...] = ()
    _days: dict[int, tuple[Interval, ...]] = field(default_factory=dict)

    def intervals(self, start: int, end: int) -> list[Interval]:
        first, last = start // DAY - 3, end // DAY + 2
        found = (interval for day in range(first, last + 1) for interval in self._of_day(day))
        return _clipped(merged(found), start, end)

    def spans(self, day: date) -> tuple[Span, ...]:
        """The spans that begin on a local day: a date's before a holiday's before the week's."""
        for rule in self.dates:
            if rule.covers(day):
                return rule.spans
        if any(day in table for table in self.holidays):
            return ()
        return self.week[day.weekday()]

    def _of_day(self, day: int) -> tuple[Interval, ...]:
        known = self._days.get(day)
        if known is None:
            known = self._reckoned(day)
            if len(self._days) >= _CACHED_DAYS:
                self._days.clear()
            self._days[day] = known
        return known

    def _reckoned(self, day: int) -> tuple[Interval, ...]:
        """A day's spans as instants: wall time shifted by each offset that is in force, within the time it is."""
        spans = self.spans(date.fromordinal(day + _EPOCH))
        if not spans:
            return ()
        midnight = day * DAY
        parts = offsets(self.zone, midnight - DAY, midnight + 3 * DAY)
        found = []
        for low, high, offset in parts:
            for begin, end in spans:
                opens = max(low, midnight + begin * 60 - offset)
                closes = min(high, midnight + end * 60 - offset)
                if opens < closes:
                    found.append((opens, closes))
        return tuple(sorted(found))


_EPOCH = date(1970, 1, 1).toordinal()


@dataclass(slots=True, eq=False)
class Anyone:
    """Open when one of them is."""

    parts: tuple[Opening, ...]

    @property
    def zone(self) -> ZoneInfo:
        return self.parts[0].zone

    def intervals(self, start: int, end: int) -> list[Interval]:
        return merged(interval for part in self.parts for interval in part.intervals(start, end))


@dataclass(slots=True, eq=False)
class Everyone:
    """Open when all of them are."""

    parts: tuple[Opening, ...]

    @property
    def zone(self) -> ZoneInfo:
        return self.parts[0].zone

    def intervals(self, start: int, end: int) -> list[Interval]:
        common = self.parts[0].intervals(start, end)
        for part in self.parts[1:]:
            common = _overlap(common, part.intervals(start, end))
        return common


@dataclass(slots=True, eq=False)
class Overridden:
    """Another calendar, but in [low, high) open or closed whatever it says: an emergency wins over date, holiday and week."""

    calendar: Opening
    low: int
    high: int
    open: bool

    @property
    def zone(self) -> ZoneInfo:
        return self.calendar.zone

    def intervals(self, start: int, end: int) -> list[Interval]:
        found = self.calendar.intervals(start, end)
        if self.open:
            return _clipped(merged([*found, (self.low, self.high)]), start, end)
        before = [(low, min(high, self.low)) for low, high in found if low < self.low]
        after = [(max(low, self.high), high) for low, high in found if high > self.high]
        return _clipped(before + after, start, end)


@dataclass(slots=True, eq=False)
class Always:
    """Open at all times."""

    zone: ZoneInfo = _UTC

    def intervals(self, start: int, end: int) -> list[Interval]:
        return [(start - HORIZON, end + HORIZON)]


def offsets(zone: ZoneInfo, start: int, end: int) -> list[tuple[int, int, int]]:
    """(from, to, offset in seconds) over [start, end), one part for each offset in force."""
    instants = [*range(start, end, DAY // 2), end]
    parts: list[tuple[int, int, int]] = []
    for low, high in pairwise(instants):
        before, after = _offset(zone, low), _offset(zone, high)
        change = high if before == after else _change(zone, low, high)
        _extend(parts, low, change, before)
        _extend(parts, change, high, after)
    return parts


def _extend(parts: list[tuple[int, int, int]], low: int, high: int, offset: int) -> None:
    if low >= high:
        return
    if parts and parts[-1][2] == offset and parts[-1][1] == low:
        parts[-1] = (parts[-1][0], high, offset)
    else:
        parts.append((low, high, offset))


def _offset(zone: ZoneInfo, at: int) -> int:
    shift = datetime.fromtimestamp(at, zone).utcoffset()
    return int(shift.total_seconds()) if shift is not None else 0


def _change(zone: ZoneInfo, low: int, high: int) -> int:
    """The first second at which the offset is no longer that of `low`."""
    before = _offset(zone, low)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _offset(zone, middle) == before else (low, middle)
    return high


def merged(intervals: Iterable[Interval]) -> list[Interval]:
    """Sorted, with those that touch made one."""
    joined: list[Interval] = []
    for low, high in sorted(intervals):
        if joined and low <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return joined


def _clipped(intervals: Sequence[Interval], start: int, end: int) -> list[Interval]:
    return [one for one in intervals if one[1] > start and one[0] < end]


def _overlap(left: Sequence[Interval], right: Sequence[Interval]) -> list[Interval]:
    found, at = [], 0
    for low, high in left:
        while at < len(right) and right[at][1] <= low:
            at += 1
        here = at
        while here < len(right) and right[here][0] < high:
            found.append((max(low, right[here][0]), min(high, right[here][1])))
            here += 1
    return found

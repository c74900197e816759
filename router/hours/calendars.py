"""Opening hours: open at an instant, the next opening, and arithmetic in open time.

A calendar is weekly (spans of local wall time, holidays, dates), or made of others (any, all), or "always", or chosen by language.
An instant is open when the wall clock of the calendar's zone shows a time within a span: a time skipped in spring never comes, a
time repeated in autumn comes twice. A span belongs to the day it begins on, also where it passes midnight.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from router.hours.calendar import DAY, HORIZON, Always, Interval, Opening

ALWAYS = "always"
_WINDOWS = (3 * DAY, 12 * DAY, 60 * DAY, HORIZON)
_EARLIEST, _LATEST = -62_000_000_000, 253_000_000_000  # within the years that `datetime` knows

State = tuple[int, int, bool]


class Calendars:
    """All calendars by name. Remembers, for each, the state found last and how long it holds."""

    __slots__ = ("_by_language", "_from_opening", "_plain", "_states")

    def __init__(
        self, plain: Mapping[str, Opening], by_language: Mapping[str, Mapping[str, str]] | None = None
    ) -> None:
        self._plain = {ALWAYS: Always(), **plain}
        self._by_language = dict(by_language or {})
        self._states: dict[str, State] = {}
        self._from_opening = lru_cache(64)(lambda name, opens, left: _add(self._plain[name], opens, left))

    def __contains__(self, name: object) -> bool:
        return name in self._plain or name in self._by_language

    def parts(self) -> tuple[dict[str, Opening], dict[str, Mapping[str, str]]]:
        """The calendars by name, and the names that stand for one per language: what others can be made of."""
        return dict(self._plain), dict(self._by_language)

    def resolve(self, name: str, language: str | None = None) -> str:
        """The calendar meant for a language, where the name stands for one per language."""
        table = self._by_language.get(name)
        if table is None:
            return name
        return table.get(language or "default") or table["default"]

    def zone(self, name: str, language: str | None = None) -> ZoneInfo:
        """The zone of its times."""
        return self._plain[self.resolve(name, language)].zone

    def is_open(self, name: str, at: datetime, language: str | None = None) -> bool:
        """Whether it is open at that instant."""
        return self._state(self.resolve(name, language), _seconds(at))[2]

    def intervals(self, name: str, start: datetime, end: datetime, language: str | None = None) -> list[Interval]:
        """The open intervals that touch [start, end), in seconds since 1970; sorted, apart from each other, not cut off."""
        return self._plain[self.resolve(name, language)].intervals(_seconds(start), _seconds(end))

    def next_opening(self, name: str, at: datetime, language: str | None = None) -> datetime | None:
        """The first instant from `at` on at which it is open (`at` itself when it is); None: not within 400 days."""
        _, until, is_open = self._state(self.resolve(name, language), _seconds(at))
        if is_open:
            return at
        return None if until - _seconds(at) >= HORIZON else datetime.fromtimestamp(until, UTC)

    def add_open_time(
        self, name: str, start: datetime, span: timedelta, language: str | None = None
    ) -> datetime | None:
        """The instant at which so much open time has passed; None: not within 400 days."""
        resolved = self.resolve(name, language)
        at, left = max(_EARLIEST, min(start.timestamp(), _LATEST)), span.total_seconds()
        _, until, is_open = self._state(resolved, int(at // 1))
        if is_open and 0 <= left <= until - at:
            return datetime.fromtimestamp(at + left, UTC)
        if is_open:
            return _add(self._plain[resolved], at, left)
        # nothing passes while it is closed: whoever comes meanwhile gets the same answer
        return None if until - at >= HORIZON else self._from_opening(resolved, until, left)

    def open_time_between(self, name: str, start: datetime, end: datetime, language: str | None = None) -> timedelta:
        """How much open time lies between two instants."""
        if end <= start:
            return timedelta(0)
        calendar = self._plain[self.resolve(name, language)]
        low, high = start.timestamp(), end.timestamp()
        found = calendar.intervals(int(low), int(high) + 1)
        return timedelta(seconds=sum(max(min(closes, high) - max(opens, low), 0) for opens, closes in found))

    def _state(self, name: str, at: int) -> State:
        known = self._states.get(name)
        if known is not None and known[0] <= at < known[1]:
            return known
        found = self._states[name] = _state_of(self._plain[name], at)
        return found


def _state_of(calendar: Opening, at: int) -> State:
    for window in _WINDOWS:
        found = calendar.intervals(at, at + window)
        if found:
            low, high = found[0]
            return (max(low, at - DAY), high, True) if low <= at else (at, low, False)
    return (at, at + HORIZON, False)


def _add(calendar: Opening, at: float, left: float) -> datetime | None:
    for low, high in _lazily(calendar, int(at // 1)):
        begin = max(low, at)
        if high > begin and high - begin >= left:
            return datetime.fromtimestamp(begin + left, UTC)
        left -= max(high - begin, 0)
    return None


def _lazily(calendar: Opening, at: int) -> Iterable[Interval]:
    """Open intervals from an instant on, in growing windows, each once."""
    seen = at
    for window in _WINDOWS:
        end = at + window
        for low, high in calendar.intervals(seen, end) if seen < end else ():
            if high > seen:
                yield max(low, seen), high
                seen = high
        seen = max(seen, end)


def _seconds(at: datetime) -> int:
    return int(min(max(at.timestamp(), _EARLIEST), _LATEST) // 1)

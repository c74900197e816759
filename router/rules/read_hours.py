"""Reads `[hours.*]` into calendars; every fault is named with its place."""

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import pairwise
from zoneinfo import ZoneInfo

import holidays

from router.hours.calendar import Anyone, DateRule, Everyone, HolidayTable, Opening, Span, Weekly
from router.hours.calendars import ALWAYS, Calendars
from router.rules.document import DatePart, HoursPart
from router.rules.faults import Faults, Path, did_you_mean

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_OWN = ("timezone", "holidays", "dates", "any", "all", "per_language", "every", *DAYS)
_LEAP = 2000
_DAY = 24 * 60
_HOUR = 60
_UNSAID = 8


def read_calendars(parts: Mapping[str, HoursPart], faults: Faults) -> Calendars:
    """All calendars. Those with a fault are left out, the fault is reported."""
    reader = _Reader(parts, faults)
    for name in parts:
        reader.read(name)
    return Calendars(reader.plain, reader.by_language)


def read_span(text: object) -> Span:
    """`22:00-06:00` as minutes since midnight, the end after the begin. `ValueError` in words for people."""
    begin, dash, end = text.partition("-") if isinstance(text, str) else ("", "", "")
    if not dash:
        raise ValueError(f"'{text}' is no span of hours: write \"09:00-17:00\"")
    low, high = _minutes(begin.strip()), _minutes(end.strip())
    if low in (high, _DAY):
        raise ValueError(f"'{text}' is an empty span; a whole day is \"00:00-24:00\"")
    return (low, high if high > low else high + _DAY)


def _minutes(text: str) -> int:
    hour, _, minute = text.partition(":")
    digits = f"{hour}{minute}"
    if digits.isascii() and digits.isdigit() and (len(hour), len(minute)) in ((1, 2), (2, 2)):
        at = int(hour) * _HOUR + int(minute)
        if int(minute) < _HOUR and at <= _DAY:
            return at
    raise ValueError(f'\'{text}\' is no time of day: write "09:00", or "24:00" for the end of the day')


def weekdays(key: str) -> tuple[int, ...] | None:
    """The days a key speaks of, Monday 0: `tue`, `mon-fri`, `sat-mon`, `every`; None where it is no such key."""
    if key == "every":
        return tuple(range(7))
    first, dash, last = key.partition("-")
    if first not in DAYS or (dash and last not in DAYS):
        return None
    low, high = DAYS.index(first), DAYS.index(last or first)
    return tuple((low + step) % 7 for step in range((high - low) % 7 + 1))


class _Reader:
    def __init__(self, parts: Mapping[str, HoursPart], faults: Faults) -> None:
        self._parts = parts
        self._faults = faults
        self._reading: list[str] = []
        self._failed: set[str] = set()
        self.plain: dict[str, Opening] = {}
        self.by_language: dict[str, Mapping[str, str]] = {}

    def read(self, name: str) -> Opening | None:
        """The calendar of that name, read once."""
        if name in self.plain or name in self._failed:
            return self.plain.get(name)
        if name in self._reading:
            ring = " -> ".join((*self._reading[self._reading.index(name) :], name))
            self._faults.error(("hours", name), f"these calendars are made of one another: {ring}")
            return None
        self._reading.append(name)
        made = self._made(name, self._parts[name])
        self._reading.pop()
        if made is None:
            self._failed.add(name)
        else:
            self.plain[name] = made
        return made

    def _made(self, name: str, part: HoursPart) -> Opening | None:
        path: Path = ("hours", name)
        if name == ALWAYS:
            self._faults.error(path, "'always' is built in and cannot be defined")
            return None
        self._unknown_keys(part, path)
        kinds = [kind for kind in ("timezone", "any", "all", "per_language") if getattr(part, kind) is not None]
        if len(kinds) != 1:
            self._faults.error(path, "a calendar has exactly one of 'timezone', 'any', 'all' and 'per_language'")
            return None
        if kinds[0] == "timezone":
            return self._weekly(part, path)
        self._no_spans(part, path, kinds[0])
        if kinds[0] == "per_language":
            self._per_language(name, part.per_language or {}, path)
            return None
        return self._composed(kinds[0], (part.any if kinds[0] == "any" else part.all) or [], (*path, kinds[0]))

    def _unknown_keys(self, part: HoursPart, path: Path) -> None:
        for key in part.model_extra or {}:
            if weekdays(key) is None:
                known = (*_OWN, "mon-fri", "sat-sun")
                self._faults.error((*path, key), f"unknown key '{key}'{did_you_mean(key, known)}")

    def _no_spans(self, part: HoursPart, path: Path, kind: str) -> None:
        own = [key for key in (*(part.model_extra or {}), "dates", "holidays") if getattr(part, key, None)]
        for key in own:
            if weekdays(key) is not None or key in ("dates", "holidays"):
                self._faults.error((*path, key), f"a calendar with '{kind}' has no hours of its own")

    def _per_language(self, name: str, table: Mapping[str, str], path: Path) -> None:
        if "default" not in table:
            self._faults.error((*path, "per_language"), "'default' is needed: the calendar for every other language")
            return
        for language, other in table.items():
            place = (*path, "per_language", language)
            if other != ALWAYS and self._faults.expect(place, "calendar", other, self._known()):
                if self._parts[other].per_language is not None:
                    self._faults.error(place, f"'{other}' is itself chosen by language")
                else:
                    self.read(other)
        self.by_language[name] = table

    def _composed(self, kind: str, names: Sequence[str], path: Path) -> Opening | None:
        if not names:
            self._faults.error(path, "name at least one calendar")
            return None
        parts = [self._part(other, (*path, at)) for at, other in enumerate(names)]
        found = tuple(part for part in parts if part is not None)
        if len(found) < len(parts):
            return None
        return Anyone(found) if kind == "any" else Everyone(found)

    def _part(self, name: str, path: Path) -> Opening | None:
        if name == ALWAYS:
            return Weekly(zone=ZoneInfo("UTC"), week=(((0, _DAY),),) * 7)
        if not self._faults.expect(path, "calendar", name, self._known()):
            return None
        if self._parts[name].per_language is not None:
            self._faults.error(path, f"'{name}' is chosen by language and cannot be part of another calendar")
            return None
        return self.read(name)

    def _known(self) -> tuple[str, ...]:
        return (*self._parts, ALWAYS)

    def _weekly(self, part: HoursPart, path: Path) -> Opening | None:
        try:
            zone = ZoneInfo(part.timezone or "")
        except (KeyError, ValueError, OSError):
            known = _zones()
            self._faults.unknown((*path, "timezone"), "time zone", part.timezone, known)
            return None
        week = self._week(part, path)
        return Weekly(
            zone=zone, week=week, dates=self._dates(part.dates, week, path), holidays=self._holidays(part, path)
        )

    def _week(self, part: HoursPart, path: Path) -> tuple[tuple[Span, ...], ...]:
        week: list[tuple[Span, ...]] = [()] * 7
        width = [_UNSAID] * 7
        for key, written in (part.model_extra or {}).items():
            days = weekdays(key)
            if days is None:
                continue
            spans = self._spans(written, (*path, key))
            for day in days:
                if len(days) == width[day]:
                    self._faults.error((*path, key), f"another key as wide as '{key}' also speaks of {DAYS[day]}")
                elif len(days) < width[day]:
                    week[day], width[day] = spans, len(days)
        if all(found == _UNSAID for found in width):
            self._faults.warn(path, "no weekday is named: this calendar is closed except on its dates")
        return tuple(week)

    def _spans(self, written: object, path: Path) -> tuple[Span, ...]:
        if not isinstance(written, list):
            self._faults.error(path, 'a list of spans is needed here: ["09:00-12:00", "13:00-17:00"], or [] for closed')
            return ()
        spans: list[Span] = []
        for at, text in enumerate(written):
            try:
                spans.append(read_span(text))
            except ValueError as fault:
                self._faults.error((*path, at), str(fault))
        ordered = sorted(spans)
        if any(later[0] < earlier[1] for earlier, later in pairwise(ordered)):
            self._faults.error(path, "these spans overlap")
        return tuple(ordered)

    def _dates(self, parts: Sequence[DatePart], week: tuple[tuple[Span, ...], ...], path: Path) -> tuple[DateRule, ...]:
        read = [self._date(part, week, (*path, "dates", at)) for at, part in enumerate(parts)]
        found = [rule for rule in read if rule is not None]
        return tuple(sorted(found, key=_narrowness))

    def _date(self, part: DatePart, week: tuple[tuple[Span, ...], ...], path: Path) -> DateRule | None:
        whole = part.date_ is not None and part.from_ is None and part.to is None
        ranged = part.date_ is None and part.from_ is not None and part.to is not None
        if not (whole or ranged) or (part.hours is None) == (part.as_ is None):
            self._faults.error(path, "a date has 'date', or 'from' and 'to'; and either 'hours' or 'as'")
            return None
        first = self._day(part.date_ if whole else part.from_, (*path, "date" if whole else "from"))
        last = first if whole else self._day(part.to, (*path, "to"))
        if first is None or last is None:
            return None
        if first[1] != last[1] or (not first[1] and last[0] < first[0]):
            self._faults.error(path, "'to' must not lie before 'from', and both or neither name a year")
            return None
        return DateRule(first=first[0], last=last[0], yearly=first[1], spans=self._hours_of(part, week, path))

    def _hours_of(self, part: DatePart, week: tuple[tuple[Span, ...], ...], path: Path) -> tuple[Span, ...]:
        if part.as_ is None:
            return self._spans(part.hours, (*path, "hours"))
        if not self._faults.expect((*path, "as"), "weekday", part.as_, DAYS):
            return ()
        return week[DAYS.index(part.as_)]

    def _day(self, written: date | str | None, path: Path) -> tuple[date, bool] | None:
        """(day, whether it is meant every year)."""
        if isinstance(written, date):
            return written, False
        text = written or ""
        try:
            return (date.fromisoformat(text), False) if text.count("-") > 1 else (_yearly(text), True)
        except ValueError:
            self._faults.error(path, f'\'{text}\' is no date: write "2026-12-31", or "12-24" for every year')
            return None

    def _holidays(self, part: HoursPart, path: Path) -> tuple[HolidayTable, ...]:
        written = part.holidays
        listed = [written] if isinstance(written, str) else written or []
        tables = [
            self._country(code, (*path, "holidays") if isinstance(written, str) else (*path, "holidays", at))
            for at, code in enumerate(listed)
        ]
        return tuple(table for table in tables if table is not None)

    def _country(self, code: str, path: Path) -> HolidayTable | None:
        country, _, part = code.partition("-")
        try:
            table: HolidayTable = holidays.country_holidays(country, subdiv=part or None)
        except NotImplementedError:
            known = holidays.list_supported_countries()
            if country not in known:
                self._faults.unknown(path, "country with known holidays", country, known)
            else:
                self._faults.unknown(path, f"part of {country} with known holidays", part, known[country])
            return None
        return table


def _yearly(text: str) -> date:
    month, dash, day = text.partition("-")
    if not dash or not (month.isdigit() and day.isdigit()):
        raise ValueError(text)
    return date(_LEAP, int(month), int(day))


def _narrowness(rule: DateRule) -> tuple[int, bool]:
    return ((rule.last - rule.first).days % 366, rule.yearly)


def _zones() -> set[str]:
    from zoneinfo import available_timezones  # noqa: PLC0415 - slow, and only needed to suggest a name

    return available_timezones()

"""Emergencies: a calendar open or closed until some time, whatever is written. They win over dates, holidays and the week."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from router.hours.calendar import Anyone, Everyone, Opening, Overridden
from router.hours.calendars import Calendars


@dataclass(frozen=True, slots=True, kw_only=True)
class Emergency:
    """In [since, until) the calendar is open, or closed. One that is chosen by language is so for all of them."""

    calendar: str
    open: bool
    since: datetime
    until: datetime


def with_emergencies(calendars: Calendars, emergencies: Iterable[Emergency]) -> Calendars:
    """The calendars with these; those that are made of an overridden one follow it. The later of two wins.

    What names a calendar that is not there is passed over: the rules may have changed since.
    """
    plain, by_language = calendars.parts()
    for one in emergencies:
        if one.calendar in by_language:
            table = by_language[one.calendar]
            by_language[one.calendar] = {language: f"{one.calendar}/{name}" for language, name in table.items()}
            plain.update(_for_itself(one, table, plain))
        elif one.calendar in plain:
            old = plain[one.calendar]
            new = _overridden(old, one)
            plain = {name: _instead(part, old, new) for name, part in plain.items()}
    return Calendars(plain, by_language)


def _for_itself(one: Emergency, table: Mapping[str, str], plain: Mapping[str, Opening]) -> dict[str, Opening]:
    """What a calendar by language chooses is overridden for it alone, not for those who name the chosen one themselves."""
    return {f"{one.calendar}/{name}": _overridden(plain[name], one) for name in table.values()}


def _overridden(calendar: Opening, by: Emergency) -> Opening:
    return Overridden(calendar, int(by.since.timestamp()), int(by.until.timestamp()), by.open)


def _instead(part: Opening, old: Opening, new: Opening) -> Opening:
    """The same calendar with one part of it exchanged."""
    if part is old:
        return new
    if isinstance(part, Anyone | Everyone):
        return type(part)(tuple(_instead(inner, old, new) for inner in part.parts))
    if isinstance(part, Overridden):
        return Overridden(_instead(part.calendar, old, new), part.low, part.high, part.open)
    return part

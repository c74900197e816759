"""The rules file read plainly, by the page that describes it and by nothing of the program: slow, and one case at a time."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import holidays

Table = Mapping[str, Any]
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_PRIORITIES = ("low", "normal", "high", "urgent")
_FAR = 30 * 1_440


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One message: what is known of it."""

    at: datetime
    kind: str
    language: str | None
    issue: str | None
    intents: tuple[str, ...] = ()
    text: str = ""
    customer: Table = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Said:
    """What the file says of it."""

    queue: str
    priority: str
    open: bool
    opens: datetime | None
    due: datetime | None
    replies: tuple[str, ...]
    labels: tuple[str, ...]
    webhooks: tuple[str, ...]


class Plain:
    """One file. Calendars are walked minute by minute, and what was found is remembered."""

    def __init__(self, file: Table) -> None:
        self._file = file
        self._minutes: dict[tuple[str, datetime], bool] = {}
        self._spans: dict[tuple[str, date], list[tuple[int, int]]] = {}
        self._found: dict[tuple[object, ...], datetime | None] = {}

    def say(self, asked: Asked) -> Said:
        """Where it goes, how urgent it is, what is said."""
        actions, labels = self._rules(asked)
        issue = self._file["issues"].get(asked.issue, {})
        name = actions.get("queue") or issue.get("queue") or self._file["fallback"]["queue"]
        queue = {**self._file["queue_defaults"], **self._file["queues"][name]}
        calendar = self._calendar(queue.get("hours", "always"), self._served(asked.language))
        is_open = self._open(calendar, asked.at)
        replies = [queue.get("arrival"), None if is_open else queue.get("closed")]
        return Said(
            queue=name,
            priority=actions.get("priority") or issue.get("priority", "normal"),
            open=is_open,
            opens=None if is_open else self._walk(calendar, asked.at, 1, begin=True),
            due=self._due(queue, calendar, asked),
            replies=tuple(reply for reply in replies if reply),
            labels=tuple(labels),
            webhooks=tuple([actions["webhook"]] if "webhook" in actions else []),
        )

    # -- rules ---------------------------------------------------------------------------------------------------------

    def _rules(self, asked: Asked) -> tuple[dict[str, Any], list[str]]:
        actions: dict[str, Any] = {}
        labels: list[str] = []
        for rule in self._file["rules"]:
            if not all(self._holds(fact, wanted, asked) for fact, wanted in rule.get("when", {}).items()):
                continue
            for action, value in rule["then"].items():
                if action == "labels":
                    labels += [label for label in value if label not in labels]
                else:
                    actions.setdefault(action, value)
            if rule["then"].get("stop"):
                break
        return actions, labels

    def _holds(self, fact: str, wanted: Any, asked: Asked) -> bool:
        if fact == "customer":
            return all(_attribute(asked.customer.get(name), value) for name, value in wanted.items())
        listed = wanted if isinstance(wanted, list) else [wanted]
        if fact == "text":
            return any(re.search(pattern, asked.text) for pattern in listed)
        if fact == "issue":
            return (asked.issue or "unknown") in listed
        if fact == "intent":
            return any(intent in listed for intent in asked.intents)
        if fact == "not":
            return not all(self._holds(inner, value, asked) for inner, value in wanted.items())
        if fact == "open":
            return self._open(self._calendar(wanted, self._served(asked.language)), asked.at)
        raise NotImplementedError(fact)

    # -- hours ---------------------------------------------------------------------------------------------------------

    def _served(self, language: str | None) -> str | None:
        languages = self._file["languages"]
        return language if language is None or language in languages["offered"] else languages["default"]

    def _calendar(self, name: str, language: str | None) -> str:
        by_language = self._file["hours"].get(name, {}).get("per_language")
        return name if by_language is None else str(by_language.get(language, by_language["default"]))

    def _open(self, name: str, at: datetime) -> bool:
        key = (name, at)
        if key not in self._minutes:
            self._minutes[key] = self._is_open(name, at)
        return self._minutes[key]

    def _is_open(self, name: str, at: datetime) -> bool:
        if name == "always":
            return True
        hours = self._file["hours"][name]
        if "any" in hours:
            return any(self._open(other, at) for other in hours["any"])
        wall = at.astimezone(ZoneInfo(hours["timezone"]))
        day = wall.date()
        if (name, day) not in self._spans:
            self._spans[name, day] = _spans(hours, day)
        return any(low <= wall.hour * 60 + wall.minute < high for low, high in self._spans[name, day])

    def _walk(self, calendar: str, at: datetime, minutes: int, *, begin: bool) -> datetime | None:
        """The minute in which so much open time has passed: its beginning, or its end."""
        key = (calendar, at, minutes, begin)
        if key not in self._found:
            self._found[key] = self._walked(calendar, at, minutes, begin=begin)
        return self._found[key]

    def _walked(self, calendar: str, at: datetime, minutes: int, *, begin: bool) -> datetime | None:
        left = minutes
        for step in range(_FAR):
            minute = at + timedelta(minutes=step)
            left -= self._open(calendar, minute)
            if left == 0:
                return minute if begin else minute + timedelta(minutes=1)
        return None

    def _due(self, queue: Table, calendar: str, asked: Asked) -> datetime | None:
        promises = queue["first_response"]
        promise = str(promises.get(asked.kind, promises["default"]) if isinstance(promises, dict) else promises)
        size = {"m": 1, "h": 60}[promise[-1]]
        return self._walk(calendar, asked.at, int(promise[:-1]) * size, begin=False)


def _attribute(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict):
        return isinstance(found, int) and not isinstance(found, bool) and found > wanted["gt"]
    return found is wanted


def _spans(hours: Table, day: date) -> list[tuple[int, int]]:
    """A date before a holiday, a holiday before the week."""
    for line in hours.get("dates", []):
        if _named(line, day):
            return _week(hours, _DAYS.index(line["as"])) if "as" in line else [_span(text) for text in line["hours"]]
    country, _, part = hours.get("holidays", "").partition("-")
    if country and day in holidays.country_holidays(country, subdiv=part or None, years=day.year):
        return []
    return _week(hours, day.weekday())


def _named(line: Table, day: date) -> bool:
    if "from" in line:
        return bool(line["from"] <= day.isoformat() <= line["to"])
    return line["date"] in (day.isoformat(), day.strftime("%m-%d"))


def _week(hours: Table, weekday: int) -> list[tuple[int, int]]:
    for key, spans in hours.items():
        first, _, last = key.partition("-")
        if first in _DAYS and _DAYS.index(first) <= weekday <= _DAYS.index(last or first):
            return [_span(text) for text in spans]
    return []


def _span(text: str) -> tuple[int, int]:
    low, high = (int(part[:2]) * 60 + int(part[3:]) for part in text.split("-"))
    return low, high


MORNINGS = (  # days on which something differs: a plain week, a holiday in each place, a make-up day, both changes of clocks
    *("2026-11-23", "2026-11-25", "2026-11-28", "2026-11-29", "2026-10-01", "2026-12-24"),
    *("2026-12-25", "2026-12-31", "2027-02-06", "2027-02-14", "2027-03-28", "2026-10-25"),
)
INSTANTS = [
    datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(minutes=145 * step)
    for day in MORNINGS
    for step in range(10)
]

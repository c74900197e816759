"""Who is on the team of a simulation, and when they take work: as they were seen for a week, or while their queues are open."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from conversation.model.people import DEFAULT_CAPACITY, Agent, WorkKind
from conversation.ports.storage.figures import Seen, Window
from ops.cli.agent_arguments import capacity_of, levels_of, names_of
from ops.simulation.simulator import Worker, merged
from router.hours.calendar import Interval
from router.policy.permissions import serves
from router.rules.faults import did_you_mean
from router.rules.rulebook import RuleBook

WEEK = timedelta(days=7)
_WEEK = int(WEEK.total_seconds())
_KEYS = ("languages", "skills", "queues", "capacity", "hours", "count")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hiring:
    """So many agents alike who would be added; `hours` is a calendar's name, None: while their queues are open."""

    languages: Mapping[str, int] = field(default_factory=dict)
    skills: Mapping[str, int] = field(default_factory=dict)
    queues: tuple[str, ...] = ()
    capacity: Mapping[WorkKind, int] = field(default_factory=lambda: DEFAULT_CAPACITY)
    hours: str | None = None
    count: int = 1


def hiring_of(text: str) -> Hiring:
    """`languages=de:4,en:3,skills=payments:3,hours=berlin,count=2`. Raises `ValueError` or argparse's own error."""
    parts: dict[str, list[str]] = {}
    key = ""
    for piece in text.split(","):
        name, equals, value = piece.partition("=")
        key = name.strip() if equals else key
        if key not in _KEYS:
            raise ValueError(f"'{key or piece}' is not one of {', '.join(_KEYS)}{did_you_mean(key, _KEYS)}")
        parts.setdefault(key, []).append(value if equals else piece)
    values = {name: ",".join(pieces) for name, pieces in parts.items()}
    number = values.get("count", "1")
    if not number.isdecimal() or int(number) < 1:
        raise ValueError(f"count={number}: how many is a number from 1 on")
    return Hiring(
        languages=levels_of(values.get("languages", "")),
        skills=levels_of(values.get("skills", "")),
        queues=names_of(values.get("queues", "")),
        capacity={**DEFAULT_CAPACITY, **capacity_of(values.get("capacity", ""))},
        hours=values.get("hours"),
        count=int(number),
    )


class Team:
    """Makes workers under one rule book, for one window. `week` is what was seen of everybody's coming and going, by agent."""

    def __init__(self, rulebook: RuleBook, window: Window, week: Mapping[str, tuple[Interval, ...]]) -> None:
        self._rulebook = rulebook
        self._window = window
        self._week = week

    def stored(self, agents: Sequence[Agent], *, without: Iterable[str] = ()) -> list[Worker]:
        """Those who are not disabled, by id. Raises `ValueError` for an address that nobody has."""
        gone = {email.lower() for email in without}
        if unknown := gone - {agent.email for agent in agents}:
            raise ValueError(f"there is no agent {min(unknown)}")
        here = (agent for agent in agents if not agent.disabled and agent.email not in gone)
        return [Worker(agent, self._shifts(agent)) for agent in sorted(here, key=lambda agent: agent.id)]

    def hired(self, hirings: Sequence[Hiring]) -> list[Worker]:
        """Those who would be added. Raises `ValueError` where hours or queues are not in the file."""
        made = [(place, number, one) for place, one in enumerate(hirings, 1) for number in range(1, one.count + 1)]
        return [self._worker(f"added-{place}.{number}", one) for place, number, one in made]

    def _worker(self, name: str, hiring: Hiring) -> Worker:
        calendars = self._rulebook.calendars
        if unknown := set(hiring.queues) - set(self._rulebook.queues):
            raise ValueError(f"there is no queue '{min(unknown)}'")
        if hiring.hours is not None and hiring.hours not in calendars:
            known = [calendar for part in calendars.parts() for calendar in part]
            raise ValueError(f"there is no calendar '{hiring.hours}'{did_you_mean(hiring.hours, known)}")
        agent = Agent(
            id=name,
            email=name,
            name=name,
            languages=hiring.languages,
            skills=hiring.skills,
            queues=hiring.queues,
            capacity=hiring.capacity,
        )
        return Worker(agent, self._shifts(agent) if hiring.hours is None else self._open(agent, [hiring.hours]))

    def _shifts(self, agent: Agent) -> tuple[Interval, ...]:
        if agent.id in self._week:
            return self._weekly(self._week[agent.id])
        queues = [queue for queue in self._rulebook.queues.values() if serves(agent, queue)]
        return self._open(agent, [queue.hours for queue in queues])

    def _open(self, agent: Agent, hours: Iterable[str]) -> tuple[Interval, ...]:
        """While one of these is open for one of their languages."""
        calendars, languages = self._rulebook.calendars, tuple(agent.languages) or (None,)
        names = sorted({calendars.resolve(name, language) for name in hours for language in languages})
        window = self._window
        return self._cut(span for name in names for span in calendars.intervals(name, window.since, window.until))

    def _weekly(self, seen: tuple[Interval, ...]) -> tuple[Interval, ...]:
        """The week they were seen in, in every week of the window."""
        low, high = self._window.since.timestamp(), self._window.until.timestamp()
        return self._cut(span for one in seen for span in _every_week(one, int(low), int(high)))

    def _cut(self, spans: Iterable[Interval]) -> tuple[Interval, ...]:
        """What of them lies in the window."""
        low, high = int(self._window.since.timestamp()), int(self._window.until.timestamp())
        return merged((max(begin, low), min(end, high)) for begin, end in spans)


def _every_week(span: Interval, low: int, high: int) -> Iterator[Interval]:
    begin, end = span
    shift = (low - end) // _WEEK * _WEEK
    while begin + shift < high:
        if end + shift > low:
            yield begin + shift, end + shift
        shift += _WEEK


def week_of(seen: Sequence[Seen], until: datetime) -> dict[str, tuple[Interval, ...]]:
    """When each was there in the week that ends then; who was seen to go first had been there since it began."""
    start, end = int((until - WEEK).timestamp()), int(until.timestamp())
    spans: dict[str, list[Interval]] = {}
    since: dict[str, int] = {}
    for one in seen:
        at = int(one.at.timestamp())
        known = spans.setdefault(one.agent, [])
        if one.online:
            since.setdefault(one.agent, at)
        elif one.agent in since or not known:
            known.append((since.pop(one.agent, start), at))
    for agent, at in since.items():
        spans[agent].append((at, end))
    return {agent: merged(found) for agent, found in spans.items()}

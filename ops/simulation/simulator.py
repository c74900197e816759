"""A deterministic simulation of who takes what when: the real rules, strategies, hours and overflow over a virtual clock.

What it assumes: an offer is taken at once, the first answer comes with it, the work is held until its handling time is over
(also past the end of a shift), nobody declines, and no customer gives up. Conversations wait in the same order: by
priority, then by how long.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from typing import Any

from conversation.model import conversation as thread
from conversation.model.conversation import Conversation, Priority, State
from conversation.model.people import Agent, WorkKind
from conversation.ports.storage.distribution import Asked, Candidate, Need
from router.flows.distribution.distributor import Match
from router.hours.calendar import Interval
from router.policy.overflow import Wait, can_serve
from router.rules.model import WORK_OF
from router.rules.rulebook import RuleBook
from storage.agents.presence import duty, primary, serves

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_DONE, _SHIFT, _ARRIVAL, _OVERDUE = range(
    4
)  # in this order at one instant: capacity is freed before new work is looked at


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A conversation as it was decided, and how long it will be handled. `kind` is the channel's."""

    at: datetime
    queue: str
    kind: str
    language: str | None
    handling: timedelta
    priority: Priority = Priority.NORMAL


@dataclass(frozen=True, slots=True)
class Worker:
    """An agent and when they take work: intervals in seconds since 1970, sorted, apart from each other."""

    agent: Agent
    shifts: tuple[Interval, ...]


@dataclass(frozen=True, slots=True)
class SimulatedOutcome:
    """When each arrival was taken (None: not before the end), and for how many seconds each agent was busy within their shifts."""

    started: tuple[datetime | None, ...]
    busy: dict[str, float]


@dataclass(slots=True, eq=False)
class _AgentLoad:
    """One agent as the simulation goes on."""

    worker: Worker
    held: defaultdict[WorkKind, int] = field(default_factory=lambda: defaultdict(int))
    idle_since: datetime = _LONG_AGO
    last_offered: datetime | None = None
    busy_since: datetime | None = None
    busy: float = 0.0

    def there(self, now: datetime) -> bool:
        """Whether they are on duty."""
        at, shifts = now.timestamp(), self.worker.shifts
        place = bisect_right(shifts, at, key=lambda shift: shift[0]) - 1
        return place >= 0 and at < shifts[place][1]

    def take(self, kind: WorkKind, now: datetime) -> None:
        """One more conversation."""
        self.busy_since = self.busy_since or now
        self.held[kind] += 1
        self.last_offered = now

    def give_back(self, kind: WorkKind, now: datetime) -> None:
        """One less."""
        self.held[kind] -= 1
        self.idle_since = now
        if not any(self.held.values()):
            self.rest(now)

    def rest(self, now: datetime) -> None:
        """Count what they were busy for, as far as they were on duty."""
        if self.busy_since is not None:
            low, high = self.busy_since.timestamp(), now.timestamp()
            self.busy += sum(max(min(high, end) - max(low, begin), 0.0) for begin, end in self.worker.shifts)
        self.busy_since = None


class Simulation:
    """One run over one team. Nothing in it is random: what is drawn is drawn before."""

    def __init__(self, rulebook: RuleBook, team: Sequence[Worker], end: datetime) -> None:
        self._rulebook = rulebook
        self._end = end
        self._loads = {worker.agent.id: _AgentLoad(worker) for worker in team}
        self._shifts = sorted({begin for worker in team for begin, _ in worker.shifts})
        self._events: list[tuple[datetime, int, int, Any]] = []
        self._number = count()
        self._waiting: defaultdict[Need, list[tuple[int, datetime, str]]] = defaultdict(list)
        self._open: dict[str, Conversation] = {}
        self._who: dict[Need, list[_AgentLoad]] = {}
        self._started: dict[str, datetime] = {}
        self._handling: dict[str, timedelta] = {}
        self._duty: dict[frozenset[str], frozenset[tuple[str, str]]] = {}

    def run(self, arrivals: Sequence[Arrival]) -> SimulatedOutcome:
        """From the first arrival to the end."""
        for load in self._loads.values():
            for begin, _ in load.worker.shifts:
                self._plan(datetime.fromtimestamp(begin, UTC), _SHIFT, load)
        for number, arrival in enumerate(arrivals):
            self._plan(arrival.at, _ARRIVAL, (f"{number:09}", arrival))
        self._handling = {f"{number:09}": arrival.handling for number, arrival in enumerate(arrivals)}
        while self._events:
            now, what, _, about = heappop(self._events)
            (self._done, self._came, self._arrived, self._late)[what](now, about)
        for load in self._loads.values():
            load.rest(self._end)
        busy = {agent: load.busy for agent, load in self._loads.items()}
        return SimulatedOutcome(tuple(self._started.get(f"{number:09}") for number in range(len(arrivals))), busy)

    def _plan(self, at: datetime, what: int, about: object) -> None:
        if at < self._end:
            heappush(self._events, (at, what, next(self._number), about))

    # -- what happens --------------------------------------------------------------------------------------------------

    def _arrived(self, now: datetime, about: tuple[str, Arrival]) -> None:
        identifier, arrival = about
        conversation = Conversation(
            id=identifier,
            reference=identifier,
            customer=identifier,
            state=State.WAITING,
            queue=arrival.queue,
            kind=WorkKind(WORK_OF.get(arrival.kind, "message")),
            channel=arrival.kind,
            created_at=now,
            updated_at=now,
            waiting_since=now,
            language=arrival.language,
            priority=arrival.priority,
        )
        self._queue(conversation, now)

    def _queue(self, conversation: Conversation, now: datetime) -> None:
        self._open[conversation.id] = conversation
        need = _need(conversation)
        since = conversation.waiting_since or now
        heappush(self._waiting[need], (-conversation.priority, since, conversation.id))
        self._distribute({need}, now)
        if conversation.id in self._open:
            self._plan_overflow(conversation, now)

    def _plan_overflow(self, conversation: Conversation, now: datetime) -> None:
        queue, calendars = self._rulebook.queues[conversation.queue], self._rulebook.calendars
        for step in queue.overflow:
            due = calendars.add_open_time(queue.hours, now, step.after, conversation.language)
            if due is not None:
                self._plan(due, _OVERDUE, (conversation.id, conversation.queue))

    def _done(self, now: datetime, about: tuple[_AgentLoad, WorkKind]) -> None:
        load, kind = about
        load.give_back(kind, now)
        self._came(now, load)

    def _came(self, now: datetime, load: _AgentLoad) -> None:
        if load.there(now):
            self._distribute({need for need, who in self._who.items() if load in who}, now)

    def _late(self, now: datetime, about: tuple[str, str]) -> None:
        """Where time takes it, if it still waits there: a target that cannot serve it is looked at again when it may."""
        identifier, place = about
        conversation = self._open.get(identifier)
        if conversation is None or conversation.queue != place:
            return
        wait = Wait(conversation, self._rulebook.queues[place], self._rulebook, now)
        target = next((name for name in wait.overflows() if can_serve(name, wait, self._on_duty(now))), None)
        if target is not None:
            self._queue(wait.over_to(target), now)
        elif (soonest := min(self._may_change(wait), default=None)) is not None:
            self._plan(soonest, _OVERDUE, about)

    def _may_change(self, wait: Wait) -> Iterator[datetime]:
        """When a target that cannot serve it may be able to: it opens, or somebody comes on duty."""
        place = bisect_right(self._shifts, wait.now.timestamp())
        if place < len(self._shifts):
            yield datetime.fromtimestamp(self._shifts[place], UTC)
        calendars, language = self._rulebook.calendars, wait.conversation.language
        for name in wait.overflows():
            opens = calendars.next_opening(self._rulebook.queues[name].hours, wait.now, language)
            if opens is not None and opens > wait.now:
                yield opens

    def _on_duty(self, now: datetime) -> frozenset[tuple[str, str]]:
        here = frozenset(agent for agent, load in self._loads.items() if load.there(now))
        if here not in self._duty:
            agents = [self._loads[agent].worker.agent for agent in sorted(here)]
            self._duty[here] = duty(agents, [queue.needs for queue in self._rulebook.queues.values()])
        return self._duty[here]

    # -- who takes it --------------------------------------------------------------------------------------------------

    def _distribute(self, needs: set[Need], now: datetime) -> None:
        """The first in line of all these lines, again and again; a line for which nobody is free is left alone."""
        heads = {need: head for need in needs if (head := self._head(need)) is not None}
        while heads:
            need = min(heads, key=lambda one: self._waiting[one][0])
            if not self._take(need, heads[need], now) or (head := self._head(need)) is None:
                del heads[need]
            else:
                heads[need] = head

    def _head(self, need: Need) -> Conversation | None:
        """The first in line; who was taken or moved meanwhile is dropped."""
        line = self._waiting[need]
        while line:
            conversation = self._open.get(line[0][2])
            if conversation is not None and _need(conversation) == need:
                return conversation
            heappop(line)
        return None

    def _take(self, need: Need, conversation: Conversation, now: datetime) -> bool:
        """Offered as the distributor would offer it, and taken at once; False where nobody is free."""
        queue = self._rulebook.queues[conversation.queue]
        asked = Asked(conversation=conversation, needs=queue.needs, strategy=queue.strategy)
        match = Match(self._rulebook, now)
        match.look(asked, conversation, list(self._free(need, asked, now)))
        for offer in match.offers:
            taken = thread.take(offer.after, offer.agent, now)
            load = self._loads[offer.agent]
            load.take(taken.kind, now)
            del self._open[taken.id]
            self._started[taken.id] = now
            self._plan(now + self._handling[taken.id], _DONE, (load, taken.kind))
        return bool(match.offers)

    def _free(self, need: Need, asked: Asked, now: datetime) -> Iterator[Candidate]:
        """The pool that the store would give: on duty, with what it takes; who has room is `Match`'s to see."""
        kind = asked.conversation.kind
        if need not in self._who:
            self._who[need] = [load for load in self._loads.values() if _may(load.worker.agent, asked)]
        for load in self._who[need]:
            agent = load.worker.agent
            if load.there(now):
                yield Candidate(
                    agent=agent.id,
                    held=load.held[kind],
                    cap=agent.capacity.get(kind, 0),
                    idle_since=load.idle_since,
                    last_offered=load.last_offered,
                    level=agent.languages.get(asked.conversation.language or "", 0),
                    skill=min((agent.skills.get(skill, 0) for skill in asked.needs.skills), default=0),
                )


def _need(conversation: Conversation) -> Need:
    return (conversation.queue, conversation.language or "", conversation.kind.value)


def _may(agent: Agent, asked: Asked) -> bool:
    """As the store asks: the queue's skills or name, and one of the languages that are wanted."""
    language = asked.conversation.language
    named = asked.needs.languages
    wanted = set(map(primary, named)) if named is not None else {primary(language)} if language else set()
    return serves(agent, asked.needs) and (not wanted or bool(wanted & set(map(primary, agent.languages))))


def merged(spans: Iterable[Interval]) -> tuple[Interval, ...]:
    """Sorted and apart from each other."""
    found: list[Interval] = []
    for low, high in sorted(spans):
        if found and low <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], high))
        elif low < high:
            found.append((low, high))
    return tuple(found)

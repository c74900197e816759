"""A queue, and how it is read: `[queues.*]` over `[queue_defaults]`; every fault is named with its place."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

from conversation.model.routing_state import Escalation
from conversation.ports.storage.agents import QueueNeeds
from router.hours.calendars import ALWAYS
from router.rules.document import PagePart, QueuePart
from router.rules.faults import Faults, Path, did_you_mean
from router.rules.model import WORK_OF
from router.rules.reader import Reading, page_of, titles
from router.rules.strategies import strategies

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Overflow:
    """After so much open time another queue may serve."""

    after: timedelta
    queue: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """Where work waits. `languages` None: the conversation's; () any. `first_response` by kind, or "default"."""

    name: str
    title: Mapping[str, str] = field(default_factory=dict)
    skills: tuple[str, ...] = ()
    languages: tuple[str, ...] | None = None
    strategy: str = "least_busy"
    hours: str = "always"
    closed: str | None = None
    arrival: str | None = None
    overflow: tuple[Overflow, ...] = ()
    page: Escalation | None = None
    first_response: Mapping[str, timedelta] = field(default_factory=dict)

    @property
    def needs(self) -> QueueNeeds:
        """What it asks of an agent."""
        return QueueNeeds(queue=self.name, skills=self.skills, languages=self.languages)


def read_queues(reading: Reading) -> dict[str, Queue]:
    """All queues, with what they do not name taken from `[queue_defaults]`."""
    defaults = reading.document.queue_defaults
    if not reading.document.queues:
        reading.faults.error(("queues",), "at least one queue is needed: [queues.general]")
    _check_queue(reading, ("queue_defaults",), defaults)
    queues = {}
    for name, part in reading.document.queues.items():
        _check_queue(reading, ("queues", name), part)
        queues[name] = _queue(name, part, defaults)
    _overflow_rings(queues, reading.faults)
    return queues


def _check_queue(reading: Reading, path: Path, part: QueuePart) -> None:
    faults = reading.faults
    if part.hours is not None:
        faults.expect((*path, "hours"), "calendar", part.hours, {*reading.document.hours, ALWAYS})
    if part.strategy is not None:
        faults.expect((*path, "strategy"), "strategy", part.strategy, strategies())
    for key, name in (("closed", part.closed), ("arrival", part.arrival)):
        if isinstance(name, str):
            reading.reply((*path, key), name)
    for at, step in enumerate(part.overflow or []):
        reading.queue((*path, "overflow", at, "queue"), step.queue)
    if isinstance(part.page, PagePart):
        reading.webhook((*path, "page", "webhook"), part.page.webhook)
    _check_promise(reading, (*path, "first_response"), part)
    for at, language in enumerate(part.languages if isinstance(part.languages, list) else []):
        faults.expect((*path, "languages", at), "offered language", language, reading.languages)


def _check_promise(reading: Reading, path: Path, part: QueuePart) -> None:
    kinds = {hint.kind for hint in reading.channels.values()}
    known = {"default", "message", *WORK_OF, *WORK_OF.values(), *kinds}
    for kind in part.first_response if isinstance(part.first_response, dict) else ():
        if kind not in known:
            reading.faults.warn((*path, kind), f"there is no kind '{kind}' here{did_you_mean(kind, known)}")


def _first(own: T | None, default: T | None) -> T | None:
    return default if own is None else own


def _queue(name: str, part: QueuePart, defaults: QueuePart) -> Queue:
    wanted = _first(part.languages, defaults.languages) or "conversation"
    response = defaults.first_response if part.first_response is None else part.first_response
    overflow = _first(part.overflow, defaults.overflow) or []
    return Queue(
        name=name,
        title=titles(part.title if part.title is not None else defaults.title),
        skills=tuple(_first(part.skills, defaults.skills) or ()),
        languages=None if wanted == "conversation" else () if wanted == "any" else tuple(wanted),
        strategy=_first(part.strategy, defaults.strategy) or "least_busy",
        hours=_first(part.hours, defaults.hours) or ALWAYS,
        closed=_reply(part.closed, defaults.closed),
        arrival=_reply(part.arrival, defaults.arrival),
        overflow=tuple(Overflow(after=step.after, queue=step.queue) for step in overflow),
        page=page_of(defaults.page if part.page is None else part.page),
        first_response=response if isinstance(response, dict) else {"default": response} if response else {},
    )


def _reply(own: str | bool | None, default: str | bool | None) -> str | None:
    chosen = default if own is None else own
    return chosen if isinstance(chosen, str) else None


def _overflow_rings(queues: Mapping[str, Queue], faults: Faults) -> None:
    reported: set[frozenset[str]] = set()
    for start in queues:
        for ring in _rings(queues, (start,)):
            if frozenset(ring) not in reported:
                reported.add(frozenset(ring))
                faults.error(("queues", start, "overflow"), f"overflow goes in a ring: {' -> '.join((*ring, start))}")


def _rings(queues: Mapping[str, Queue], trail: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Rings through the first queue of the trail; each queue is walked once."""
    start, seen, stack = trail[0], set(trail), [trail]
    while stack:
        here = stack.pop()
        for step in queues[here[-1]].overflow if here[-1] in queues else ():
            if step.queue == start:
                yield here
            elif step.queue not in seen:
                seen.add(step.queue)
                stack.append((*here, step.queue))

"""Queue counts: whoever serves a queue is notified when it grows or shrinks. Without a cursor: a later count replaces it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from conversation.model.events import Event, EventType
from conversation.model.people import Agent
from conversation.ports.storage import Storage
from desk.live.frames import looks_after
from router.rules.rulebook import RuleBook

Counts = Mapping[str, tuple[int, datetime | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line that changed."""

    queue: str
    frame: str

    def for_agent(self, agent: Agent, rulebook: RuleBook) -> bool:
        """Whether they look after this queue."""
        return looks_after(agent, self.queue, rulebook)


class Lines:
    """The counts that were sent last, and whether an event since then can have changed them."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._known: Counts | None = None
        self._moved = False

    def note(self, event: Event) -> None:
        """Something happened."""
        self._moved = self._moved or event.conversation is not None

    async def look(self) -> None:
        """Read the counts, if they are not known yet: from now on changes are sent."""
        if self._known is None:
            self._known = await self._counts()

    async def changes(self, *, listened: bool) -> list[Line]:
        """The queues whose count differs from the one sent last; the counts are forgotten where nobody listens."""
        if not listened:
            self._known, self._moved = None, False
        if not self._moved:
            return []
        self._moved = False
        before, now = self._known or {}, await self._counts()
        self._known = now
        changed = [queue for queue in sorted({*before, *now}) if _length(before, queue) != _length(now, queue)]
        return [Line(queue=queue, frame=_frame(queue, now)) for queue in changed]

    async def _counts(self) -> Counts:
        async with self._storage.read("live.lines") as work:
            return await work.distribution.queue_counts()


def _length(counts: Counts, queue: str) -> int:
    return counts.get(queue, (0, None))[0]


def _frame(queue: str, counts: Counts) -> str:
    waiting, since = counts.get(queue, (0, None))
    oldest = since.isoformat().replace("+00:00", "Z") if since else None
    data = {"waiting": waiting, "oldest_waiting_since": oldest}
    fields = {"type": EventType.QUEUE.value, "conversation": None, "queue": queue, "data": data}
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))

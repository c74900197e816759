"""What a report is made of: one row for each conversation where times are asked for, counts everywhere else."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from conversation.model.decision import Decision

Counts = Mapping[tuple[str, ...], int]


@dataclass(frozen=True, slots=True)
class Window:
    """From `since` on, before `until`."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Lived:
    """What became of a conversation. Queue, language and issue are those it has now.

    `answered_at` is the first answer by an agent that did not fail, or the first call that was connected. `work` is the kind
    of work, for conversations of a channel that the file does not name any more.
    """

    id: str
    created_at: datetime
    queue: str
    channel: str
    work: str
    language: str | None
    issue: str | None
    answered_at: datetime | None
    closed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """How many wait in a queue in one language, and since when the first of them."""

    queue: str
    language: str | None
    count: int
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """Requests for calls on one account that came to the same: how many, how often they were tried, how many slots passed."""

    channel: str
    state: str
    count: int
    attempts: int
    missed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unanswered:
    """Calls of one webhook that nobody has acknowledged, and since when the first of them."""

    webhook: str
    count: int
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected:
    """A person corrected the first decision of a conversation (None: it is forgotten): another queue, language or issue."""

    decision: Decision | None
    from_queue: str | None = None
    queue: str | None = None
    language: str | None = None
    issue: str | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """From then on an agent was there for work, or was not."""

    agent: str
    at: datetime
    online: bool


class Figures(Protocol):
    """Read only. Every verb is one statement."""

    async def lived(self, window: Window, *, after: str | None, limit: int) -> list[Lived]:
        """Conversations opened in the window, in order of id."""
        ...

    async def messages(self, window: Window) -> Counts:
        """By channel, direction, kind of author, status and, where it did not arrive, the reason in words."""
        ...

    async def handled(self, window: Window) -> Counts:
        """By queue and what happened: offered, declined, expired, released, abandoned, transferred, reopened. From the event feed."""
        ...

    async def handled_since(self) -> datetime | None:
        """The oldest instant that is still in the event feed."""
        ...

    async def transfers(self, window: Window, within_seconds: int) -> list[Corrected]:
        """What agents sent to another queue so soon after it was opened. From the event feed."""
        ...

    async def relabels(self, window: Window) -> list[Corrected]:
        """What agents labelled anew."""
        ...

    async def presences(self, window: Window) -> list[Seen]:
        """Who came and who went, in order. From the event feed."""
        ...

    async def waiting(self) -> list[Waiting]:
        """Who waits now."""
        ...

    async def calls(self, window: Window) -> list[Calls]:
        """Calls asked for in the window."""
        ...

    async def quarantined(self, window: Window) -> Counts:
        """Payloads that came in the window and could not be read, by channel and code; those replayed since do not count."""
        ...

    async def unacknowledged(self) -> list[Unanswered]:
        """Webhooks that somebody should look at now."""
        ...

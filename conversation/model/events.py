"""What a screen or a webhook receives, and the hints that travel between nodes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class EventType(StrEnum):
    """The types of the events socket."""

    CREATED = "conversation.created"
    UPDATED = "conversation.updated"
    ASSIGNED = "conversation.assigned"
    OFFERED = "conversation.offered"
    RELEASED = "conversation.released"
    CLOSED = "conversation.closed"
    RECEIVED = "message.received"
    SENT = "message.sent"
    STATUS = "message.status"
    CHANGED = "message.changed"
    NOTE = "note.added"
    PRESENCE = "presence.changed"
    QUEUE = "queue.changed"
    TYPING = "typing"
    CALL_FAILED = "webhook.failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """An event that is about to be written. `queue`, `owner` and `was_queue` decide who may see it."""

    type: EventType
    conversation: str | None = None
    message: str | None = None
    queue: str | None = None
    was_queue: str | None = None
    owner: str | None = None
    agent: str | None = None
    data: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event as it is read back: `cursor` counts 1, 2, 3 ... in commit order without a gap."""

    cursor: int
    at: datetime
    type: EventType
    conversation: str | None = None
    message: str | None = None
    queue: str | None = None
    was_queue: str | None = None
    owner: str | None = None
    agent: str | None = None
    data: Mapping[str, object] = field(default_factory=dict)


class Topic(StrEnum):
    """What a hint between nodes is about: the event feed, a visitor's messages, waiting work, the outbox, files to fetch, the rules."""

    FEED = "feed"
    VISITORS = "visitors"
    WORK = "work"
    OUTBOX = "outbox"
    FILES = "files"
    RULES = "rules"
    TYPING = "typing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """Something changed. A hint may be lost, doubled or late; whoever hears it reads the store. `keys` narrow it (identity ids, queues)."""

    topic: Topic
    keys: tuple[str, ...] = ()
    data: Mapping[str, object] = field(default_factory=dict)

"""Decisions as they were stored."""

from datetime import datetime
from typing import Protocol

from conversation.model.decision import StoredDecision


class Decisions(Protocol):
    """Stored decisions."""

    async def latest(self, conversation: str) -> StoredDecision | None:
        """The newest decision of a conversation."""
        ...

    async def stream(self, since: datetime, *, after: str | None, limit: int) -> list[StoredDecision]:
        """In order of id, for rehearsal; texts are filled in from their messages."""
        ...

    async def count(self, since: datetime) -> int:
        """How many there are to stream."""
        ...

"""Visitors' sessions."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSession:
    """A visitor's session row."""

    id: str
    channel: str
    identity: str
    language: str | None
    claims: Mapping[str, object]
    until: datetime


class VisitorSessions(Protocol):
    """Visitors' sessions, by token hash."""

    async def add(self, session: StoredSession, *, digest: str, now: datetime) -> None:
        """A new session."""
        ...

    async def find(self, channel: str, digest: str, *, now: datetime) -> StoredSession | None:
        """A living one."""
        ...

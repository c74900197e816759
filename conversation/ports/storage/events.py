"""The event feed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from conversation.model.events import Event, NewEvent


class Events(Protocol):
    """The event feed."""

    async def add(self, events: Sequence[NewEvent], *, now: datetime) -> None:
        """Kept until just before the commit, then numbered by the feed counter: commit order is cursor order."""
        ...

    async def after(self, cursor: int, *, limit: int) -> list[Event]:
        """Events with a cursor above this, in order."""
        ...

    async def head(self) -> int:
        """The newest cursor."""
        ...

    async def oldest(self) -> int:
        """The oldest cursor still kept."""
        ...

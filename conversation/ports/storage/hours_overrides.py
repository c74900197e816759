"""Emergency overrides of hours."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """An emergency: from `since` to `until` a calendar is open or closed, whatever the rules file says."""

    id: str
    calendar: str
    open: bool
    since: datetime
    until: datetime
    reason: str
    author: str
    cleared_at: datetime | None = None

    def stands_at(self, at: datetime) -> bool:
        """Whether it was known and not cleared at that instant."""
        return self.since <= at < self.until and (self.cleared_at is None or at < self.cleared_at)


class Overrides(Protocol):
    """Emergency overrides of hours. They are kept after their end, so that what was decided under them can be explained."""

    async def active(self, now: datetime) -> list[Override]:
        """Those that neither ended nor were cleared, oldest first: the later one wins."""
        ...

    async def since(self, start: datetime) -> list[Override]:
        """All that stood at any time from then on, oldest first."""
        ...

    async def put(self, override: Override) -> None:
        """Add it; the calendar's earlier one is cleared."""
        ...

    async def clear(self, calendar: str, *, now: datetime) -> bool:
        """End the calendar's override now; False where there was none."""
        ...

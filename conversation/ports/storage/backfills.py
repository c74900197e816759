"""Backfills: columns of existing rows that are filled while nodes serve, a batch at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillProgress:
    """One backfill. Rows are those of the pass that is under way; `total` is an estimate, None where nobody knows."""

    name: str
    passes: int = 0
    examined: int = 0
    changed: int = 0
    total: int | None = None
    finished_at: datetime | None = None

    @property
    def ratio(self) -> float:
        """How much of the pass is done; 1 only when the backfill is finished."""
        if self.finished_at is not None:
            return 1.0
        return min(self.examined / self.total, 0.99) if self.total else 0.0

    def __str__(self) -> str:
        if self.finished_at is not None:
            return f"{self.name}: finished at {self.finished_at.isoformat(timespec='seconds')}"
        rows = f"{self.examined} of about {self.total} rows" if self.total else f"{self.examined} rows"
        return f"{self.name}: pass {self.passes + 1}, {rows} looked at, {self.changed} filled"


class Backfills(Protocol):
    """Those that this release declares. On a schema that has no place for their progress there are none."""

    async def progress(self) -> Sequence[BackfillProgress]:
        """How far each has come."""
        ...

    async def fill(self, name: str, limit: int) -> BackfillProgress:
        """One batch of at most `limit` rows; the progress commits with it. Harmless where it is finished."""
        ...

"""What could not be read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """Bytes that could not be read. `times` counts the same bytes arriving again."""

    id: str
    channel: str
    sha256: str
    size: int
    code: str
    reason: str
    first_at: datetime
    last_at: datetime
    times: int = 1
    raw: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    replayed_at: datetime | None = None


class Quarantine(Protocol):
    """What was put aside."""

    async def add(self, row: Quarantined) -> str:
        """The row's id; the same bytes on the same channel count up the first row."""
        ...

    async def page(self, *, cursor: str | None, limit: int) -> tuple[list[Quarantined], str | None]:
        """Newest first, without the bytes."""
        ...

    async def get(self, row: str) -> Quarantined:
        """With the bytes. Raises `NotFound`."""
        ...

    async def mark_replayed(self, row: str, now: datetime) -> None:
        """It was tried again and went through."""
        ...

    async def count(self) -> int:
        """Rows not yet replayed."""
        ...

"""One holder at a time."""

from datetime import timedelta
from typing import Protocol


class Leases(Protocol):
    """One holder at a time; the database's clock on PostgreSQL."""

    async def take(self, name: str, owner: str, span: timedelta) -> int | None:
        """The epoch, or None where somebody else holds it. An owner `NODE:PROCESS` succeeds another process of its node at once."""
        ...

    async def release(self, name: str, owner: str) -> None:
        """Give it back early."""
        ...

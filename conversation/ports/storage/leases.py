"""One holder at a time."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Protocol


class Leases(Protocol):
    """One holder at a time; the database's clock on PostgreSQL."""

    async def take(self, name: str, owner: str, span: timedelta) -> int | None:
        """The epoch, or None where somebody else holds it. An owner `NODE:PROCESS` succeeds another process of its node at once."""
        ...

    async def release(self, name: str, owner: str) -> None:
        """Give it back early."""
        ...

    async def living(self, prefix: str) -> Mapping[str, datetime]:
        """Leases of names that begin so and have not run out: until when each lasts."""
        ...

    async def forget(self, prefix: str, age: timedelta) -> None:
        """Remove leases of names that begin so and ran out longer ago than this; their epochs begin anew."""
        ...

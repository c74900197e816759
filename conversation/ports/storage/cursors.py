"""Where mailboxes and pollers have read to."""

from collections.abc import Mapping
from typing import Protocol


class Cursors(Protocol):
    """Where mailboxes and pollers have read to."""

    async def get(self, channel: str) -> Mapping[str, object] | None:
        """The cursor last committed."""
        ...

    async def first(self, channel: str, cursor: Mapping[str, object]) -> Mapping[str, object]:
        """What is kept under this name: `cursor` where nothing was, whoever else writes at the same time."""
        ...

    async def set(self, channel: str, cursor: Mapping[str, object]) -> None:
        """In the same transaction as what was read."""
        ...

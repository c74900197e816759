"""What goes by mail if nobody reads it before."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Awaited:
    """What was said to an identity in a conversation waits to be read until `at`; up to `mailed` (a `feed_seq`) it was mailed."""

    conversation: str
    identity: str
    at: datetime
    mailed: int = 0


class FollowUps(Protocol):
    """What goes by mail if nobody reads it before."""

    async def schedule(self, conversation: str, identity: str, *, at: datetime) -> None:
        """Wait until then; where something waits already, its time stands."""
        ...

    async def postpone(self, identity: str, *, to: datetime) -> None:
        """Nothing of this identity is due before then."""
        ...

    async def due(self, now: datetime, limit: int) -> list[Awaited]:
        """Whose time has come, oldest first; not locked."""
        ...

    async def take(self, conversation: str, identity: str, *, now: datetime) -> Awaited | None:
        """Locked, if it is still due; to be taken under the conversation's lock."""
        ...

    async def settle(self, conversation: str, identity: str, *, mailed: int) -> None:
        """Nothing waits any more; up to there it was mailed."""
        ...

"""What is forgotten, and after how long."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """How long what is kept although nobody needs it to answer a customer. Messages are kept for good."""

    events: timedelta = timedelta(days=7)  # a screen that was away for longer starts again
    outbox: timedelta = timedelta(days=30)  # of what was settled: what was said stays in the messages
    uploads: timedelta = timedelta(
        minutes=50
    )  # never named in a message; looked at every five minutes: gone within the hour
    quarantine: timedelta = timedelta(days=180)  # since the same bytes last came
    decisions: timedelta = timedelta(days=400)
    audit: timedelta = timedelta(days=1100)


class Retention(Protocol):
    """Forgetting, a bounded number of rows in each transaction, the oldest first."""

    async def prune(self, now: datetime, limit: int, keep: Keep) -> dict[str, int]:
        """Forget at most `limit` rows of each table; how many were, by table."""
        ...

    async def prune_uploads(self, now: datetime, limit: int, keep: Keep) -> list[str]:
        """Forget at most `limit` uploads that no message names; the keys of their bytes, to be deleted after the commit."""
        ...

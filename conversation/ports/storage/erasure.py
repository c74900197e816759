"""Forgetting one customer: what they wrote, what was noted about them, and how they are reached."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What was emptied or deleted: rows by table, and the keys of files whose rows are gone."""

    rows: Mapping[str, int]
    keys: Sequence[str]


class Erasure(Protocol):
    """One customer's rows, all in one transaction. What only counts (queue, issue, times, ids) stays."""

    async def lock(self, customer: str) -> Sequence[str]:
        """Nobody else writes for this customer until the transaction ends; all their conversations. Raises `NotFound`."""
        ...

    async def linked_customers(self, customer: str) -> Sequence[str]:
        """Customers who are known only from this one's conversations: the same person on another channel, by a link of ours."""
        ...

    async def erase(self, customer: str, *, now: datetime) -> Erased:
        """Empty and delete. Their conversations are closed, and no call is open."""
        ...

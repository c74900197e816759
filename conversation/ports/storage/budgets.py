"""How much of something may still happen on one day, counted for all nodes together."""

from collections.abc import Mapping
from datetime import date
from typing import Protocol


class Budgets(Protocol):
    """Counters that begin again each day."""

    async def take(self, wanted: Mapping[str, int], limits: Mapping[str, int], *, day: date) -> Mapping[str, int]:
        """How many of those wanted are granted under each name. Counted with the transaction that asks, under lock until its end."""
        ...

"""The budget of automatic answers to senders whom nobody proved: so many a day, of all nodes and accounts of a kind."""

import logging
from collections.abc import Mapping
from datetime import date, datetime

from conversation.ports.storage import Work

log = logging.getLogger(__name__)

DEFAULT = 50  # a day, for a kind of channel that has no limit of its own
_NAME = "unproven_answers:"


class UnprovenBudget:
    """Asked only where an answer would leave; a node that has seen a day's end asks no more on that day."""

    def __init__(self, limits: Mapping[str, int] | None = None) -> None:
        self._limits = dict(limits or {})
        self._spent: dict[str, date] = {}
        self._logged: dict[str, date] = {}

    def limit(self, kind: str) -> int:
        """So many a day for this kind of channel."""
        return self._limits.get(kind, DEFAULT)

    def left(self, now: datetime) -> Mapping[str, int]:
        """Nothing, for the kinds whose day is known to be used up."""
        return {kind: 0 for kind, day in self._spent.items() if day >= now.date()}

    async def take(self, work: Work, wanted: Mapping[str, int], now: datetime) -> Mapping[str, int]:
        """How many of these answers may be written in this transaction. Last lock but the feed's."""
        day = now.date()
        named = {_NAME + kind: number for kind, number in wanted.items()}
        limits = {_NAME + kind: self.limit(kind) for kind in wanted}
        granted = await work.budgets.take(named, limits, day=day)
        found = {kind: granted[_NAME + kind] for kind in wanted}
        for kind, number in found.items():
            if number == 0:  # committed by others: what this transaction took may still be rolled back
                self._spent[kind] = day
            self._log_change(kind, held=number < wanted[kind], day=day)
        return found

    def _log_change(self, kind: str, *, held: bool, day: date) -> None:
        """Once a day when answers begin to be kept back, and once when they leave again."""
        details = {"kind": kind, "limit": self.limit(kind), "day": str(day)}
        if held and self._logged.get(kind) != day:
            self._logged[kind] = day
            log.warning("unproven_answers_used_up", extra=details)
        elif not held and self._logged.pop(kind, None) is not None:
            log.info("unproven_answers_again", extra=details)

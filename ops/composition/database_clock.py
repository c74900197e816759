"""The time of the database: what nodes share goes by one clock, however wrong a machine's own is.

Between two looks the time goes by the monotonic clock, which no time server sets: a machine whose time of day jumps fires no timer early and
sees nobody offline. On SQLite there is one machine and one clock.
"""

import asyncio
import logging
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Protocol

from conversation.errors import StoreError
from conversation.ports.channel import Clock
from storage.database.server_clock import ServerTime

log = logging.getLogger(__name__)
_EVERY = 5.0  # seconds between two looks
_DEAD_BAND = timedelta(milliseconds=20)  # less than this is no reason to step
_TOO_SLOW = timedelta(seconds=1)  # an answer that took longer leaves too much in doubt
ALARM = timedelta(seconds=1)


class HasServerClock(Protocol):
    """A store with a clock of its own."""

    async def server_time(self) -> ServerTime | None:
        """What its clock shows; None where it has this machine's."""
        ...


class DatabaseClock:
    """The port `Clock`: this machine's, until it was corrected."""

    def __init__(self, clock: Clock, *, follows: bool = True) -> None:
        self._clock = clock
        self._follows = follows
        self._anchor: tuple[datetime, float] | None = None
        self._is_alarmed = False

    def now(self) -> datetime:
        """The instant of the database, as far as it is known."""
        if self._anchor is None:
            return self._clock.now()
        instant, monotonic = self._anchor
        return instant + timedelta(seconds=self._clock.monotonic() - monotonic)

    def monotonic(self) -> float:
        """This machine's."""
        return self._clock.monotonic()

    @property
    def offset(self) -> timedelta:
        """How far the database's clock is ahead of this machine's."""
        return timedelta(0) if self._anchor is None else self.now() - self._clock.now()

    def status(self) -> str | None:
        """Words where this machine's clock is wrong; None where it agrees."""
        seconds = self.offset.total_seconds()
        if abs(self.offset) <= ALARM:
            return None
        return f"{abs(seconds):.1f} s {'behind' if seconds > 0 else 'ahead of'} the database"

    async def correct(self, store: HasServerClock) -> None:
        """Look once. Raises `StoreError`."""
        found = await store.server_time() if self._follows else None
        if found is None or found.round_trip > _TOO_SLOW:
            return
        shown = self.now() - timedelta(seconds=self._clock.monotonic() - found.monotonic)
        if self._anchor is None or abs(shown - found.instant) > max(_DEAD_BAND, found.round_trip / 2):
            self._anchor = found.instant, found.monotonic
        self._alarm()

    async def follow(self, store: HasServerClock) -> None:
        """Look again and again until cancelled; while the store does not answer, the last look counts."""
        while True:
            await asyncio.sleep(_EVERY)
            with suppress(StoreError):
                await self.correct(store)

    def _alarm(self) -> None:
        words = self.status()
        if words is not None and not self._is_alarmed:
            log.error("clock_skewed", extra={"detail": words, "seconds": round(self.offset.total_seconds(), 3)})
        if words is None and self._is_alarmed:
            log.warning("clock_agrees")
        self._is_alarmed = words is not None

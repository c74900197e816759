"""Forgetting what is older than it is kept for: rows once an hour, uploads that no message names every five minutes."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

from conversation.errors import StoreError
from conversation.ports.channel import Blobs, Clock
from conversation.ports.storage import Storage
from conversation.ports.storage.retention import Keep

log = logging.getLogger(__name__)

_HOUR = 3_600.0
_FIVE_MINUTES = 300.0
_HALF_FILE = timedelta(minutes=50)  # since anybody wrote to it
_REST = 0.2  # between two transactions: messages go first
_BATCH = 1_000


class Housekeeper:
    """Any number may run: what one has forgotten, another does not find."""

    def __init__(self, storage: Storage, blobs: Blobs, clock: Clock, keep: Keep) -> None:
        self._storage = storage
        self._blobs = blobs
        self._clock = clock
        self._keep = keep

    async def run(self) -> None:
        """Until cancelled; a store that does not answer is asked again the next time."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._for_ever(self.once, every=_HOUR))
            tasks.create_task(self._for_ever(self.uploads, every=_FIVE_MINUTES))

    async def _for_ever(self, look: Callable[[], Awaitable[bool]], *, every: float) -> None:
        while True:
            more = await self._safely(look)
            await asyncio.sleep(_REST if more else every)

    async def _safely(self, look: Callable[[], Awaitable[bool]]) -> bool:
        try:
            return await look()
        except StoreError as error:
            log.warning("housekeeping_failed", extra={"error": type(error).__name__})
        except Exception:
            log.exception("housekeeping_bug")
        return False

    async def once(self) -> bool:
        """Rows, in one small transaction; whether there may be more to forget."""
        async with self._storage.begin("housekeeping") as work:
            forgotten = await work.retention.prune(self._clock.now(), _BATCH, self._keep)
        if total := sum(forgotten.values()):
            log.info("forgotten", extra={"count": total})
        return any(count >= _BATCH for count in forgotten.values())

    async def uploads(self) -> bool:
        """Uploads that no message names, and half files that a crash left; whether there may be more."""
        now = self._clock.now()
        async with self._storage.begin("housekeeping_uploads") as work:
            keys = await work.retention.prune_uploads(now, _BATCH, self._keep)
        # after the commit: bytes without a row are dead weight, a row without bytes would be a fault
        for key in keys:
            await self._blobs.delete(key)
        halves = await self._blobs.sweep(now - _HALF_FILE)
        if keys or halves:
            log.info("uploads_removed", extra={"count": len(keys), "halves": halves})
        return len(keys) >= _BATCH

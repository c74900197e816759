"""Forgetting, once an hour: what is older than it is kept for, and sessions and tokens that ended."""

import asyncio
import logging

from conversation.errors import StoreError
from conversation.ports import Blobs, Clock
from conversation.remembering import Storage
from conversation.remembering.retention import Keep

log = logging.getLogger(__name__)

_HOUR = 3_600.0
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
        """Once an hour until cancelled; a store that does not answer is asked in an hour."""
        while True:
            more = await self._safely()
            await asyncio.sleep(_REST if more else _HOUR)

    async def _safely(self) -> bool:
        try:
            return await self.once()
        except StoreError as error:
            log.warning("housekeeping_failed", extra={"error": type(error).__name__})
        except Exception:
            log.exception("housekeeping_bug")
        return False

    async def once(self) -> bool:
        """One small transaction; whether there may be more to forget."""
        now = self._clock.now()
        async with self._storage.begin("housekeeping") as work:
            forgotten = await work.retention.prune(now, _BATCH, self._keep)
            uploads = await work.retention.prune_uploads(now, _BATCH, self._keep)
        for (
            key
        ) in uploads:  # after the commit: bytes without a row are dead weight, a row without bytes would be a fault
            await self._blobs.delete(key)
        forgotten["attachments"] = len(uploads)
        total = sum(forgotten.values())
        if total:
            log.info("forgotten", extra={"count": total})
        return any(count >= _BATCH for count in forgotten.values())

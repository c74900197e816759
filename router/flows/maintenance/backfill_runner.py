"""Backfills while nodes serve: one node at a time, batch by batch, and the database has as much time in between."""

import asyncio
import logging
from datetime import timedelta

from conversation.errors import StoreError
from conversation.id_generator import new_id
from conversation.ports.channel import Clock
from conversation.ports.storage import Storage
from conversation.ports.storage.backfills import BackfillProgress

log = logging.getLogger(__name__)

_FEWEST, _MOST = 100, 500  # rows in a batch
_LONG = 0.03  # seconds; batches shrink where they take longer, so that messages seldom wait for one
_LEASE, _SPAN = "backfills", timedelta(seconds=30)
_SHORTEST = 0.01  # seconds between two batches
_TURN = 10.0  # seconds until another node's lease is asked for
_IDLE = 60.0  # seconds until it is looked whether the schema has a place for progress
_REPORT = 10.0  # seconds between two lines in the log


class BackfillRunner:
    """Any number may run: the lease lets one of them fill, and the next goes on where it was killed."""

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock
        self._node = new_id()
        self._name: str | None = None
        self._rows = _FEWEST
        self._reported = -_REPORT

    async def run(self) -> None:
        """Until cancelled; a store that does not answer is asked again later."""
        while True:
            rest = await self._safely()
            await asyncio.sleep(rest)

    async def _safely(self) -> float:
        try:
            return await self.once()
        except StoreError as error:
            log.warning("backfill_interrupted", extra={"error": type(error).__name__})
        except Exception:
            log.exception("backfill_bug")
        return _TURN

    async def once(self) -> float:
        """One batch of the first that is not finished; for how long to rest."""
        name = self._name or await self._next()
        if name is None:
            return _IDLE
        started = self._clock.monotonic()
        async with self._storage.begin("backfill") as work:
            if await work.leases.take(_LEASE, self._node, _SPAN) is None:
                return _TURN
            progress = await work.backfills.fill(name, self._rows)
        took = self._clock.monotonic() - started
        self._name = name if progress.finished_at is None else None
        self._adapt(took)
        self._report(progress)
        return max(_SHORTEST, took)

    async def _next(self) -> str | None:
        async with self._storage.read("backfills") as work:
            found = await work.backfills.progress()
        return next((one.name for one in found if one.finished_at is None), None)

    def _adapt(self, took: float) -> None:
        if took > _LONG:
            self._rows = max(_FEWEST, self._rows // 2)
        elif took < _LONG / 2:
            self._rows = min(_MOST, self._rows * 2)

    def _report(self, progress: BackfillProgress) -> None:
        now = self._clock.monotonic()
        if progress.finished_at is None and now - self._reported < _REPORT:
            return
        self._reported = now
        event = "backfill_progress" if progress.finished_at is None else "backfill_finished"
        rows = {"passes": progress.passes, "examined": progress.examined, "filled": progress.changed}
        log.info(event, extra={"backfill": progress.name, **rows})

"""The claims of rows that are being sent: short, renewed together, and no sending outlives its own."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import timedelta

from conversation.errors import StoreError
from conversation.model.outbound import OutboxRow
from conversation.ports.channel import Clock
from conversation.ports.storage import Storage

log = logging.getLogger(__name__)
_PARTS = 5  # of a claim's time: renewed after one, a sending ended one before the last


class SendingLeases:
    """Others take over what a dead node was sending once its claim has run out, so this node must not go on when it cannot renew it."""

    def __init__(self, storage: Storage, clock: Clock, *, owner: str, span: timedelta, limit: float) -> None:
        self._storage = storage
        self._clock = clock
        self._owner = owner
        self._span = span
        self._limit = limit
        self._ends: dict[str, float] = {}  # by row, on the loop's clock
        self._open: dict[str, tuple[asyncio.Timeout, float]] = {}

    @property
    def span(self) -> timedelta:
        """How long a claim lasts."""
        return self._span

    @property
    def _part(self) -> float:
        return self._span.total_seconds() / _PARTS

    def claimed(self, rows: Iterable[OutboxRow], began: float) -> None:
        """These were claimed by a transaction that began then, by the loop's clock."""
        self._ends |= {row.id: began + self._span.total_seconds() for row in rows}

    def settled(self, row: OutboxRow) -> None:
        """It is not ours any more."""
        self._ends.pop(row.id, None)

    @asynccontextmanager
    async def limited(self, row: OutboxRow) -> AsyncIterator[None]:
        """Raises `TimeoutError` when sending takes too long, or as long as the claim is sure to last."""
        latest = asyncio.get_running_loop().time() + self._limit
        async with asyncio.timeout_at(self._end_of(row.id, latest)) as timeout:
            self._open[row.id] = timeout, latest
            try:
                yield
            finally:
                del self._open[row.id]

    def _end_of(self, row: str, latest: float) -> float:
        ends = self._ends.get(row)
        return latest if ends is None else min(latest, ends - self._part)

    async def keep(self) -> None:
        """Renew until cancelled; while the store does not answer, claims run out."""
        while True:
            await asyncio.sleep(self._part)
            try:
                await self.renew()
            except StoreError:
                continue
            except Exception:  # others are being sent meanwhile
                log.exception("renew_bug")

    async def renew(self) -> None:
        """All claims once."""
        if not self._ends:
            return
        began = asyncio.get_running_loop().time()
        async with self._storage.begin("renew") as work:
            kept = await work.outbox.renew(self._owner, until=self._clock.now() + self._span)
        for row in kept & self._ends.keys():
            self._ends[row] = began + self._span.total_seconds()
        for row in kept & self._open.keys():
            timeout, latest = self._open[row]
            if not timeout.expired():
                timeout.reschedule(self._end_of(row, latest))

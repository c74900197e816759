"""One batch into the store; what of it is refused, or has a bug, is found by halving and quarantined alone."""

from collections.abc import Sequence

from conversation.errors import Conflict, Overloaded, StoreUnavailable
from conversation.model.message import MessageReceived
from conversation.ports.storage import Storage
from router.flows.intake.backpressure import Arrival, Recent
from router.flows.intake.intake_quarantine import IntakeQuarantine
from router.flows.intake.transaction import Context, Flush
from router.flows.transaction_retry import retried

_TRIES = 5


class BatchWriter:
    """Writes batches."""

    def __init__(self, storage: Storage, context: Context, recent: Recent, quarantine: IntakeQuarantine) -> None:
        self._storage = storage
        self._context = context
        self._recent = recent
        self._quarantine = quarantine

    async def write(self, batch: Sequence[Arrival]) -> None:
        """Store it and answer its callers. Raises only what concerns the whole store."""
        try:
            await self._store(batch)
        except (StoreUnavailable, Overloaded, Conflict):
            raise
        except Exception as error:  # noqa: BLE001 a bug concerns one arrival; its batch mates go through
            if len(batch) == 1:
                await self._quarantine.add_arrival(batch[0], error)
                return
            half = len(batch) // 2
            await self.write(batch[:half])
            await self.write(batch[half:])

    async def _store(self, batch: Sequence[Arrival]) -> None:
        try:
            await retried(lambda: Flush(self._storage, self._context, batch).run(), tries=_TRIES)
        except Conflict as conflict:
            raise StoreUnavailable(f"the store keeps refusing: {conflict.detail}") from conflict
        for arrival in batch:
            if isinstance(arrival.event, MessageReceived):
                self._recent.add(arrival.event)

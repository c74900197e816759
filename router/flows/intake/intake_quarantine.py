"""What the intake cannot store: kept with its raw bytes, and a bug that caused it logged once."""

import logging
from collections.abc import Mapping
from hashlib import sha256

from conversation.errors import AttachmentGone, Refused
from conversation.id_generator import new_id
from conversation.ports.channel import Clock
from conversation.ports.metrics import Count, CountedEvent
from conversation.ports.storage import Storage
from conversation.ports.storage.quarantine import Quarantined
from router.flows.intake.backpressure import Arrival
from router.flows.intake.sanitize import clean_text, raw_of
from router.flows.intake.transaction import quarantined_as

log = logging.getLogger(__name__)


class IntakeQuarantine:
    """Rows of the quarantine, each in a transaction of its own or in that of a batch."""

    def __init__(self, storage: Storage, clock: Clock, count: Count) -> None:
        self._storage = storage
        self._clock = clock
        self._count = count
        self._traced: set[tuple[str, str | None]] = set()

    def row(self, channel: str, raw: bytes, reason: str, code: str, headers: Mapping[str, str]) -> Quarantined:
        """The row of these bytes, to be written by whoever asks."""
        now = self._clock.now()
        return Quarantined(
            id=new_id(),
            channel=channel,
            sha256=sha256(raw).hexdigest(),
            size=len(raw),
            code=code,
            reason=clean_text(reason),
            first_at=now,
            last_at=now,
            raw=raw,
            headers={clean_text(name): clean_text(value) for name, value in headers.items()},
        )

    async def add(self, channel: str, raw: bytes, reason: str, *, code: str, headers: Mapping[str, str]) -> str:
        """Keep bytes that could not be read; returns the row's id after the commit."""
        row = self.row(channel, raw, reason, code, headers)
        async with self._storage.begin("quarantine") as work:
            identifier = await work.quarantine.add(row)
        self._count(CountedEvent.QUARANTINED)
        log.warning("quarantined", extra={"channel": channel, "code": code, "row": identifier})
        return identifier

    async def add_arrival(self, arrival: Arrival, error: Exception) -> None:
        """One event that will never be stored: its bytes are kept, and its caller learns of it."""
        event = arrival.event
        refused = isinstance(error, Refused)
        if not refused:
            self.log_bug(error)
        code, reason = "refused" if refused else "bug", f"{type(error).__name__}: {error}"[:500]
        row = await self.add(event.channel, raw_of(event), reason, code=code, headers={})
        if (cursor := arrival.committed_cursor) is not None:
            async with self._storage.begin("cursor") as work:
                await work.cursors.set(event.channel, cursor)
        if refused:
            arrival.answer(quarantined_as(event, row, gone=isinstance(error, AttachmentGone)))
        else:
            arrival.fail(error, kept=True)

    def log_bug(self, error: Exception) -> None:
        """The same bug is logged with its trace once."""
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        where = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else None
        seen = (type(error).__name__, where) in self._traced
        self._traced.add((type(error).__name__, where))
        log.error("intake_bug", extra={"error": type(error).__name__}, exc_info=None if seen else error)

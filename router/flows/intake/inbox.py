"""The inbox: what arrives is gathered while the last batch is written, decided, stored, committed, and only then acknowledged."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from conversation.errors import Overloaded, StoreUnavailable
from conversation.model.capabilities import Can
from conversation.model.decision import StoredDecision
from conversation.model.message import Accepted, InboundEvent
from conversation.model.people import Identity
from conversation.ports.callback_links import LinksByAccount
from conversation.ports.channel import Clock
from conversation.ports.metrics import Count, no_count
from conversation.ports.storage import Storage
from router.flows.active_rules import RulesInForce
from router.flows.classifier_plugin import Classifiers
from router.flows.intake.arrivals import ArrivalReader
from router.flows.intake.auto_reply_budget import UnprovenBudget
from router.flows.intake.backpressure import Arrival, IntakeBudget, PendingAccept, Recent, Shard
from router.flows.intake.batch_writer import BatchWriter
from router.flows.intake.intake_quarantine import IntakeQuarantine
from router.flows.intake.sanitize import Kept
from router.flows.intake.transaction import Context
from router.understanding.language import Detector

log = logging.getLogger(__name__)

_REMEMBERED = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much may wait, for how long a caller may wait for room (seconds), and how much one transaction takes."""

    events: int = 5_000
    size: int = 64 * 1024 * 1024
    patience: float = 2.0
    batch: int = 200


class IntakeFlow:
    """The port `Inbox` over a store. `run` must be running for `accept` to return.

    `cans` says what each channel account can do, `links` are those of the accounts that call back; `budget` how many unproven senders are
    answered automatically; `checkpoint` is called at the points at which a crash is worth trying; `count` is given a meter's name and an
    amount, `decided` what was decided, after its commit.
    """

    def __init__(
        self,
        storage: Storage,
        rules: RulesInForce,
        detector: Detector,
        clock: Clock,
        *,
        cans: Callable[[], Mapping[str, Can]],
        links: LinksByAccount | None = None,
        shards: int = 1,
        limits: Limits | None = None,
        classifiers: Classifiers | None = None,
        budget: UnprovenBudget | None = None,
        checkpoint: Callable[[str], None] = lambda _: None,
        count: Count = no_count,
        took: Callable[[float], None] = lambda _seconds: None,
        decided: Callable[[Sequence[StoredDecision]], None] | None = None,
    ) -> None:
        classifiers, budget, recent = classifiers or Classifiers(), budget or UnprovenBudget(), Recent(_REMEMBERED)
        self._quarantine = IntakeQuarantine(storage, clock, count)
        self._reader = ArrivalReader(
            rules, detector, clock, classifiers=classifiers, recent=recent, quarantine=self._quarantine
        )
        context = Context(
            rules=rules, detector=detector, classifiers=classifiers, cans=cans, links=links or {}, clock=clock,
            checkpoint=checkpoint, count=count, decided=decided, budget=budget, quarantined=self._quarantine.row,
        )  # fmt: skip
        self._writer = BatchWriter(storage, context, recent, self._quarantine)
        self._clock = clock
        self._limits = limits or Limits()
        self._took = took
        self._budget = IntakeBudget(events=self._limits.events, size=self._limits.size, patience=self._limits.patience)
        self._shards = [Shard() for _ in range(shards)]
        self._draining = False

    # -- the port ------------------------------------------------------------------------------------------------------

    async def accept(
        self, events: Sequence[InboundEvent], *, cursor: Mapping[str, object] | None = None
    ) -> list[Accepted]:
        """Return after the commit, one answer for each event in order. See the port."""
        self._refuse_at_the_end()
        if not events:
            return []
        call = PendingAccept(len(events))
        arrivals = await self._reader.read(events, call)
        arrivals[-1].cursor = cursor
        await self._budget.enter(arrivals)
        try:
            self._refuse_at_the_end()
        except Overloaded:
            self._budget.leave(arrivals)
            raise
        self._hand_out(arrivals, together=cursor is not None)
        return await call.wait()

    async def quarantine(
        self, channel: str, raw: bytes, reason: str, *, code: str, headers: Mapping[str, str] | None = None
    ) -> str:
        """Keep bytes that could not be read; returns the row's id after the commit."""
        return await self._quarantine.add(channel, raw, reason, code=code, headers=headers or {})

    async def run(self) -> None:
        """Flush until cancelled; whoever still waits then learns that nothing was stored."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for shard in self._shards:
                    tasks.create_task(self._flush_for_ever(shard))
        finally:
            for shard in self._shards:
                for arrival in shard.leftovers():
                    arrival.fail(StoreUnavailable("the intake has stopped"))

    async def drain(self) -> None:
        """Accept nothing more and return when everything accepted so far is answered."""
        self._draining = True
        await self._budget.idle.wait()

    # -- from the callers to the flushers ------------------------------------------------------------------------------

    def _hand_out(self, arrivals: Sequence[Arrival], *, together: bool) -> None:
        if together or len(self._shards) == 1:
            self._shards[hash(arrivals[0].event.channel) % len(self._shards)].put(arrivals)
            return
        for arrival in arrivals:
            self._shards[hash((arrival.event.channel, _whose(arrival.event))) % len(self._shards)].put([arrival])

    async def _flush_for_ever(self, shard: Shard) -> None:
        while True:
            await self._flush(await shard.take(self._limits.batch))

    async def _flush(self, batch: Sequence[Arrival]) -> None:
        started = self._clock.monotonic()
        try:
            await self._writer.write(batch)
        except Exception as error:  # noqa: BLE001 a flusher never dies; the writer lets only the store's failures out
            self._fail(batch, error)
        finally:
            if not all(arrival.settled for arrival in batch):
                self._fail(batch, StoreUnavailable("the intake has stopped"))
            self._budget.leave(batch)
        self._took(self._clock.monotonic() - started)

    def _refuse_at_the_end(self) -> None:
        if self._draining:
            raise Overloaded("the server is stopping", retry_after=5)

    def _fail(self, batch: Sequence[Arrival], error: BaseException) -> None:
        left = [arrival for arrival in batch if not arrival.settled]
        for arrival in left:
            arrival.fail(error)
        if left and isinstance(error, Exception):
            log.warning("batch_not_stored", extra={"count": len(left), "error": type(error).__name__})


def _whose(event: Kept) -> str:
    """What concerns one customer goes one way, so that it is stored in the order it came in."""
    who = getattr(event, "sender", None) or getattr(event, "to", None)
    return who.address if isinstance(who, Identity) else event.external_id

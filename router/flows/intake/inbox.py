"""The inbox: what arrives is gathered while the last batch is written, decided, stored, committed, and only then acknowledged."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from conversation.errors import AttachmentGone, Conflict, Overloaded, Refused, StoreUnavailable
from conversation.id_generator import new_id
from conversation.model.capabilities import Can
from conversation.model.decision import StoredDecision
from conversation.model.message import Accepted, InboundEvent, Malformed, MessageReceived
from conversation.model.people import Identity
from conversation.ports.callback_links import LinksByAccount
from conversation.ports.channel import Clock
from conversation.ports.metrics import Count, CountedEvent, no_count
from conversation.ports.storage import Storage
from conversation.ports.storage.quarantine import Quarantined
from router.decision.facts import understand
from router.flows.active_rules import RulesInForce
from router.flows.classifier_plugin import Classifiers, PluggedIn
from router.flows.intake.auto_reply_budget import UnprovenBudget
from router.flows.intake.backpressure import Arrival, IntakeBudget, PendingAccept, Recent, Shard
from router.flows.intake.sanitize import Clean, Kept, clean, clean_key, clean_text, raw_of
from router.flows.intake.transaction import Context, Flush, put_aside_as
from router.flows.transaction_retry import retried
from router.understanding.language import Detector

log = logging.getLogger(__name__)

_TRIES = 5
_REMEMBERED = 50_000
_PATIENCE_OF_A_CALL = 4  # times as long as for one message a caller waits for a plug-in: the rest is found by words


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much may wait, for how long a caller may wait for room (seconds), and how much one transaction takes."""

    events: int = 5_000
    size: int = 64 * 1024 * 1024
    patience: float = 2.0
    batch: int = 200


class IntakeFlow:
    """The port `Inbox` over a store. `run` must be running for `accept` to return.

    `cans` says what each channel account can do; `budget` how many unproven senders are answered automatically; `checkpoint` is called at the points at which a crash is worth trying;
    `count` is given a meter's name and an amount, `decided` what was decided, after its commit.
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
        self._storage = storage
        self._rules = rules
        self._detector = detector
        self._clock = clock
        self._cans = cans
        self._links = links or {}
        self._limits = limits or Limits()
        self._classifiers = classifiers or Classifiers()
        self._budget = budget or UnprovenBudget()
        self._checkpoint = checkpoint
        self._count = count
        self._took = took
        self._decided = decided
        self._room = IntakeBudget(events=self._limits.events, size=self._limits.size, patience=self._limits.patience)
        self._shards = [Shard() for _ in range(shards)]
        self._recent = Recent(_REMEMBERED)
        self._draining = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._traced: set[tuple[str, str | None]] = set()

    # -- the port ------------------------------------------------------------------------------------------------------

    async def accept(
        self, events: Sequence[InboundEvent], *, cursor: Mapping[str, object] | None = None
    ) -> list[Accepted]:
        """Return after the commit, one answer for each event in order. See the port."""
        self._refuse_at_the_end()
        if not events:
            return []
        call = PendingAccept(len(events))
        arrivals = [self._arrival(event, call, index) for index, event in enumerate(events)]
        arrivals[-1].cursor = cursor
        if self._classifiers.plugged_in is not None:
            await self._ask(self._classifiers.plugged_in, arrivals)
        await self._room.enter(len(arrivals), sum(arrival.size for arrival in arrivals))
        try:
            self._refuse_at_the_end()
        except Overloaded:
            self._leave(arrivals)
            raise
        self._idle.clear()
        self._hand_out(arrivals, together=cursor is not None)
        return await call.wait()

    async def quarantine(
        self, channel: str, raw: bytes, reason: str, *, code: str, headers: Mapping[str, str] | None = None
    ) -> str:
        """Keep bytes that could not be read; returns the row's id after the commit."""
        row = self._quarantined(channel, raw, reason, code, headers or {})
        async with self._storage.begin("quarantine") as work:
            identifier = await work.quarantine.add(row)
        self._count(CountedEvent.QUARANTINED)
        log.warning("quarantined", extra={"channel": channel, "code": code, "row": identifier})
        return identifier

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
        await self._idle.wait()

    # -- from the callers to the flushers ------------------------------------------------------------------------------

    def _arrival(self, event: InboundEvent, call: PendingAccept, index: int) -> Arrival:
        cleaned = self._cleaned(event)
        arrival = Arrival(event=cleaned.event, call=call, index=index, changed=cleaned.changed)
        if isinstance(cleaned.event, MessageReceived):
            arrival.repeats = cleaned.event in self._recent
            if not arrival.repeats:
                self._understand_early(arrival, cleaned.event)
        return arrival

    def _cleaned(self, event: InboundEvent) -> Clean:
        try:
            return clean(event)
        except Exception as error:  # noqa: BLE001 whatever it is made of, its batch mates go through
            self._trace(error)
            unreadable = Malformed(
                channel=event.channel,
                external_id=clean_key(event.external_id),
                received_at=event.received_at,
                raw=getattr(event, "raw", b"") or event.external_id.encode(errors="replace"),
                reason=f"cannot be cleaned: {type(error).__name__}",
                code="bug",
            )
            return Clean(unreadable)

    def _understand_early(self, arrival: Arrival, event: MessageReceived) -> None:
        """While the last batch is written there is time for it; a fault shows again, and is handled, in the flush."""
        rulebook = self._rules.rulebook
        try:
            arrival.understood = understand(event.text, rulebook, self._detector, self._classifiers.built_in)
        except Exception:  # noqa: BLE001 the flush isolates, logs and quarantines it
            return
        arrival.rulebook = rulebook

    async def _ask(self, plugged_in: PluggedIn, arrivals: Sequence[Arrival]) -> None:
        """What a plug-in says of these arrivals, as far as it says so in time."""
        until = self._clock.monotonic() + _PATIENCE_OF_A_CALL * plugged_in.limit
        for arrival in arrivals:
            if arrival.understood is None or arrival.rulebook is None or self._clock.monotonic() > until:
                continue
            claimed = await plugged_in.claim(arrival.event, arrival.understood, arrival.rulebook)
            if claimed is not None:
                arrival.understood = replace(arrival.understood, classified=claimed.ranking, model=claimed.by)

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
            await self._settle(batch)
        except Exception as error:  # noqa: BLE001 a flusher never dies; `_settle` lets only the store's failures out
            self._fail(batch, error)
        finally:
            self._fail(batch, StoreUnavailable("the intake has stopped"))
            self._leave(batch)
        self._took(self._clock.monotonic() - started)

    def _refuse_at_the_end(self) -> None:
        if self._draining:
            raise Overloaded("the house is closing", retry_after=5)

    def _leave(self, arrivals: Sequence[Arrival]) -> None:
        self._room.leave(len(arrivals), sum(arrival.size for arrival in arrivals))
        if self._room.held == 0:
            self._idle.set()

    def _fail(self, batch: Sequence[Arrival], error: BaseException) -> None:
        left = [arrival for arrival in batch if not arrival.settled]
        for arrival in left:
            arrival.fail(error)
        if left and isinstance(error, Exception):
            log.warning("batch_not_stored", extra={"count": len(left), "error": type(error).__name__})

    # -- one batch, and what of it is refused --------------------------------------------------------------------------

    async def _settle(self, batch: Sequence[Arrival]) -> None:
        """Store it; what the store refuses, or a bug chokes on, is found by halving and put aside alone."""
        try:
            await self._stored(batch)
        except (StoreUnavailable, Overloaded, Conflict):
            raise
        except Exception as error:  # noqa: BLE001 a bug concerns one arrival; its batch mates go through
            if len(batch) == 1:
                await self._put_aside(batch[0], error)
                return
            half = len(batch) // 2
            await self._settle(batch[:half])
            await self._settle(batch[half:])

    async def _stored(self, batch: Sequence[Arrival]) -> None:
        try:
            await retried(lambda: Flush(self._storage, self._context(), batch).run(), tries=_TRIES)
        except Conflict as conflict:
            raise StoreUnavailable(f"the store keeps refusing: {conflict.detail}") from conflict
        for arrival in batch:
            if isinstance(arrival.event, MessageReceived):
                self._recent.add(arrival.event)

    def _context(self) -> Context:
        return Context(
            rulebook=self._rules.rulebook,
            asks_staffed=self._rules.asks_staffed,
            detector=self._detector,
            classifier=self._classifiers.built_in,
            cans=self._cans(),
            links=self._links,
            clock=self._clock,
            checkpoint=self._checkpoint,
            count=self._count,
            decided=self._decided,
            budget=self._budget,
            quarantined=self._quarantined,
        )

    async def _put_aside(self, arrival: Arrival, error: Exception) -> None:
        """One event that will never be stored: its bytes are kept, and its caller learns of it."""
        event = arrival.event
        refused = isinstance(error, Refused)
        if not refused:
            self._trace(error)
        code = "refused" if refused else "bug"
        row = await self.quarantine(event.channel, raw_of(event), f"{type(error).__name__}: {error}"[:500], code=code)
        if (cursor := arrival.committed_cursor) is not None:
            await self._keep_cursor(event.channel, cursor)
        if refused:
            arrival.answer(put_aside_as(event, row, gone=isinstance(error, AttachmentGone)))
        else:
            arrival.fail(error, kept=True)

    async def _keep_cursor(self, channel: str, cursor: Mapping[str, object]) -> None:
        async with self._storage.begin("cursor") as work:
            await work.cursors.set(channel, cursor)

    def _trace(self, error: Exception) -> None:
        """The same bug is logged with its trace once."""
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        where = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else None
        seen = (type(error).__name__, where) in self._traced
        self._traced.add((type(error).__name__, where))
        log.error("intake_bug", extra={"error": type(error).__name__}, exc_info=None if seen else error)

    def _quarantined(self, channel: str, raw: bytes, reason: str, code: str, headers: Mapping[str, str]) -> Quarantined:
        now = self._clock.now()
        digest = sha256(raw).hexdigest()
        return Quarantined(
            id=new_id(),
            channel=channel,
            sha256=digest,
            size=len(raw),
            code=code,
            reason=clean_text(reason),
            first_at=now,
            last_at=now,
            raw=raw,
            headers={clean_text(name): clean_text(value) for name, value in headers.items()},
        )


def _whose(event: Kept) -> str:
    """What concerns one customer goes one way, so that it is stored in the order it came in."""
    who = getattr(event, "sender", None) or getattr(event, "to", None)
    return who.address if isinstance(who, Identity) else event.external_id

"""Outbox rows are claimed, sent with bounded concurrency, and settled by the class of what came of it."""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from conversation.errors import Conflict, StoreError, StoreUnavailable, Unknown
from conversation.id_generator import new_id
from conversation.model.credential_retry import gist, pause_after
from conversation.model.events import Topic
from conversation.model.message import Message, Status
from conversation.model.outbound import Effect, OutboxRow, OutboxState
from conversation.model.people import public_name
from conversation.ports.channel import Channel, Clock, Listening, Signals
from conversation.ports.metrics import ChannelCount, ChannelEvent, Count, no_channel_count, no_count
from conversation.ports.storage import Storage, Work
from router.flows.delivery.failed_webhook_calls import FailedCalls, WebhookSender
from router.flows.delivery.reachability import still_lawful
from router.flows.delivery.sending_leases import SendingLeases
from router.policy import notifications
from router.policy.delivery_result import NO_CHANNEL, DeliveryOutcome, of_error, of_receipt, of_stranded

log = logging.getLogger(__name__)

_LEASE = timedelta(seconds=25)  # renewed while we send: what a dead node was sending is taken over within half a minute
_SEND_LIMIT = 45.0
_SETTLE_PAUSES = (0.1, 0.4, 1.6, 6.4)  # with the sending still within the lease
_AT_ONCE = 8
_POLL = 1.0
_ORPHANS = timedelta(minutes=1)  # between looks, and after the deadline: another node may serve what this one does not


class Dispatcher:
    """Any number may run: rows are claimed under a lease, and a holder's word counts only while its epoch does."""

    def __init__(
        self,
        storage: Storage,
        channels: Callable[[], Mapping[str, Channel]],
        webhooks: WebhookSender,
        signals: Signals,
        clock: Clock,
        *,
        owner: str | None = None,
        at_once: int = _AT_ONCE,
        draw: Callable[[], float] = random.random,
        count: Count = no_count,
        count_of: ChannelCount = no_channel_count,
    ) -> None:
        self._storage = storage
        self._channels = channels
        self._webhooks = webhooks
        self._signals = signals
        self._clock = clock
        self._at_once = at_once
        self._draw = draw
        self._calls = FailedCalls(storage, webhooks, count)
        self._count_of = count_of
        self._owner = owner or new_id()
        self._leases = SendingLeases(storage, clock, owner=self._owner, span=_LEASE, limit=_SEND_LIMIT)
        self._busy: Counter[str] = Counter()
        self._paused: dict[str, datetime] = {}
        self._refused: dict[str, int] = {}  # how often in a row a target refused our credentials
        self._reasons: dict[str, str] = {}  # why it did so the last time
        self._next_look = 0.0
        self._orphans_at = datetime.min.replace(tzinfo=UTC)
        self._draining = False
        self._at_rest = asyncio.Event()
        self._at_rest.set()

    async def run(self) -> None:
        """Until cancelled; what is being sent then ends as `uncertain` or is sent again, by what its channel allows."""
        async with self._signals.subscribe(Topic.OUTBOX) as listening, asyncio.TaskGroup() as tasks:
            settled = asyncio.Event()
            tasks.create_task(self._leases.keep())
            while True:
                settled.clear()
                for row in await self._claim_safely():
                    tasks.create_task(self._deliver(row, settled))
                await self._next(listening, settled)

    async def once(self) -> int:
        """Send what is due now and wait for it; how many rows were tried. For tests and for draining."""
        rows = await self._claim()
        settled = asyncio.Event()
        await asyncio.gather(*(self._deliver(row, settled) for row in rows))
        return len(rows)

    async def drain(self, patience: float) -> None:
        """Claim nothing more and let what is being sent end, for at most so many seconds."""
        self._draining = True
        try:
            async with asyncio.timeout(patience):
                await self._at_rest.wait()
        except TimeoutError:
            log.warning("sending_interrupted", extra={"count": self._busy.total()})

    # -- claiming ------------------------------------------------------------------------------------------------------

    async def _claim_safely(self) -> list[OutboxRow]:
        try:
            return await self._claim()
        except StoreError as error:
            log.warning("claim_failed", extra={"error": type(error).__name__})
        except Exception:
            log.exception("claim_bug")
        return []

    async def _claim(self) -> list[OutboxRow]:
        """Due heads for channels with free slots. What another sender left midway is settled first."""
        now = self._clock.now()
        if self._clock.monotonic() >= self._next_look:
            self._next_look = self._clock.monotonic() + _POLL
            await self._settle_stranded(now)
            await self._give_up_orphans(now)
            await self._calls.look(now)
        free = self._free_targets(now)
        if not free or self._draining:
            return []
        alike: dict[int, list[str]] = {}  # by the number of free slots: a slow channel holds nobody else up
        for target in free:
            alike.setdefault(self._at_once - self._busy[target], []).append(target)
        rows: list[OutboxRow] = []
        began, lease = asyncio.get_running_loop().time(), self._leases.span
        async with self._storage.begin("claim") as work:
            for slots, targets in alike.items():
                limit = slots * len(targets)
                rows += await work.outbox.claim(self._owner, targets=targets, limit=limit, now=now, lease=lease)
        self._leases.claimed(rows, began)
        self._busy.update(row.target for row in rows)
        if rows:
            self._at_rest.clear()
        return rows

    def _free_targets(self, now: datetime) -> list[str]:
        able = [name for name, channel in self._channels().items() if channel.can.send]
        known = dict.fromkeys([*able, *self._webhooks.names()])
        return [name for name in known if self._busy[name] < self._at_once and self._paused.get(name, now) <= now]

    async def _settle_stranded(self, now: datetime) -> None:
        async with self._storage.begin("stranded") as work:
            for row in await work.outbox.stranded(now, 50, owner=self._owner):
                channel = self._channels().get(row.target)
                second_try = channel is not None and channel.can.second_try
                outcome = of_stranded(row, idempotent=self._idempotent(row), now=now, second_try=second_try)
                await self._write(work, row, outcome)
                log.warning("stranded", extra={"row": row.id, "channel": row.target})

    async def _give_up_orphans(self, now: datetime) -> None:
        """What waits for a channel that nobody serves any more fails at its deadline, so that people see it."""
        if now < self._orphans_at:
            return
        self._orphans_at = now + _ORPHANS
        async with self._storage.begin("orphans") as work:
            outcome = DeliveryOutcome(state=OutboxState.FAILED, status=Status.FAILED, error=NO_CHANNEL)
            for row in await work.outbox.abandon(
                list(self._channels()), error=NO_CHANNEL, now=now - _ORPHANS, limit=50
            ):
                log.warning("no_channel", extra={"row": row.id, "channel": row.target})
                await self._notify(work, row, outcome)

    async def _patience(self) -> float:
        """Until the next row is due, at most a second: a lost hint is healed by looking."""
        now = self._clock.now()
        try:
            async with self._storage.read("next_due") as work:
                due = await work.outbox.next_due(self._free_targets(now))
        except StoreError:
            return _POLL
        except Exception:
            log.exception("next_due_bug")
            return _POLL
        return _POLL if due is None else min(_POLL, max(0.01, (due - now).total_seconds()))

    async def _next(self, listening: Listening, settled: asyncio.Event) -> None:
        """Until a hint comes, something was sent, or patience ends."""
        waits = {
            asyncio.ensure_future(listening.wait(await self._patience())),
            asyncio.ensure_future(settled.wait()),
        }
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    # -- one row -------------------------------------------------------------------------------------------------------

    async def _deliver(self, row: OutboxRow, settled: asyncio.Event) -> None:
        try:
            began = self._clock.now()
            outcome = replace(await self._outcome(row), began=began)
            self._pause(row.target, outcome)
            await self._settle(row, outcome)
            if outcome.state is OutboxState.SENT and row.effect is not Effect.WEBHOOK:
                self._count_of(row.target, ChannelEvent.SENT)
        except StoreError as error:  # the lease runs out and the row is settled as stranded
            log.warning("settle_failed", extra={"row": row.id, "error": type(error).__name__})
        except Exception:  # the same; the others are sent all the same
            log.exception("settle_bug", extra={"row": row.id})
        finally:
            self._leases.settled(row)
            self._busy[row.target] -= 1
            if not self._busy.total():
                self._at_rest.set()
            settled.set()

    def _pause(self, target: str, outcome: DeliveryOutcome) -> None:
        """As long as the provider said; after a refusal longer each time. What was sent meanwhile counts as one try."""
        now = self._clock.now()
        if outcome.state is OutboxState.SENT and self._reasons.pop(target, None) is not None:
            self._refused.pop(target, None)
            log.info("sending_accepted", extra={"channel": target})
        if outcome.pause is None:
            return
        if outcome.refused:
            self._pause_refused(target, outcome, now)
        else:
            self._refused.pop(target, None)  # the provider named its time: a reload does not end it
            self._paused[target] = now + outcome.pause

    def _pause_refused(self, target: str, outcome: DeliveryOutcome, now: datetime) -> None:
        if self._paused.get(target, now) > now:
            return
        times = self._refused[target] = self._refused.get(target, 0) + 1
        self._paused[target] = now + pause_after(times, self._draw())
        reason = gist(outcome.error or "")
        if self._reasons.get(target) != reason:
            log.warning("sending_refused", extra={"channel": target, "detail": outcome.error})
        self._reasons[target] = reason

    def try_now(self) -> None:
        """Who refused our credentials is asked again at once."""
        for target in self._refused:
            self._paused.pop(target, None)

    async def _settle(self, row: OutboxRow, outcome: DeliveryOutcome) -> None:
        """What is known of a sending is not given up for a hiccup of the store: a stranded row would be in doubt."""
        for pause in (*_SETTLE_PAUSES, None):
            try:
                async with self._storage.begin("settle") as work:
                    await self._write(work, row, outcome)
            except (Conflict, StoreUnavailable):
                if pause is None:
                    raise
                await asyncio.sleep(pause)
            else:
                return

    async def _outcome(self, row: OutboxRow) -> DeliveryOutcome:
        try:
            return await self._send(row)
        except TimeoutError:
            return self._of_error(Unknown("no answer in time"), row)
        except Exception as error:
            outcome = self._of_error(error, row)
            what = {"row": row.id, "channel": row.target, "state": outcome.state.value, "error": type(error).__name__}
            level = logging.WARNING if row.effect is Effect.WEBHOOK else logging.INFO
            log.log(logging.ERROR if outcome.bug else level, "not_sent", extra=what, exc_info=outcome.bug)
            return outcome

    def _of_error(self, error: Exception, row: OutboxRow) -> DeliveryOutcome:
        channel = self._channels().get(row.target)
        return of_error(
            error,
            row,
            idempotent=self._idempotent(row),
            now=self._clock.now(),
            draw=self._draw,
            second_try=channel is not None and channel.can.second_try,
        )

    async def _send(self, row: OutboxRow) -> DeliveryOutcome:
        async with self._leases.limited(row):
            if row.effect is Effect.WEBHOOK or row.message is None:
                await self._webhooks.send(row)
                return of_receipt(None)
            channel = self._channels()[row.target]
            message = await still_lawful(self._storage, channel.can, row.message, self._clock.now())
            author = public_name(message.author_name)  # what was queued, or said, before names were checked
            return of_receipt(await channel.send(replace(message, author_name=author)))

    def _idempotent(self, row: OutboxRow) -> bool:
        """Webhooks carry their id; a channel says so itself. One that is configured no more cannot be trusted to.

        A reply token is good for one answer, and whoever takes it asks for no key besides.
        """
        if row.effect is Effect.WEBHOOK:
            return True
        if row.message is not None and row.message.reply_token is not None:
            return False
        channel = self._channels().get(row.target)
        return channel is not None and channel.can.idempotent

    async def _write(self, work: Work, row: OutboxRow, outcome: DeliveryOutcome) -> None:
        """Row, message and event in one transaction; nothing where another holder took over."""
        if row.effect is Effect.WEBHOOK:
            mine = await self._calls.settle(work, row, outcome, self._clock.now())
        else:
            mine = await work.outbox.finish(
                row, outcome.state, error=outcome.error, retry_at=outcome.retry_at, sent=outcome.sent
            )
        if not mine:
            log.warning("outbox_lease_lost", extra={"row": row.id, "channel": row.target})
            return
        if row.message is not None:
            await self._notify(work, row, outcome)
        if outcome.state is OutboxState.QUEUED:
            work.hint(*notifications.hints(targets=[row.target]))

    async def _notify(self, work: Work, row: OutboxRow, outcome: DeliveryOutcome) -> None:
        assert row.message is not None  # noqa: S101 the caller looked
        if row.conversation is None:  # a code: nobody is shown it
            return
        moved: Message | None = await work.messages.set_status(
            row.message.id, outcome.status, external_ids=outcome.external_ids, error=outcome.error, at=outcome.began
        )
        if outcome.state is OutboxState.UNCERTAIN:
            await self._settle_reported(work, row.message.id)
        if moved is None:
            return
        conversation = await work.conversations.get(row.message.conversation)
        await work.events.add([notifications.status_event(moved, conversation)], now=self._clock.now())
        work.hint(*notifications.hints(visitors=[moved.identity] if moved.identity else []))

    async def _settle_reported(self, work: Work, message: str) -> None:
        """A receipt may overtake the answer that never came: then nothing is in doubt, and nothing may stay blocked."""
        found = (await work.messages.find([message])).get(message)
        if found is not None and found.status is not Status.UNCERTAIN:
            state = OutboxState.FAILED if found.status is Status.FAILED else OutboxState.SENT
            await work.outbox.resolve(message, state, now=self._clock.now())

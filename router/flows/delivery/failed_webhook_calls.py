"""Calls of webhooks that cannot leave or waited too long: an error on the conversation and in the log, never a late call."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

from conversation.errors import NotFound
from conversation.model.conversation import Conversation
from conversation.model.events import EventType
from conversation.model.outbound import CALL_EXPIRES, OutboxRow, OutboxState, WebhookCall
from conversation.model.routing_state import FailedWebhook
from conversation.ports.metrics import Count, CountedEvent
from conversation.ports.storage import Storage, Work
from router.policy import notifications
from router.policy.delivery_result import EXPIRED, DeliveryOutcome

log = logging.getLogger(__name__)

_EVERY = timedelta(seconds=5)
_BATCH = 50
_EXPIRED = f"{EXPIRED}: nothing older than {CALL_EXPIRES // timedelta(minutes=1)} minutes leaves by itself"


class WebhookSender(Protocol):
    """Posts signed webhooks to addresses that operators wrote."""

    def names(self) -> Sequence[str]:
        """The webhooks that can be called now."""
        ...

    def problem(self, name: str) -> str:
        """Why a webhook that is none of these cannot be called from here."""
        ...

    async def send(self, row: OutboxRow) -> None:
        """Post `row.payload` with `row.id` as its id. MUST raise a `ChannelError` unless it was acknowledged."""
        ...


class FailedCalls:
    """Looks every few seconds for calls that wait in vain; the dispatcher settles those that it tried through it."""

    def __init__(self, storage: Storage, webhooks: WebhookSender, count: Count) -> None:
        self._storage = storage
        self._webhooks = webhooks
        self._count = count
        self._look_at = datetime.min.replace(tzinfo=UTC)

    async def look(self, now: datetime) -> None:
        """Give up what waited too long; say of what cannot leave from here why, unless another node took it meanwhile."""
        if now < self._look_at:
            return
        self._look_at = now + _EVERY
        async with self._storage.read("failed_calls") as work:
            expired = await work.outbox.expired_calls(now, _BATCH)
            unserved = await work.outbox.unserved_calls(self._webhooks.names(), now - _EVERY, _BATCH)
        gone = {call.id for call in expired}
        for call in expired:
            reason = call.error or self._silent(call)
            await self._one(call, f"{_EXPIRED}: {reason}" if reason else _EXPIRED, now, give_up=True)
        for call in unserved:
            if call.id not in gone:
                await self._one(call, self._webhooks.problem(call.webhook), now, give_up=False)

    def _silent(self, call: WebhookCall) -> str:
        known = call.webhook in self._webhooks.names()
        return "nothing was running that could send it" if known else self._webhooks.problem(call.webhook)

    async def _one(self, call: WebhookCall, reason: str, now: datetime, *, give_up: bool) -> None:
        """One transaction for each: the conversation is locked first, as by everybody."""
        async with self._storage.begin("failed_call") as work:
            found = await _locked(work, call.conversation)
            change = work.outbox.give_up_call if give_up else work.outbox.note_call
            if await change(call, reason):
                await self._record(work, found, now, webhook=call.webhook, call=call.id, reason=reason)

    async def settle(self, work: Work, row: OutboxRow, outcome: DeliveryOutcome, now: datetime) -> bool:
        """Write what came of a try; False where another holder took over."""
        lost = outcome.state in (OutboxState.FAILED, OutboxState.PARKED)
        over = outcome.state is OutboxState.SENT and await _is_marked(work, row)
        found = await _locked(work, row.conversation) if lost or over else None
        if not await work.outbox.finish(row, outcome.state, error=outcome.error, retry_at=outcome.retry_at):
            return False
        if lost:
            await self._record(work, found, now, webhook=row.target, call=row.id, reason=outcome.error or "")
        elif found is not None:
            await _heard(work, found, row.target, now)
        return True

    async def _record(
        self, work: Work, before: Conversation | None, now: datetime, *, webhook: str, call: str, reason: str
    ) -> None:
        """An error in the log and a count for operators; a mark on the conversation and an event for agents."""
        where = before.id if before is not None else None
        details = {"row": call, "webhook": webhook, "conversation": where, "reason": reason}
        log.error("webhook_not_called", extra=details)
        self._count(CountedEvent.WEBHOOKS_NOT_CALLED)
        if before is None:
            return
        failed = {**before.routing.failed_webhooks, webhook: FailedWebhook(now, reason)}
        await _write(work, before, failed, now)
        event = notifications.conversation_event(
            EventType.CALL_FAILED, before, webhook=webhook, call=call, error=reason
        )
        await work.events.add([event], now=now)


async def _locked(work: Work, conversation: str | None) -> Conversation | None:
    """The conversation that it is about; none where it was erased meanwhile."""
    if conversation is None:
        return None
    try:
        return await work.conversations.lock(conversation)
    except NotFound:
        return None


async def _is_marked(work: Work, row: OutboxRow) -> bool:
    found = await work.conversations.find([row.conversation]) if row.conversation is not None else {}
    return any(row.target in one.routing.failed_webhooks for one in found.values())


async def _heard(work: Work, before: Conversation, webhook: str, now: datetime) -> None:
    """The last call of this webhook arrived: what is said about an earlier one is over."""
    failed = before.routing.failed_webhooks
    if webhook in failed:
        await _write(work, before, {name: one for name, one in failed.items() if name != webhook}, now)
        await work.events.add([notifications.conversation_event(EventType.UPDATED, before, webhook=webhook)], now=now)


async def _write(work: Work, before: Conversation, failed: Mapping[str, FailedWebhook], now: datetime) -> None:
    routing = replace(before.routing, failed_webhooks=failed)
    await work.conversations.move(before, replace(before, routing=routing, updated_at=now))

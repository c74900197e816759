"""What time alone causes: offers run out, abandoned work comes back, the snoozed wake, work overflows, somebody is paged."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from conversation.errors import StoreError
from conversation.id_generator import new_id
from conversation.model import conversation as thread
from conversation.model.conversation import Conversation
from conversation.model.events import EventType, NewEvent
from conversation.model.people import Presence
from conversation.ports.channel import Clock
from conversation.ports.storage import Storage, Work
from router.flows.active_rules import RulesInForce
from router.policy import auto_reply as automatic
from router.policy import escalation, notifications
from router.policy.last_owner import with_last_owner
from router.policy.overflow import Wait, can_serve, soonest
from router.rules.queues import Queue
from router.rules.rulebook import RuleBook

log = logging.getLogger(__name__)

_SECOND = 1.0
_BATCH = 100
_BEFORE_IT_CLOSES = timedelta(hours=1)
_OVERDUE = 500


class Ticker:
    """Any number may run: rows that one holds locked are skipped by the others."""

    def __init__(
        self,
        storage: Storage,
        rules: RulesInForce,
        clock: Clock,
        *,
        more: Sequence[Callable[[datetime], Awaitable[int]]] = (),
    ) -> None:
        self._more = more
        self._storage = storage
        self._rules = rules
        self._clock = clock
        self._looked_at: dict[str, Conversation] = {}  # where the next look into a long queue begins

    async def run(self) -> None:
        """Once a second until cancelled; one failing duty does not stop the others."""
        while True:
            await self.once(self._clock.now())
            await asyncio.sleep(_SECOND)

    async def once(self, now: datetime) -> int:
        """Everything that is due now; how many conversations moved."""
        duties: Sequence[Callable[[datetime], Awaitable[int]]] = (
            self._expired_offers,
            self._lapsed,
            self._deserted,
            self._abandoned,
            *self._more,
            self._asleep,
            self._escalated,
            self._overdue,
            self._closing_windows,
        )
        return sum([await self._safely(duty, now) for duty in duties])

    async def _safely(self, duty: Callable[[datetime], Awaitable[int]], now: datetime) -> int:
        try:
            return await duty(now)
        except StoreError as error:  # the next second tries again
            log.warning("tick_failed", extra={"error": type(error).__name__})
        except Exception:
            log.exception("tick_bug")
        return 0

    async def _lapsed(self, now: datetime) -> int:
        """Whoever vanished is shown as gone; their work waits for the grace time to end."""
        async with self._storage.begin("lapsed") as work:
            gone = await work.agents.lapse(now)
            events = [
                NewEvent(type=EventType.PRESENCE, agent=one, data={"presence": Presence.OFFLINE.value}) for one in gone
            ]
            if events:
                await work.events.add(events, now=now)
        return 0  # nobody's conversation moved

    async def _closing_windows(self, now: datetime) -> int:
        """Whoever holds it, and whoever could take it, hears while an answer is still possible."""
        async with self._storage.begin("closing_windows") as work:
            found = await work.customers.closing(now, now + _BEFORE_IT_CLOSES, _BATCH)
            events = [
                notifications.conversation_event(EventType.UPDATED, one, alert=True, reason="window_closing")
                for one in found
            ]
            await work.events.add(events, now=now)
        return 0  # nobody's conversation moved

    # -- back to the queue ---------------------------------------------------------------------------------------------

    async def _expired_offers(self, now: datetime) -> int:
        async with self._storage.begin("expired_offers") as work:
            found = await work.distribution.expired_offers(now, _BATCH)
            for before in found:
                await self._move(work, before, thread.release(before, now), EventType.RELEASED, "expired")
        return len(found)

    async def _deserted(self, now: datetime) -> int:
        """An offer to somebody who is gone does not wait for its end, nor for the grace time: nothing was begun."""
        async with self._storage.begin("deserted") as work:
            found = await work.distribution.deserted_offers(now, _BATCH)
            for before in found:
                await self._move(work, before, thread.release(before, now), EventType.RELEASED, "abandoned")
        return len(found)

    async def _abandoned(self, now: datetime) -> int:
        gone_since = now - self._rules.rulebook.grace
        async with self._storage.begin("abandoned") as work:
            found = await work.distribution.abandoned(gone_since, _BATCH)
            for before in found:
                after = thread.release(with_last_owner(before), now)
                await self._move(work, before, after, EventType.RELEASED, "abandoned")
        return len(found)

    async def _asleep(self, now: datetime) -> int:
        async with self._storage.begin("asleep") as work:
            found = await work.distribution.asleep(now, _BATCH)
            for before in found:
                await self._move(work, before, thread.wake(with_last_owner(before), now), EventType.UPDATED, "awake")
        return len(found)

    # -- what waits too long -------------------------------------------------------------------------------------------

    async def _escalated(self, now: datetime) -> int:
        """Whoever must be called for what left the queue that asked for it, or for what is offered and not taken."""
        rulebook = self._rules.rulebook
        queues = [name for name, queue in rulebook.queues.items() if queue.page is not None]
        async with self._storage.read("escalating") as work:
            found = await work.distribution.escalating(queues, now, _OVERDUE)
        ids = [one.id for one in found if escalation.due(one, rulebook.queues.get(one.queue), rulebook, now)]
        if not ids:
            return 0
        async with self._storage.begin("escalated") as work:
            claimed = await work.distribution.claim_unheld(ids)
            for before in claimed:
                names = escalation.due(before, rulebook.queues.get(before.queue), rulebook, now)
                await self._page(work, before, names, now)
                after = escalation.called(before, names, now)
                await self._move(work, before, after, EventType.UPDATED, "overdue")
        return len(claimed)

    async def _overdue(self, now: datetime) -> int:
        """Only queues in which somebody waits long enough are looked at."""
        rulebook = self._rules.rulebook
        async with self._storage.read("waiting_queues") as work:
            waiting = await work.distribution.waiting_queues()
        moved = 0
        for name, oldest in waiting.items():
            queue = rulebook.queues.get(name)
            if queue is None:
                moved += await self._orphaned(name, rulebook.fallback, now)
                continue
            soon = soonest(queue, self._rules.soonest_page)
            if soon is not None and oldest <= now - soon:
                moved += await self._overdue_in(rulebook, queue, now - soon, now)
        return moved

    async def _orphaned(self, queue: str, fallback: str, now: datetime) -> int:
        """The rules know this queue no more: whoever waits in it would wait for ever."""
        async with self._storage.begin("orphaned") as work:
            late = await work.distribution.overdue_in_queue(queue, now + timedelta(seconds=1), _BATCH)
            found = await work.distribution.claim(queue, [one.id for one in late])
            for before in found:
                decided = await work.decisions.latest(before.id)
                page = decided.decision.page if decided is not None else None
                after = escalation.transferred(before, fallback, self._rules.rulebook, now, page=page)
                await self._move(work, before, after, EventType.UPDATED, "orphaned")
        return len(found)

    async def _overdue_in(self, rulebook: RuleBook, queue: Queue, before_then: datetime, now: datetime) -> int:
        """Looked at without a lock, a part of a long queue each time; only what time moves is locked."""
        async with self._storage.read("overdue") as work:
            look = work.distribution.overdue_in_queue
            found = await look(queue.name, before_then, _OVERDUE, after=self._looked_at.pop(queue.name, None))
            duty = await work.agents.duty([other.needs for other in rulebook.queues.values()], now)
        if len(found) == _OVERDUE:
            self._looked_at[queue.name] = found[-1]
        waits = (Wait(conversation, queue, rulebook, now) for conversation in found)
        due = [wait.conversation.id for wait in waits if wait.pages() or _target(wait, duty)]
        return await self._overdue_now(rulebook, queue, due, duty, now) if due else 0

    async def _overdue_now(
        self, rulebook: RuleBook, queue: Queue, due: Sequence[str], duty: frozenset[tuple[str, str]], now: datetime
    ) -> int:
        async with self._storage.begin("overdue") as work:
            claimed = await work.distribution.claim(queue.name, due)
            for before in claimed:
                wait = Wait(before, queue, rulebook, now)
                if names := wait.pages():
                    await self._page(work, before, names, now)
                    wait = wait.paged(names)
                target = _target(wait, duty)
                after = wait.over_to(target) if target else wait.conversation
                await self._move(work, before, after, EventType.UPDATED, "overdue")
        return len(claimed)

    async def _page(self, work: Work, conversation: Conversation, webhooks: Sequence[str], now: datetime) -> None:
        """A signed call for each, once for each wait; the outbox retries it until acknowledged."""
        for webhook in webhooks:
            row = automatic.webhook_row(webhook, "conversation.unanswered", conversation, identifier=new_id(), now=now)
            await work.outbox.add(row, at=now)
            details = {"conversation": conversation.id, "queue": conversation.queue, "webhook": webhook}
            log.warning("paged", extra=details)
        work.hint(*notifications.hints(targets=webhooks))

    async def _move(self, work: Work, before: Conversation, after: Conversation, kind: EventType, why: str) -> None:
        await work.conversations.move(before, after)
        event = notifications.conversation_event(
            kind, after, was=before, agent=before.owner or before.offered_to, was_owner=before.owner, reason=why
        )
        await work.events.add([event], now=self._clock.now())
        if notifications.frees(before, after):
            work.hint(*notifications.hints(queues=[after.queue]))


def _target(wait: Wait, duty: frozenset[tuple[str, str]]) -> str | None:
    """The queue that its time takes it to now."""
    return next((queue for queue in wait.overflows() if can_serve(queue, wait, duty)), None)

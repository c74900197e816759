"""Customers' side of calling back: free slots, requests, changes, and what a telephone exchange reports."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from conversation.errors import CallbackRefused, NotFound
from conversation.id_generator import new_id
from conversation.model import callback as calling
from conversation.model.callback import (
    Callback,
    CallbackStatus,
    CallOutcome,
    CallState,
    Slot,
    SlotQuery,
)
from conversation.model.conversation import Conversation
from conversation.model.message import CallbackRequested
from conversation.ports.channel import Clock, Inbox
from conversation.ports.storage import Storage, Work
from router.flows.active_rules import RulesInForce
from router.flows.callbacks.attempts import CallAttempts
from router.flows.callbacks.cancellation import call_off
from router.flows.callbacks.free_slots import FreeSlots
from router.flows.intake.callback_requests import CallbackIntake, proves, stands_for
from router.flows.transaction_retry import retried
from router.policy.callback_plan import Cans, queue_of, team

_HELD = timedelta(minutes=2)  # a place, while the request that wants it is being written
_FIRST_GUESS = 300  # seconds that a call takes


class CallbackBooking:
    """The port `CallbackBookings`."""

    def __init__(
        self,
        storage: Storage,
        rules: RulesInForce,
        inbox: Inbox,
        clock: Clock,
        *,
        cans: Callable[[], Cans],
        ends: CallAttempts,
    ) -> None:
        self._storage = storage
        self._rules = rules
        self._inbox = inbox
        self._clock = clock
        self._cans = cans
        self._ends = ends
        self._slots = FreeSlots(rules, clock, cans=cans)

    async def slots(self, query: SlotQuery, *, limit: int) -> list[Slot]:
        """The next free slots."""
        async with self._storage.read("call_slots") as work:
            return await self._slots.free(work, query, await self._slots.queue(work, query), limit)

    async def next_call(self, query: SlotQuery) -> datetime | None:
        """When a call as soon as possible could begin."""
        async with self._storage.read("call_next") as work:
            times = self._slots.times(query, await self._slots.queue(work, query))
        return times.next_call(self._clock.now())

    async def request(self, asked: CallbackRequested) -> CallbackStatus:
        """Returns after the commit; the place in a slot is held before, and is anybody's again if this comes to nothing.

        Who does not prove that an open request is theirs is refused, and learns nothing of it but that.
        """
        queue = await retried(lambda: self._made_ready(asked))
        accepted = (await self._inbox.accept([replace(asked, queue=queue)]))[0]
        async with self._storage.read("call_standing") as work:
            found = await self._kept(work, asked, accepted.conversation or "")
            if found is None:
                raise NotFound("this request was put aside")
            if not proves(asked, found):  # two asked at the same moment
                raise CallbackRefused("asked_already")
            return await self.status_of(work, found)

    async def _made_ready(self, asked: CallbackRequested) -> str | None:
        async with self._storage.begin("call_hold") as work:
            opened = await self._open_requests(work, asked)
            queue = await self._prepare(work, asked, opened, _HELD)
            if not all(proves(asked, one) for one in opened):
                raise CallbackRefused("asked_already")
        return queue

    async def status(self, callback: str) -> CallbackStatus:
        """Raises `NotFound`."""
        async with self._storage.read("call_standing") as work:
            return await self.status_of(work, await work.callbacks.get(callback))

    async def reschedule(self, callback: str, slot: datetime | None) -> CallbackStatus:
        """Another slot, or as soon as possible."""
        return await retried(lambda: self._rescheduled(callback, slot))

    async def _rescheduled(self, callback: str, slot: datetime | None) -> CallbackStatus:
        async with self._storage.begin("call_reschedule") as work:
            found, conversation = await self._locked(work, callback)
            moved = await self.put_on(work, conversation, found, slot)
            return await self.status_of(work, moved)

    async def cancel(self, callback: str) -> CallbackStatus:
        """Not wanted any more; harmless where it is over."""
        return await retried(lambda: self._cancelled(callback))

    async def _cancelled(self, callback: str) -> CallbackStatus:
        async with self._storage.begin("call_cancel") as work:
            found, conversation = await self._locked(work, callback)
            gone = await self.call_off(work, conversation, found) if found.open else found
            return await self.status_of(work, gone)

    async def progressed(
        self,
        attempt: str,
        *,
        provider_id: str | None = None,
        connected: bool = False,
        outcome: CallOutcome | None = None,
    ) -> None:
        """What a telephone exchange reports of a call."""
        await self._ends.progressed(attempt, provider_id=provider_id, connected=connected, outcome=outcome)

    # -- the same for agents, under the locks of both ------------------------------------------------------------------

    async def put_on(self, work: Work, conversation: Conversation, found: Callback, slot: datetime | None) -> Callback:
        """To another slot, or as soon as possible. Raises `CallbackRefused`."""
        asking = CallbackIntake(rulebook=self._rules.rulebook, cans=self._cans(), now=self._clock.now())
        if found.state not in (*calling.ASLEEP, CallState.DUE):
            raise CallbackRefused("on_the_line" if found.open else "closed")
        if slot is not None and slot == found.slot_at and found.state is CallState.SCHEDULED:
            return found
        plan, now = self._slots.plan(found.channel), self._clock.now()
        if slot is None:
            self._slots.must_be_possible(_query_of(found), conversation.queue)
            await work.callbacks.unbook(found.id)
        else:
            request = new_id()  # a second place, until it gives up the one it has
            await self._slots.hold(
                work, request, _query_of(found), conversation.queue, slot, span=_HELD, since=now, instead_of=found.id
            )
            await work.callbacks.confirm(request, found.id)
        moved = await work.callbacks.move(found, asking.timed(found, plan, conversation.queue, slot))
        await asking.settle_down(work, conversation, moved, conversation.queue)
        return moved

    async def call_off(self, work: Work, conversation: Conversation, found: Callback) -> Callback:
        """Not wanted any more. Raises `CallbackRefused`."""
        return await call_off(work, conversation, found, cans=self._cans(), now=self._clock.now())

    async def free_for(self, work: Work, conversation: Conversation, found: Callback, *, limit: int) -> list[Slot]:
        """The next slots to which it could go."""
        return await self._slots.free(work, _query_of(found), conversation.queue, limit)

    # -- steps ---------------------------------------------------------------------------------------------------------

    async def prepare(self, work: Work, asked: CallbackRequested, span: timedelta) -> str | None:
        """What can be refused is refused at once, and a slot keeps a place: the queue in which it does."""
        opened = await self._open_requests(work, asked) if asked.slot is not None else ()
        return await self._prepare(work, asked, opened, span)

    async def _prepare(
        self, work: Work, asked: CallbackRequested, opened: Sequence[Callback], span: timedelta
    ) -> str | None:
        if await work.callbacks.is_blocked(asked.number):
            raise CallbackRefused("do_not_call")
        query = SlotQuery(
            channel=asked.channel,
            zones=asked.zones,
            language=asked.language,
            issue=asked.issue,
            conversation=asked.token,
        )
        if asked.slot is None:
            await self._slots.must_be_possible_soon(work, query)
            return None
        theirs = (one for one in opened if proves(asked, one))
        booked = next((one for one in theirs if one.slot_at == asked.slot and one.state is CallState.SCHEDULED), None)
        if booked is not None:  # its place is kept already: the call stays where it is
            return (await work.conversations.get(booked.conversation)).queue
        since, queue = min(asked.received_at, self._clock.now()), await self._slots.queue(work, query)
        await self._slots.hold(work, asked.external_id, query, queue, asked.slot, span=span, since=since)
        return queue

    async def _open_requests(self, work: Work, asked: CallbackRequested) -> list[Callback]:
        """The open requests of this number that are about what is asked for."""
        opened = await work.callbacks.open_with(asked.number, asked.extension)
        return [one for one in opened if stands_for(one, asked)]

    async def _kept(self, work: Work, asked: CallbackRequested, conversation: str) -> Callback | None:
        """What became of it: in the conversation that its words went to, or the open one elsewhere that a code proved theirs."""
        here = await work.callbacks.of_conversation(conversation)
        if here is not None and proves(asked, here):
            return here
        opened = await work.callbacks.open_with(asked.number, asked.extension) if asked.proven else ()
        return next((one for one in opened if stands_for(one, asked)), here)

    async def _locked(self, work: Work, callback: str) -> tuple[Callback, Conversation]:
        conversation = await work.conversations.lock((await work.callbacks.get(callback)).conversation)
        return await work.callbacks.lock(callback), conversation

    async def status_of(self, work: Work, found: Callback) -> CallbackStatus:
        """The status, for its customer."""
        conversation = await work.conversations.get(found.conversation)
        status = CallbackStatus(
            callback=found, reference=conversation.reference, next_at=found.due_at if found.open else None
        )
        if found.slot_at is not None or found.state not in (CallState.REQUESTED, CallState.DUE):
            return status
        position = await work.callbacks.position(found, conversation.queue)
        capacities = team(await work.agents.all(), queue_of(self._rules.rulebook, conversation.queue))
        calls = sum(one.calls for one in capacities)
        if not calls:
            return replace(status, position=position)
        closed = max(found.due_at - self._clock.now(), timedelta(0)) if found.due_at is not None else timedelta(0)
        return replace(status, position=position, wait=int(closed.total_seconds()) + position * _FIRST_GUESS // calls)


def _query_of(found: Callback) -> SlotQuery:
    return SlotQuery(channel=found.channel, zones=found.zones, language=found.language)

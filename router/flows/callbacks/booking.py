"""Customers' side of calling back: free slots, requests, changes of mind, and what a telephone exchange reports."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from conversation.errors import CallbackRefused, NotFound
from conversation.id_generator import new_id
from conversation.model import callback as calling
from conversation.model.callback import (
    Callback,
    CallbackSettings,
    CallbackStatus,
    CallOutcome,
    CallState,
    CallWish,
    Slot,
)
from conversation.model.conversation import Conversation
from conversation.model.message import CallbackRequested
from conversation.model.verification_code import LIFE, CodeSent
from conversation.ports.channel import Clock, Inbox
from conversation.ports.storage import Storage, Work
from router.flows.active_rules import RulesInForce
from router.flows.callbacks.attempts import CallAttempts
from router.flows.callbacks.cancellation import call_off
from router.flows.callbacks.free_slots import CallPlaces
from router.flows.callbacks.verification_codes import CallCodes, draw
from router.flows.intake.callback_requests import CallbackIntake, proves, stands_for
from router.flows.transaction_retry import retried
from router.policy.callback_plan import Cans, queue_of, team

_HELD = timedelta(minutes=2)  # a place, while the request that wants it is being written
_FIRST_GUESS = 300  # seconds that a call takes
_FREE_TOLD = 5


class CallbackBooking:
    """The port `Calls`."""

    def __init__(
        self,
        storage: Storage,
        rules: RulesInForce,
        inbox: Inbox,
        clock: Clock,
        *,
        cans: Callable[[], Cans],
        ends: CallAttempts,
        draw: Callable[[], str] = draw,
    ) -> None:
        self._storage = storage
        self._rules = rules
        self._inbox = inbox
        self._clock = clock
        self._cans = cans
        self._ends = ends
        self._places = CallPlaces(rules, clock, cans=cans)
        self._codes = CallCodes(storage, rules, clock, cans=cans, draw=draw)

    async def slots(self, wish: CallWish, *, limit: int) -> list[Slot]:
        """The next free slots."""
        async with self._storage.read("call_slots") as work:
            return await self._places.free(work, wish, await self._places.queue(work, wish), limit)

    async def next_call(self, wish: CallWish) -> datetime | None:
        """When a call as soon as possible could begin."""
        async with self._storage.read("call_next") as work:
            times = self._places.times(wish, await self._places.queue(work, wish))
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
            return await self._standing(work, found)

    async def _made_ready(self, asked: CallbackRequested) -> str | None:
        async with self._storage.begin("call_hold") as work:
            queue = await self._prepare(work, asked, _HELD)
            for one in await work.callbacks.open_with(asked.number, asked.extension):
                if stands_for(one, asked) and not proves(asked, one):
                    raise CallbackRefused("asked_already")
        return queue

    async def ask(self, asked: CallbackRequested) -> CallbackStatus | CodeSent:
        """Taken at once, or, where a code must come back first, kept aside with its place in a slot."""
        plan = self._places.plan(asked.channel)
        pending = await retried(lambda: self._kept_aside(asked, plan)) if plan.code is not None else None
        return pending or await self.request(asked)

    async def _kept_aside(self, asked: CallbackRequested, plan: CallbackSettings) -> CallbackStatus | CodeSent | None:
        """None where no code is needed. While it waits, what was asked for last counts."""
        async with self._storage.begin("call_code") as work:
            known = await work.call_codes.find(asked.external_id)
            if known is not None and known.callback is not None:
                return await self._standing(work, await work.callbacks.get(known.callback))
            if not await self._codes.is_needed(work, asked, plan):
                return None
            sent = await self._codes.send(work, asked, plan)
            if asked.slot is None:
                await work.callbacks.let_go(asked.external_id)
            await self._prepare(work, asked, LIFE)
            return sent

    async def confirm(self, request: str, code: str) -> CallbackStatus:
        """The code came back: what waited for it is taken. The same code again gives its status."""
        found = await self._codes.came_back(request, code)
        if found.callback is not None:
            return await self.standing(found.callback)
        status = await self.request(replace(found.asked, proven=found.carrier is not None))
        await self._codes.settled(request, status.callback.id)
        return status

    async def another_code(self, request: str) -> CodeSent:
        """In place of the one that did not arrive; the place in the slot is held for as long."""
        return await retried(lambda: self._sent_again(request))

    async def _sent_again(self, request: str) -> CodeSent:
        async with self._storage.begin("call_code") as work:
            other = await self._codes.again(work, request, self._places.plan)
            await self._prepare(work, other.asked, LIFE)
        return other.sent

    async def code_sent(self, request: str) -> CodeSent:
        """Where the code went. Raises `NotFound`."""
        return await self._codes.pending(request)

    async def standing(self, callback: str) -> CallbackStatus:
        """Raises `NotFound`."""
        async with self._storage.read("call_standing") as work:
            return await self._standing(work, await work.callbacks.get(callback))

    async def reschedule(self, callback: str, slot: datetime | None) -> CallbackStatus:
        """Another slot, or as soon as possible."""
        return await retried(lambda: self._rescheduled(callback, slot))

    async def _rescheduled(self, callback: str, slot: datetime | None) -> CallbackStatus:
        async with self._storage.begin("call_reschedule") as work:
            found, conversation = await self._locked(work, callback)
            moved = await self.put_on(work, conversation, found, slot)
            return await self._standing(work, moved)

    async def cancel(self, callback: str) -> CallbackStatus:
        """Not wanted any more; harmless where it is over."""
        return await retried(lambda: self._cancelled(callback))

    async def _cancelled(self, callback: str) -> CallbackStatus:
        async with self._storage.begin("call_cancel") as work:
            found, conversation = await self._locked(work, callback)
            gone = await self.call_off(work, conversation, found) if found.open else found
            return await self._standing(work, gone)

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
        plan, now = self._places.plan(found.channel), self._clock.now()
        if slot is None:
            self._places.must_be_possible(_wish_of(found), conversation.queue)
            await work.callbacks.unbook(found.id)
        else:
            request = new_id()  # a place beside the one it has
            await self._places.hold(
                work, request, _wish_of(found), conversation.queue, slot, span=_HELD, since=now, beside=found.id
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
        return await self._places.free(work, _wish_of(found), conversation.queue, limit)

    # -- steps ---------------------------------------------------------------------------------------------------------

    async def _prepare(self, work: Work, asked: CallbackRequested, span: timedelta) -> str | None:
        """What can be refused is refused at once, and a slot keeps a place: the queue in which it does."""
        if await work.callbacks.is_blocked(asked.number):
            raise CallbackRefused("do_not_call")
        wish = CallWish(
            channel=asked.channel,
            zones=asked.zones,
            language=asked.language,
            issue=asked.issue,
            conversation=asked.token,
        )
        if asked.slot is None:
            await self._places.must_be_possible_soon(work, wish)
            return None
        if await self._has_it(work, asked):
            return None
        since, queue = min(asked.received_at, self._clock.now()), await self._places.queue(work, wish)
        await self._places.hold(work, asked.external_id, wish, queue, asked.slot, span=span, since=since)
        return queue

    async def _has_it(self, work: Work, asked: CallbackRequested) -> bool:
        """Whether the open request that this one changes is booked for that very slot."""
        opened = await work.callbacks.open_with(asked.number, asked.extension)
        theirs = (one for one in opened if stands_for(one, asked) and proves(asked, one))
        return any(one.slot_at == asked.slot and one.state is CallState.SCHEDULED for one in theirs)

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

    async def _standing(self, work: Work, found: Callback) -> CallbackStatus:
        conversation = await work.conversations.get(found.conversation)
        status = CallbackStatus(
            callback=found, reference=conversation.reference, next_at=found.due_at if found.open else None
        )
        if found.slot_at is not None or found.state not in (CallState.REQUESTED, CallState.DUE):
            return status
        position = await work.callbacks.position(found, conversation.queue)
        hands = team(await work.agents.all(), queue_of(self._rules.rulebook, conversation.queue))
        calls = sum(one.calls for one in hands)
        if not calls:
            return replace(status, position=position)
        closed = max(found.due_at - self._clock.now(), timedelta(0)) if found.due_at is not None else timedelta(0)
        return replace(status, position=position, wait=int(closed.total_seconds()) + position * _FIRST_GUESS // calls)


def _wish_of(found: Callback) -> CallWish:
    return CallWish(channel=found.channel, zones=found.zones, language=found.language)

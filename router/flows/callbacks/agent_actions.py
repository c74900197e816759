"""What agents do with a call that a customer asked for: look at it, dial, say what came of it, move it, cancel it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

from conversation.errors import CallbackRefused, Conflict, NotFound
from conversation.id_generator import new_id
from conversation.model import callback as calling
from conversation.model import conversation as thread
from conversation.model.callback import Attempt, Callback, CallOutcome, Slot
from conversation.model.conversation import Conversation
from conversation.model.events import EventType
from conversation.model.people import Agent
from conversation.ports.channel import Clock
from conversation.ports.storage import Storage, Work
from router.flows.active_rules import RulesInForce
from router.flows.agents.conversation_lock import ConversationLock
from router.flows.callbacks.attempts import CallAttempts
from router.flows.callbacks.booking import CallbackBooking
from router.flows.callbacks.notices import note
from router.policy import notifications
from router.policy import permissions as access
from router.policy.callback_plan import times_of
from router.wording.callback_messages import change_of


class CallbackService:
    """Actions on a callback. Its conversation is work as any other: agents take it before they dial."""

    def __init__(
        self, storage: Storage, rules: RulesInForce, clock: Clock, *, ends: CallAttempts, customers: CallbackBooking
    ) -> None:
        self._locked = ConversationLock(storage, rules)
        self._storage = storage
        self._rules = rules
        self._clock = clock
        self._ends = ends
        self._customers = customers

    async def dial(self, agent: Agent, conversation: str) -> Attempt:
        """Written down, committed, and only then dialed, where the account has a dialer; else the agent dials by hand.

        Raises `Conflict` "not_owner", "capacity_full", "on_the_line", "closed", "do_not_call", "unlawful_hour".
        """
        async with self._locked("call_dial", agent, conversation) as (work, before):
            callback = await self._open(work, before)
            plan, now = self._ends.plan(callback), self._clock.now()
            await self._check(work, before, callback, now)
            attempt = Attempt(
                id=new_id(),
                callback=callback.id,
                number=len(await work.callbacks.attempts(callback.id)) + 1,
                agent=agent.id,
                dialer=plan.dialer,
                created_at=now,
            )
            await self._taken(work, agent, before, callback.state.value)
            await work.callbacks.attempt(attempt)
            await work.callbacks.move(callback, calling.dial(callback, now))
        if plan.dialer != "manual":
            await self._ends.ring(attempt.id)
        return attempt

    async def outcome(
        self, agent: Agent, conversation: str, outcome: CallOutcome, *, text: str | None = None, never: bool = False
    ) -> Conversation:
        """What came of the call; without a try before, the agent dialed by hand and says so now. Raises `Conflict`.

        `never`: they asked never to be called again, so this is over whatever the outcome.
        """
        async with self._locked("call_outcome", agent, conversation) as (work, before):
            callback = await self._open(work, before)
            access.must_hold(agent, before)
            if never:
                await work.callbacks.block(callback.number, reason=f"told {agent.email}", now=self._clock.now())
            attempt = await self._living(work, callback)
            if attempt is None:
                attempt, callback = await self._by_hand(work, agent, callback)
            return await self._ends.settle(work, before, callback, attempt, outcome, agent=agent, text=text)

    async def slots(self, agent: Agent, conversation: str, *, limit: int) -> tuple[Callback, Sequence[Slot]]:
        """The call asked for here and the next free slots for it. Raises `NotFound`, `Conflict` "no_callback" or "closed"."""
        async with self._storage.read("call_slots") as work:
            found = await work.conversations.get(conversation)
            if not access.may_see(agent, found, self._rules.rulebook):
                raise NotFound("there is no such conversation")
            callback = await self._asked(work, found)
            return callback, await self._customers.free_for(work, found, callback, limit=limit)

    async def reschedule(self, agent: Agent, conversation: str, slot: datetime | None) -> Conversation:
        """To another slot, or as soon as possible, as the customer could. Raises `Conflict`, with `items` for "slot_taken"."""
        async with self._changed("call_move", agent, conversation) as (work, before, callback):
            moved = await self._customers.put_on(work, before, callback, slot)
            return await self._written(work, agent, moved) if moved != callback else before

    async def cancel(self, agent: Agent, conversation: str) -> Conversation:
        """Nobody is to call any more. Raises `Conflict` "not_owner", "no_callback", "closed", "on_the_line"."""
        async with self._changed("call_cancel", agent, conversation) as (work, before, callback):
            gone = await self._customers.call_off(work, before, callback)
            return await self._written(work, agent, gone)

    @asynccontextmanager
    async def _changed(
        self, move: str, agent: Agent, conversation: str
    ) -> AsyncIterator[tuple[Work, Conversation, Callback]]:
        """For who could close it otherwise: what nobody holds may be changed by whoever sees it."""
        try:
            async with self._locked(move, agent, conversation) as (work, before):
                callback = await self._open(work, before)
                access.must_control(agent, before)
                yield work, before, callback
        except CallbackRefused as refused:
            raise _conflict(refused) from refused

    async def _written(self, work: Work, agent: Agent, callback: Callback) -> Conversation:
        """Who did it stands in the conversation."""
        after, now = await work.conversations.get(callback.conversation), self._clock.now()
        await note(work, after, change_of(self._rules.rulebook, callback, now), agent=agent, now=now)
        return after

    async def _open(self, work: Work, conversation: Conversation) -> Callback:
        return await work.callbacks.lock((await self._asked(work, conversation)).id)

    async def _asked(self, work: Work, conversation: Conversation) -> Callback:
        found = await work.callbacks.of_conversation(conversation.id)
        if found is None:
            raise Conflict("nobody asked to be called here", code="no_callback")
        if not found.open:
            raise Conflict("this request is settled", code="closed")
        return found

    async def _check(self, work: Work, conversation: Conversation, callback: Callback, now: datetime) -> None:
        if callback.state in calling.ON_THE_LINE:
            raise Conflict("this customer is being called", code="on_the_line")
        if await work.callbacks.is_blocked(callback.number):
            raise Conflict("this number asked never to be called", code="do_not_call")
        plan, language, zones = self._ends.plan(callback), callback.language, callback.zones
        times = times_of(self._rules.rulebook, plan, queue=conversation.queue, language=language, zones=zones)
        if not times.is_lawful(now):
            raise Conflict("it is no hour at which this customer may be called", code="unlawful_hour")

    async def _taken(self, work: Work, agent: Agent, before: Conversation, state: str) -> None:
        """Dialing takes what is offered to oneself, or what nobody holds."""
        if before.is_assigned:
            access.must_hold(agent, before)
            return
        after = thread.take(before, agent.id, self._clock.now())
        await work.conversations.move(before, after)
        event = notifications.conversation_event(EventType.ASSIGNED, after, was=before, agent=agent.id, callback=state)
        await work.events.add([event], now=self._clock.now())

    async def _living(self, work: Work, callback: Callback) -> Attempt | None:
        return next((one for one in await work.callbacks.attempts(callback.id) if one.ended_at is None), None)

    async def _by_hand(self, work: Work, agent: Agent, callback: Callback) -> tuple[Attempt, Callback]:
        now = self._clock.now()
        number = len(await work.callbacks.attempts(callback.id)) + 1
        attempt = Attempt(
            id=new_id(), callback=callback.id, number=number, agent=agent.id, dialer="manual", created_at=now
        )
        await work.callbacks.attempt(attempt)
        return attempt, await work.callbacks.move(callback, calling.dial(callback, now))


_REFUSED = {
    "slot_taken": "this slot is taken, or is none",
    "on_the_line": "this customer is being called",
    "closed": "this request is settled",
    "no_time": "nobody may be called then, nor in the coming weeks",
}


def _conflict(refused: CallbackRefused) -> Conflict:
    """As the customers' pages answer it."""
    free = [{"start": one.start.isoformat(), "end": one.end.isoformat(), "local": one.local} for one in refused.free]
    more = {"items": free} if refused.code == "slot_taken" else None
    return Conflict(_REFUSED.get(refused.code, refused.code), code=refused.code, more=more)

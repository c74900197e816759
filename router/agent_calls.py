"""What agents do with a call that a customer asked for: look at it, dial, say what came of it."""

from collections.abc import Callable, Mapping
from datetime import datetime

from conversation import calling, thread
from conversation.calling import Attempt, Callback, Outcome
from conversation.errors import Conflict
from conversation.events import EventType
from conversation.ids import new_id
from conversation.people import Agent
from conversation.ports import Can, Clock, Signals
from conversation.remembering import Storage, Work
from conversation.thread import Conversation, State
from router import announce
from router.call_ends import CallEnds
from router.call_plan import times_of
from router.moves import Moves
from router.rules_in_force import RulesInForce


class AgentCalls(Moves):
    """Moves of a call. The conversation is the agent's work as any other: they take it before they dial."""

    def __init__(
        self,
        storage: Storage,
        rules: RulesInForce,
        signals: Signals,
        clock: Clock,
        *,
        cans: Callable[[], Mapping[str, Can]],
        ends: CallEnds,
    ) -> None:
        super().__init__(storage, rules, signals, clock, cans=cans)
        self._ends = ends

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
        self, agent: Agent, conversation: str, outcome: Outcome, *, text: str | None = None, never: bool = False
    ) -> Conversation:
        """What came of the call; without a try before, the agent dialed by hand and says so now. Raises `Conflict`.

        `never`: they asked never to be called again.
        """
        async with self._locked("call_outcome", agent, conversation) as (work, before):
            callback = await self._open(work, before)
            self._needs_holder(agent, before)
            if never:
                await work.callbacks.block(callback.number, reason=f"told {agent.email}", now=self._clock.now())
            attempt = await self._living(work, callback)
            if attempt is None:
                attempt, callback = await self._by_hand(work, agent, callback)
            return await self._ends.settle(work, before, callback, attempt, outcome, agent=agent, text=text)

    async def _open(self, work: Work, conversation: Conversation) -> Callback:
        found = await work.callbacks.of_conversation(conversation.id)
        if found is None:
            raise Conflict("nobody asked to be called here", code="no_callback")
        if not found.open:
            raise Conflict("this request is settled", code="closed")
        return await work.callbacks.lock(found.id)

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
        if before.state is State.ASSIGNED:
            self._needs_holder(agent, before)
            return
        after = thread.take(before, agent.id, self._clock.now())
        await work.conversations.move(before, after)
        told = announce.told(EventType.ASSIGNED, after, was=before, agent=agent.id, callback=state)
        await work.events.add([told], now=self._clock.now())

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

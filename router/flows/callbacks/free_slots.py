"""When and where a call could be: the queue that would make it, its hours, and places in its slots."""

from collections.abc import Callable
from datetime import datetime, timedelta

from conversation.errors import CallbackRefused
from conversation.model.callback import CallbackSettings, Slot, SlotQuery, fits
from conversation.model.decision import Understood
from conversation.model.message import MessageReceived
from conversation.model.people import Customer, Identity
from conversation.ports.channel import Clock
from conversation.ports.storage import Work
from router.decision.decide import queue_for
from router.decision.facts import gather
from router.flows.active_rules import RulesInForce
from router.policy.callback_plan import Cans, queue_of, settings_of, slot_language, team, times_of
from router.policy.callback_times import CallTimes
from router.rules.rulebook import RuleBook

_FREE_SHOWN = 5


class FreeSlots:
    """What can be offered to whoever wishes to be called."""

    def __init__(self, rules: RulesInForce, clock: Clock, *, cans: Callable[[], Cans]) -> None:
        self._rules = rules
        self._clock = clock
        self._cans = cans

    def must_be_possible(self, query: SlotQuery, queue: str) -> None:
        """Nothing is promised that cannot be kept. Raises `CallbackRefused` "no_time"."""
        if not self._is_possible(query, queue):
            raise CallbackRefused("no_time")

    async def must_be_possible_soon(self, work: Work, query: SlotQuery) -> None:
        """The same before the intake decides on the queue: the rules are asked only where it makes a difference."""
        queue = await self._known_queue(work, query)
        if queue is None:
            possible = {self._is_possible(query, name) for name in self._rules.rulebook.queues}
            if possible == {True}:
                return
            queue = _routed(self._rules.rulebook, query, self._clock.now())
        self.must_be_possible(query, queue)

    def _is_possible(self, query: SlotQuery, queue: str) -> bool:
        return self.times(query, queue).next_call(self._clock.now()) is not None

    async def hold(
        self,
        work: Work,
        request: str,
        query: SlotQuery,
        queue: str,
        slot: datetime,
        *,
        span: timedelta,
        since: datetime,
        instead_of: str | None = None,
    ) -> None:
        """A place in this slot, which was soon enough and not too soon when it was asked for: a code takes its time.

        Raises `CallbackRefused` "slot_taken" with the next that are free.
        """
        now, rulebook, plan = self._clock.now(), self._rules.rulebook, self.plan(query.channel)
        times = times_of(rulebook, plan, queue=queue, language=query.language, zones=query.zones)
        held = since + plan.lead <= slot <= since + plan.horizon and now <= slot and times.is_slot(slot)
        if held:
            agents, place = await work.agents.all(), queue_of(rulebook, queue)
            held = await work.callbacks.hold(
                request,
                queue,
                slot,
                language=slot_language(place, times),
                capacities=team(agents, place),
                per_slot=plan.per_slot,
                until=now + span,
                now=now,
                instead_of=instead_of,
            )
        if not held:
            raise CallbackRefused("slot_taken", await self.free(work, query, queue, _FREE_SHOWN))

    async def free(self, work: Work, query: SlotQuery, queue: str, limit: int) -> list[Slot]:
        """The next slots in which there is a place."""
        now, rulebook, plan = self._clock.now(), self._rules.rulebook, self.plan(query.channel)
        place = queue_of(rulebook, queue)
        times = times_of(rulebook, plan, queue=queue, language=query.language, zones=query.zones)
        capacities, language = team(await work.agents.all(), place), slot_language(place, times)
        taken = await work.callbacks.taken(queue, now, now + plan.horizon + plan.slot, now=now)
        free: list[Slot] = []
        for slot in times.slots(now):
            there = taken.get(slot.start, {})
            if fits({**there, language: there.get(language, 0) + 1}, capacities, plan.per_slot):
                free.append(slot)
            if len(free) == limit:
                break
        return free

    async def queue(self, work: Work, query: SlotQuery) -> str:
        """The account's, else that of the conversation that is proven, else where the rules put a request like this one."""
        known = await self._known_queue(work, query)
        return known or _routed(self._rules.rulebook, query, self._clock.now())

    async def _known_queue(self, work: Work, query: SlotQuery) -> str | None:
        named = self.plan(query.channel).queue
        if named is not None or query.conversation is None:
            return named
        found = (await work.conversations.find([query.conversation])).get(query.conversation)
        return found.queue if found is not None else None

    def times(self, query: SlotQuery, queue: str) -> CallTimes:
        """When they may be called by this queue."""
        plan = self.plan(query.channel)
        return times_of(self._rules.rulebook, plan, queue=queue, language=query.language, zones=query.zones)

    def plan(self, channel: str) -> CallbackSettings:
        """How that account calls back, or whichever does."""
        return settings_of(self._cans(), channel) or CallbackSettings()


def _routed(rulebook: RuleBook, query: SlotQuery, now: datetime) -> str:
    """By the rules: the queue whose slots are shown, and which then gets the call that is booked in one of them."""
    nobody = MessageReceived(
        channel=query.channel,
        external_id="",
        sender=Identity(channel=query.channel, address=""),
        text="",
        received_at=now,
        language=query.language,
        issue=query.issue,
    )
    facts = gather(
        nobody, customer=Customer(id=""), conversations=(), understood=Understood(), rulebook=rulebook, now=now
    )
    return queue_for(facts, rulebook)

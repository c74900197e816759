"""When and where a call could be: the queue that would make it, its hours, and places in its slots."""

from collections.abc import Callable
from datetime import datetime, timedelta

from conversation.errors import CallbackRefused
from conversation.model.callback import CallbackSettings, CallWish, Slot, fits
from conversation.model.decision import Understood
from conversation.model.message import MessageReceived
from conversation.model.people import Customer, Identity
from conversation.ports.channel import Clock
from conversation.ports.storage import Work
from router.decision.decide import queue_for
from router.decision.facts import gather
from router.flows.active_rules import RulesInForce
from router.policy.callback_plan import Cans, plan_of, queue_of, team, times_of, tongue
from router.policy.callback_times import CallTimes
from router.rules.rulebook import RuleBook

_FREE_TOLD = 5


class CallPlaces:
    """What can be offered to whoever wishes to be called."""

    def __init__(self, rules: RulesInForce, clock: Clock, *, cans: Callable[[], Cans]) -> None:
        self._rules = rules
        self._clock = clock
        self._cans = cans

    def must_be_possible(self, wish: CallWish, queue: str) -> None:
        """Nothing is promised that cannot be kept. Raises `CallbackRefused` "no_time"."""
        if not self._is_possible(wish, queue):
            raise CallbackRefused("no_time")

    async def must_be_possible_soon(self, work: Work, wish: CallWish) -> None:
        """The same before the intake decides on the queue: the rules are asked only where it makes a difference."""
        queue = await self._known_queue(work, wish)
        if queue is None:
            possible = {self._is_possible(wish, name) for name in self._rules.rulebook.queues}
            if possible == {True}:
                return
            queue = _routed(self._rules.rulebook, wish, self._clock.now())
        self.must_be_possible(wish, queue)

    def _is_possible(self, wish: CallWish, queue: str) -> bool:
        return self.times(wish, queue).next_call(self._clock.now()) is not None

    async def hold(
        self,
        work: Work,
        request: str,
        wish: CallWish,
        queue: str,
        slot: datetime,
        *,
        span: timedelta,
        since: datetime,
        beside: str | None = None,
    ) -> None:
        """A place in this slot, which was soon enough and not too soon when it was asked for: a code takes its time.

        Raises `CallbackRefused` "slot_taken" with the next that are free.
        """
        now, plan = self._clock.now(), self.plan(wish.channel)
        within = since + plan.lead <= slot <= since + plan.horizon and now <= slot
        held = within and self.times(wish, queue).is_slot(slot)
        if held:
            place = queue_of(self._rules.rulebook, queue)
            held = await work.callbacks.hold(
                request,
                queue,
                slot,
                language=tongue(self._rules.rulebook, place, wish.language),
                hands=team(await work.agents.all(), place),
                per_slot=plan.per_slot,
                until=now + span,
                now=now,
                beside=beside,
            )
        if not held:
            raise CallbackRefused("slot_taken", await self.free(work, wish, queue, _FREE_TOLD))

    async def free(self, work: Work, wish: CallWish, queue: str, limit: int) -> list[Slot]:
        """The next slots in which there is a place."""
        now, rulebook, plan = self._clock.now(), self._rules.rulebook, self.plan(wish.channel)
        place = queue_of(rulebook, queue)
        hands, spoken = team(await work.agents.all(), place), tongue(rulebook, place, wish.language)
        taken = await work.callbacks.taken(queue, now, now + plan.horizon + plan.slot, now=now)
        free: list[Slot] = []
        for slot in self.times(wish, queue).slots(now):
            there = taken.get(slot.start, {})
            if fits({**there, spoken: there.get(spoken, 0) + 1}, hands, plan.per_slot):
                free.append(slot)
            if len(free) == limit:
                break
        return free

    async def queue(self, work: Work, wish: CallWish) -> str:
        """The account's, else that of the conversation that is proven, else where the rules put a request like this one."""
        known = await self._known_queue(work, wish)
        return known or _routed(self._rules.rulebook, wish, self._clock.now())

    async def _known_queue(self, work: Work, wish: CallWish) -> str | None:
        named = self.plan(wish.channel).queue
        if named is not None or wish.conversation is None:
            return named
        found = (await work.conversations.find([wish.conversation])).get(wish.conversation)
        return found.queue if found is not None else None

    def times(self, wish: CallWish, queue: str) -> CallTimes:
        """When they may be called by this queue."""
        plan = self.plan(wish.channel)
        return times_of(self._rules.rulebook, plan, queue=queue, language=wish.language, zones=wish.zones)

    def plan(self, channel: str) -> CallbackSettings:
        """How that account calls back, or whichever does."""
        return plan_of(self._cans(), channel) or CallbackSettings()


def _routed(rulebook: RuleBook, wish: CallWish, now: datetime) -> str:
    """By the rules: the queue whose slots are shown, and which then gets the call that is booked in one of them."""
    nobody = MessageReceived(
        channel=wish.channel,
        external_id="",
        sender=Identity(channel=wish.channel, address=""),
        text="",
        received_at=now,
        language=wish.language,
        issue=wish.issue,
    )
    facts = gather(
        nobody, customer=Customer(id=""), conversations=(), understood=Understood(), rulebook=rulebook, now=now
    )
    return queue_for(facts, rulebook)

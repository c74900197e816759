"""Waiting conversations meet free agents: on every hint that something changed, and once a second to heal a lost one."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from conversation.errors import Conflict, StoreError
from conversation.model import conversation as thread
from conversation.model.conversation import Conversation
from conversation.model.events import EventType, NewEvent, Topic
from conversation.model.people import Presence
from conversation.ports.channel import Clock, Signals
from conversation.ports.storage import Storage
from conversation.ports.storage.distribution import Asked, Candidate, Need, Offer
from router.flows.active_rules import RulesInForce
from router.policy import notifications
from router.rules.rulebook import RuleBook
from router.rules.strategies import AgentCapacity, choose

log = logging.getLogger(__name__)

_POLL = 1.0
_REST = 0.02
_TRIES = 8
_BATCH = 40  # conversations claimed in one transaction; fewer than there are candidates in a pool


@dataclass(slots=True)
class Pass:
    """One look at everything that waits: which kinds of work found nobody, so that they are not asked for again."""

    nobody: set[Need] = field(default_factory=set)
    skipped: set[str] = field(default_factory=set)
    offered: int = 0
    limit: int = _BATCH
    lost: int = 0


class Distributor:
    """Any number may run on any number of nodes: claims skip what others hold, and capacity is kept by the store."""

    def __init__(self, storage: Storage, rules: RulesInForce, signals: Signals, clock: Clock) -> None:
        self._storage = storage
        self._rules = rules
        self._signals = signals
        self._clock = clock

    async def run(self) -> None:
        """Until cancelled. A store that does not answer is asked again."""
        async with self._signals.subscribe(Topic.WORK) as listening:
            while True:
                try:
                    await self.once()
                except StoreError as error:
                    log.warning("distribution_failed", extra={"error": type(error).__name__})
                await asyncio.sleep(_REST)  # what was heard meanwhile is one look, not many
                await listening.wait(_POLL)

    async def once(self) -> int:
        """Offer what can be offered now; how many offers were made."""
        if not await self._somebody_is_free():
            return 0
        look = Pass()
        while await self._step(look):
            pass
        return look.offered

    async def _somebody_is_free(self) -> bool:
        """Asked without the writer's lock: a flood of messages shall not be slowed by looking through all of them for nobody."""
        async with self._storage.read("on_duty") as work:
            here = {
                one.agent for one in await work.agents.on_duty(self._clock.now()) if one.presence is Presence.ONLINE
            }
            loads = await work.agents.loads() if here else {}
        return any(agent in here and held < cap for (agent, _), (held, cap) in loads.items())

    async def _step(self, look: Pass) -> bool:
        """One small transaction; whether another one may find more."""
        try:
            seen, offered = await self._offer_some(look)
        except Conflict as conflict:
            look.lost += 1
            if look.lost == _TRIES:
                log.info("offer_lost", extra={"code": conflict.code})
                return False
            look.limit = 1  # somebody was faster: one by one, so that little is undone
            return True
        look.offered += offered
        return seen == look.limit

    async def _offer_some(self, look: Pass) -> tuple[int, int]:
        rulebook, now = self._rules.rulebook, self._clock.now()
        async with self._storage.begin("distribute") as work:
            waiting = await work.distribution.waiting(
                tuple(rulebook.queues), limit=look.limit, nobody=sorted(look.nobody), skip=sorted(look.skipped)
            )
            asked = [self._asked(rulebook, conversation, now) for conversation in waiting]
            match = Match(rulebook, now)
            for one, before, pool in zip(asked, waiting, await work.distribution.pools(asked, now=now), strict=True):
                match.look(one, before, pool)
            await work.distribution.offer(match.offers, now=now)
            await work.events.add([_offered_event(offer) for offer in match.offers], now=now)
        look.nobody |= match.nobody
        look.skipped |= match.skipped
        if match.offers:
            log.info("offered", extra={"count": len(match.offers)})
        return len(waiting), len(match.offers)

    def _asked(self, rulebook: RuleBook, conversation: Conversation, now: datetime) -> Asked:
        """Who passed it is asked again when one offer's time has gone by and nobody else took it."""
        if conversation.passed and now - conversation.updated_at >= rulebook.offer_for:
            conversation = replace(conversation, passed=())
        queue = rulebook.queues[conversation.queue]
        return Asked(conversation=conversation, needs=queue.needs, strategy=queue.strategy)


class Match:
    """Conversations in the order of their claim, each to whom its queue's strategy puts first among those still free."""

    def __init__(self, rulebook: RuleBook, now: datetime) -> None:
        self._rulebook = rulebook
        self._now = now
        self._capacity = AgentCapacity()
        self.offers: list[Offer] = []
        self.nobody: set[Need] = set()
        self.skipped: set[str] = set()

    def look(self, asked: Asked, before: Conversation, pool: Sequence[Candidate]) -> None:
        """Offer it to somebody of its pool, or remember that there is nobody."""
        free = self._capacity.free(pool, before.kind)
        last = before.routing.last_owner
        chosen = choose([one for one in free if one.agent == last] or free, asked.strategy)
        if chosen is None:
            self.skipped.add(before.id)
            if not asked.conversation.passed:
                self.nobody.add(_need(before))
            return
        after = thread.offer(before, chosen.agent, self._now + self._rulebook.offer_for, self._now)
        if chosen.agent in before.passed:
            after = replace(after, passed=())
        self._capacity.give(chosen.agent, before.kind, self._now)
        self.offers.append(Offer(before=before, after=after, agent=chosen.agent))


def _offered_event(offer: Offer) -> NewEvent:
    return notifications.conversation_event(EventType.OFFERED, offer.after, was=offer.before, agent=offer.agent)


def _need(conversation: Conversation) -> Need:
    """What distinguishes those for whom the same people come into question."""
    return (conversation.queue, conversation.language or "", conversation.kind.value)

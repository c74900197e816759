"""What agents do with a conversation besides talking: take, release, transfer, close, reopen, snooze, label."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime

from conversation.errors import Conflict, NotFound, UnlawfulMove
from conversation.model import conversation as thread
from conversation.model.capabilities import Can
from conversation.model.conversation import Conversation, State
from conversation.model.events import EventType
from conversation.model.people import Agent
from conversation.ports.channel import Clock, Signals
from conversation.ports.storage import Storage, Work
from router.flows.active_rules import RulesInForce
from router.policy import escalation
from router.policy import notifications as announce
from router.policy import permissions as access
from router.policy.last_owner import with_last_owner


class Moves:
    """Each move is one transaction: locked, checked, moved by conditional update, told, and announced after the commit."""

    def __init__(
        self,
        storage: Storage,
        rules: RulesInForce,
        signals: Signals,
        clock: Clock,
        *,
        cans: Callable[[], Mapping[str, Can]],
    ) -> None:
        self._storage = storage
        self._rules = rules
        self._signals = signals
        self._clock = clock
        self._cans = cans

    # -- the moves -----------------------------------------------------------------------------------------------------

    async def take(self, agent: Agent, conversation: str) -> Conversation:
        """Accept an offer, or take what nobody holds. Raises `Conflict` "capacity_full", "taken" or "closed"."""
        async with self._locked("take", agent, conversation) as (work, before):
            if before.state is State.ASSIGNED and before.owner == agent.id:
                return before
            after = thread.take(before, agent.id, self._clock.now())
            await self._move(work, before, after, EventType.ASSIGNED, agent)
        return after

    async def release(self, agent: Agent, conversation: str) -> Conversation:
        """Give it back, or decline an offer: the agent is not asked again for it."""
        async with self._locked("release", agent, conversation) as (work, before):
            self._needs_holder(agent, before)
            after = thread.release(before, self._clock.now())
            if agent.id not in after.passed and before.owner == agent.id:
                after = replace(after, passed=(*after.passed, agent.id))
            await self._move(work, before, after, EventType.RELEASED, agent)
        return after

    async def transfer(
        self, agent: Agent, conversation: str, *, queue: str | None = None, to: str | None = None
    ) -> Conversation:
        """To another queue, or straight `to` another agent, whose capacity it then takes."""
        async with self._locked("transfer", agent, conversation) as (work, before):
            self._needs_say(agent, before)
            if to is not None:
                after = thread.hand_to(before, await self._enabled(work, to), self._clock.now())
                await self._move(work, before, after, EventType.ASSIGNED, agent)
            else:
                known, rulebook = self._known_queue(queue), self._rules.rulebook
                after = escalation.transferred(before, known, rulebook, self._clock.now())
                await self._move(work, before, after, EventType.UPDATED, agent)
        return after

    async def close(self, agent: Agent, conversation: str) -> Conversation:
        """The matter is done; closing twice is harmless. Raises `Conflict` "call_open" while a call is asked for here."""
        async with self._locked("close", agent, conversation) as (work, before):
            if before.state is State.CLOSED:
                return before
            self._needs_say(agent, before)
            await self._needs_no_call(work, before)
            after = thread.close(with_last_owner(before), self._clock.now())
            await self._move(work, before, after, EventType.CLOSED, agent)
        return after

    async def reopen(self, agent: Agent, conversation: str) -> Conversation:
        """It is not done after all, and waits in its queue."""
        async with self._locked("reopen", agent, conversation) as (work, before):
            after = thread.reopen(before, self._clock.now())
            await self._move(work, before, after, EventType.UPDATED, agent)
        return after

    async def snooze(self, agent: Agent, conversation: str, *, until: datetime) -> Conversation:
        """Asleep until a moment, or until the customer writes; frees the agent's hands meanwhile."""
        async with self._locked("snooze", agent, conversation) as (work, before):
            self._needs_say(agent, before)
            after = thread.snooze(before, until, self._clock.now())
            await self._move(work, before, after, EventType.UPDATED, agent)
        return after

    async def label(
        self,
        agent: Agent,
        conversation: str,
        *,
        language: str | None = None,
        issue: str | None = None,
        labels: Sequence[str] | None = None,
    ) -> Conversation:
        """Correct what the house understood; a correction of language or issue is kept as training data."""
        async with self._locked("label", agent, conversation) as (work, before):
            now = self._clock.now()
            after = replace(
                before,
                language=language or before.language,
                language_confidence=1.0 if language else before.language_confidence,
                issue=issue or before.issue,
                labels=before.labels if labels is None else tuple(dict.fromkeys(labels)),
                updated_at=now,
            )
            await self._move(work, before, after, EventType.UPDATED, agent)
            if language or issue:
                await work.conversations.relabelled(conversation, agent.id, language=language, issue=issue, now=now)
            if language:
                await work.customers.set_language(before.customer, language, "agent")
        return after

    # -- what they share -----------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _locked(self, move: str, agent: Agent, conversation: str) -> AsyncIterator[tuple[Work, Conversation]]:
        """The conversation under lock, if this agent may see it; an unlawful move becomes a conflict with a stable code."""
        try:
            async with self._storage.begin(move) as work:
                before = await work.conversations.lock(conversation)
                if not access.may_see(agent, before, self._rules.rulebook):
                    raise NotFound("there is no such conversation")
                yield work, before
        except UnlawfulMove as unlawful:
            raise Conflict(str(unlawful), code=_code_of(unlawful)) from unlawful

    async def _move(self, work: Work, before: Conversation, after: Conversation, kind: EventType, agent: Agent) -> None:
        await work.conversations.move(before, after)
        event = announce.told(kind, after, was=before, agent=agent.id, was_owner=before.owner or before.offered_to)
        await work.events.add([event], now=self._clock.now())
        if announce.frees(before, after):
            work.hint(*announce.hints(queues=[after.queue, before.queue]))

    def _needs_holder(self, agent: Agent, conversation: Conversation) -> None:
        if not access.holds(agent, conversation) and not access.sees_all(agent):
            raise Conflict("this conversation is not yours", code="not_owner")

    def _needs_say(self, agent: Agent, conversation: Conversation) -> None:
        """What nobody holds is everybody's who sees it; what somebody holds is theirs and the leads'."""
        if conversation.owner is not None or conversation.offered_to is not None:
            self._needs_holder(agent, conversation)

    async def _needs_no_call(self, work: Work, conversation: Conversation) -> None:
        """What is closed is offered to nobody: a call that is still asked for would never be made."""
        call = await work.callbacks.of_conversation(conversation.id)
        if call is not None and call.open:
            words = "a call is still asked for here: say what came of it, or cancel it"
            raise Conflict(words, code="call_open")

    def _known_queue(self, queue: str | None) -> str:
        if queue is None or queue not in self._rules.rulebook.queues:
            raise Conflict("there is no such queue", code="unknown_queue")
        return queue

    async def _enabled(self, work: Work, agent: str) -> str:
        found = await work.agents.get(agent)
        if found.disabled:
            raise Conflict("this agent is disabled", code="agent_disabled")
        return found.id


def _code_of(unlawful: UnlawfulMove) -> str:
    if unlawful.state == State.CLOSED.value:
        return "closed"
    return "taken" if unlawful.move == "take" else "unlawful_move"

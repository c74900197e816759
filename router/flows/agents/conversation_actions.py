"""What agents do with a conversation besides talking: take, release, transfer, close, reopen, snooze, label."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from conversation.errors import Conflict
from conversation.model import conversation as thread
from conversation.model.conversation import Conversation
from conversation.model.events import EventType
from conversation.model.people import Agent
from conversation.ports.channel import Clock
from conversation.ports.storage import Storage, Work
from router.flows.active_rules import RulesInForce
from router.flows.agents.conversation_lock import ConversationLock
from router.policy import escalation, notifications
from router.policy import permissions as access
from router.policy.last_owner import with_last_owner


class ConversationActions:
    """Each is one transaction: locked, checked, moved by conditional update, and announced after the commit."""

    def __init__(self, storage: Storage, rules: RulesInForce, clock: Clock) -> None:
        self._locked = ConversationLock(storage, rules)
        self._rules = rules
        self._clock = clock

    # -- the moves -----------------------------------------------------------------------------------------------------

    async def take(self, agent: Agent, conversation: str) -> Conversation:
        """Accept an offer, or take what nobody holds. Raises `Conflict` "capacity_full", "taken" or "closed"."""
        async with self._locked("take", agent, conversation) as (work, before):
            if before.is_assigned and before.owner == agent.id:
                return before
            after = thread.take(before, agent.id, self._clock.now())
            await self._move(work, before, after, EventType.ASSIGNED, agent)
        return after

    async def release(self, agent: Agent, conversation: str) -> Conversation:
        """Give it back, or decline an offer: the agent is not asked again for it."""
        async with self._locked("release", agent, conversation) as (work, before):
            access.must_hold(agent, before)
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
            access.must_control(agent, before)
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
            if not before.state.is_open:
                return before
            access.must_control(agent, before)
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
        """Asleep until a moment, or until the customer writes; frees the agent's capacity meanwhile."""
        async with self._locked("snooze", agent, conversation) as (work, before):
            access.must_control(agent, before)
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
        """Correct what was understood; a correction of language or issue is kept as training data."""
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

    async def _move(self, work: Work, before: Conversation, after: Conversation, kind: EventType, agent: Agent) -> None:
        await work.conversations.move(before, after)
        event = notifications.conversation_event(
            kind, after, was=before, agent=agent.id, was_owner=before.owner or before.offered_to
        )
        await work.events.add([event], now=self._clock.now())
        if notifications.frees(before, after):
            work.hint(*notifications.hints(queues=[after.queue, before.queue]))

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

"""A transaction of an agent in one conversation: locked, and only where the agent may see it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from conversation.errors import Conflict, NotFound, UnlawfulMove
from conversation.model.conversation import Conversation, State
from conversation.model.people import Agent
from conversation.ports.storage import Storage, Work
from router.flows.active_rules import RulesInForce
from router.policy.permissions import may_see


class ConversationLock:
    """`async with locked("close", agent, conversation) as (work, before)`: what all actions of agents have in common."""

    def __init__(self, storage: Storage, rules: RulesInForce) -> None:
        self._storage = storage
        self._rules = rules

    @asynccontextmanager
    async def __call__(self, move: str, agent: Agent, conversation: str) -> AsyncIterator[tuple[Work, Conversation]]:
        """Raises `NotFound` for what this agent may not see. An unlawful move becomes a `Conflict` with a stable code."""
        try:
            async with self._storage.begin(move) as work:
                before = await work.conversations.lock(conversation)
                if not may_see(agent, before, self._rules.rulebook):
                    raise NotFound("there is no such conversation")
                yield work, before
        except UnlawfulMove as unlawful:
            raise Conflict(str(unlawful), code=_code_of(unlawful)) from unlawful


def _code_of(unlawful: UnlawfulMove) -> str:
    if unlawful.state == State.CLOSED.value:
        return "closed"
    return "taken" if unlawful.move == "take" else "unlawful_move"

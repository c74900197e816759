"""Conversations outside the hot path."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from conversation.model.conversation import Conversation, State


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationFilter:
    """What the list asks for. `queues` None means all; otherwise the agent's own, plus what they own or are offered (`viewer`)."""

    queues: tuple[str, ...] | None = None
    viewer: str | None = None
    queue: str | None = None
    states: tuple[State, ...] = ()
    assignee: str | None = None
    unassigned: bool = False
    language: str | None = None
    issue: str | None = None
    customer: str | None = None
    q: str | None = None


class Conversations(Protocol):
    """Conversations outside the hot path."""

    async def get(self, conversation: str) -> Conversation:
        """By id. Raises `NotFound`."""
        ...

    async def find(self, ids: Sequence[str]) -> dict[str, Conversation]:
        """Those that exist, by id."""
        ...

    async def by_reference(self, reference: str) -> Conversation | None:
        """By what a human reads out."""
        ...

    async def lock(self, conversation: str) -> Conversation:
        """By id, locked until the end of the transaction (its customer first). Raises `NotFound`."""
        ...

    async def move(self, before: Conversation, after: Conversation) -> None:
        """Write `after` where the row still is `before` (state, owner, offer, queue); moves agents' load along with the holder.

        Raises `Conflict("capacity_full")` when the new holder's load is at its cap, `Conflict("moved")` when the row is no longer `before`.
        `after` may hold `kind` work only within the new holder's capacity, on any number of nodes.
        """
        ...

    async def page(
        self, wanted: ConversationFilter, *, cursor: str | None, limit: int
    ) -> tuple[list[Conversation], str | None]:
        """Most recently updated first, and the next cursor."""
        ...

    async def unread(self, agent: str, ids: Sequence[str]) -> dict[str, int]:
        """How many inbound messages this agent has not seen, by conversation."""
        ...

    async def mark_read(self, agent: str, conversation: str, seq: int) -> None:
        """This agent has seen everything up to `seq`."""
        ...

    async def relabelled(
        self, conversation: str, agent: str, *, language: str | None, issue: str | None, now: datetime
    ) -> None:
        """Keep an agent's correction: it is training data."""
        ...

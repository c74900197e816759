"""Waiting work and free agents."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from conversation.model.conversation import Conversation
from conversation.ports.storage.agents import QueueNeeds


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An agent who may be offered a conversation: free, online, right language and skills. `level` is for its language."""

    agent: str
    held: int
    cap: int
    idle_since: datetime
    level: int
    skill: int
    last_offered: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Who could take this conversation: what its queue needs of them, and the strategy that orders them."""

    conversation: Conversation
    needs: QueueNeeds
    strategy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A waiting conversation before and after it is offered to an agent."""

    before: Conversation
    after: Conversation
    agent: str


Need = tuple[str, str, str]  # queue, language ("" where unknown), kind of work: the same people come into question


class Distribution(Protocol):
    """Waiting work and free agents."""

    async def waiting(
        self, queues: Sequence[str], *, limit: int, nobody: Sequence[Need] = (), skip: Sequence[str] = ()
    ) -> list[Conversation]:
        """Claim waiting conversations, highest priority then longest wait first, skipping what others hold locked.

        `nobody` are the needs that nobody free can serve, `skip` the conversations looked at already: neither may starve the rest.
        """
        ...

    async def candidates(self, asked: Asked, *, now: datetime) -> list[Candidate]:
        """Free agents in strategy order, at most 50, as they are seen just now: nothing is locked."""
        ...

    async def pools(self, asked: Sequence[Asked], *, now: datetime) -> list[list[Candidate]]:
        """The same for each of many, their loads locked until the end (plain FOR UPDATE): never a false 'nobody'.

        Once in a transaction. Raises `Conflict("retry")` where everybody found was filled by others meanwhile.
        """
        ...

    async def offer(self, made: Sequence[Offer], *, now: datetime) -> None:
        """Conversations claimed by `waiting` to agents of their `pools`. Raises `Conflict` ("capacity_full", "moved")."""
        ...

    async def expired_offers(self, now: datetime, limit: int) -> list[Conversation]:
        """Offers that ran out, locked."""
        ...

    async def deserted_offers(self, now: datetime, limit: int) -> list[Conversation]:
        """Offers to somebody whose presence ran out, locked."""
        ...

    async def abandoned(self, gone_since: datetime, limit: int) -> list[Conversation]:
        """Work whose holder's presence ran out before then, locked."""
        ...

    async def asleep(self, now: datetime, limit: int) -> list[Conversation]:
        """Snoozed conversations whose time has come, locked."""
        ...

    async def overdue_in_queue(
        self, queue: str, waiting_before: datetime, limit: int, *, after: Conversation | None = None
    ) -> list[Conversation]:
        """Waiting in that queue since before then, not locked, in the queue's order; `after` goes on behind that one."""
        ...

    async def claim(self, queue: str, ids: Sequence[str]) -> list[Conversation]:
        """Those of them that wait in that queue, locked, skipping what others hold locked."""
        ...

    async def escalating(self, queues: Sequence[str], now: datetime, limit: int) -> list[Conversation]:
        """Nobody took them, and a call that was fixed in an earlier queue is due, or they are offered out of one of `queues`; not locked.

        For what waits in a queue that pages there is `overdue_in_queue`.
        """
        ...

    async def claim_unheld(self, ids: Sequence[str]) -> list[Conversation]:
        """Those of them that wait or are offered, locked, skipping what others hold locked."""
        ...

    async def waiting_queues(self) -> dict[str, datetime]:
        """Since when the first waits, by queue; nothing is counted, so that it costs the same whatever waits."""
        ...

    async def queue_counts(self) -> dict[str, tuple[int, datetime | None]]:
        """(waiting, oldest waiting_since) by queue."""
        ...

    async def position(self, conversation: str) -> int | None:
        """Place in its queue, 1 is next; None when it does not wait."""
        ...

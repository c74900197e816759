"""Messages outside the hot path."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from conversation.model.message import Message, Status


class Messages(Protocol):
    """Messages outside the hot path."""

    async def page(self, conversation: str, *, after: int, limit: int) -> list[Message]:
        """By seq, oldest first."""
        ...

    async def find(self, ids: Sequence[str]) -> dict[str, Message]:
        """Those that exist, by id."""
        ...

    async def answered(self, messages: Sequence[Message]) -> dict[str, str]:
        """By message: the id of the one in its conversation that it answers, where the medium names it and it is known."""
        ...

    async def last(self, conversations: Sequence[str]) -> dict[str, Message]:
        """What a person said last in each of these conversations, by conversation; automatic replies do not count."""
        ...

    async def add(self, message: Message, *, body_hash: str, feed: bool) -> tuple[Message, bool]:
        """Append under the conversation's lock: numbered by the store; (stored message, new).

        The same `client_id` with the same `body_hash` returns the first message and False; with another hash raises
        `Conflict("idempotency_mismatch")`.
        """
        ...

    async def feed(self, identity: str, *, after: int, limit: int) -> list[Message]:
        """An identity's own view, by feed_seq."""
        ...

    async def fed(self, conversation: str, *, upto: int) -> dict[str, int]:
        """The newest `feed_seq` of what customers said up to this seq of the conversation, by identity."""
        ...

    async def seen(self, identity: str, feed_seq: int) -> list[Message]:
        """Outbound messages up to there become `read`; returns those that moved."""
        ...

    async def set_status(
        self,
        message: str,
        status: Status,
        *,
        external_ids: Sequence[str] = (),
        error: str | None = None,
        at: datetime | None = None,
    ) -> Message | None:
        """Move the status (see `advance`); the message if it moved. `external_ids` are the provider's, one for each part.

        `at` is when it began to leave, which is what a provider's "everything before" is compared with.
        """
        ...

    async def last_inbound(self, conversation: str) -> Message | None:
        """The customer's newest message."""
        ...

    async def unread(self, conversation: str, identity: str, *, after: int) -> list[Message]:
        """What agents said to this identity above this `feed_seq` and it has not read, oldest first."""
        ...

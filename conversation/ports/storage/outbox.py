"""Rows that must be sent."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from conversation.model.outbound import OutboxRow, OutboxState, WebhookCall


class Outbox(Protocol):
    """What must leave. Head of a conversation only; `uncertain` and `parked` block it, `failed` and `sent` do not."""

    async def add(self, row: OutboxRow, *, at: datetime) -> None:
        """In the same transaction as the fact that causes it."""
        ...

    async def claim(
        self, owner: str, *, targets: Sequence[str], limit: int, now: datetime, lease: timedelta
    ) -> list[OutboxRow]:
        """Due heads for these targets become `sending` under a lease; expired leases of others become claimable or `uncertain`.

        A call of a webhook that waited longer than `CALL_EXPIRES` is never among them.

        A row whose holder vanished while `sending` comes back as `uncertain` unless its target is in an idempotent medium
        (the caller says so when finishing); such rows are returned by `stranded`.
        """
        ...

    async def renew(self, owner: str, *, until: datetime) -> set[str]:
        """Everything this owner is sending stays claimed until then; the ids of these rows."""
        ...

    async def stranded(self, now: datetime, limit: int, *, owner: str = "") -> list[OutboxRow]:
        """Rows still `sending` whose lease ran out, or that an earlier process of this owner's node held: their holder died midway.

        They are locked for the caller to settle.
        """
        ...

    async def finish(
        self,
        row: OutboxRow,
        state: OutboxState,
        *,
        error: str | None = None,
        retry_at: datetime | None = None,
        sent: tuple[str, ...] = (),
    ) -> bool:
        """Settle a claimed row, only if its epoch is still the holder's. `queued` with `again_at` means: try again."""
        ...

    async def resolve(self, message: str, state: OutboxState, *, now: datetime) -> bool:
        """A person settles an `uncertain`, `failed` or `parked` row: `sent`, `failed`, or `queued` to try again."""
        ...

    async def abandon(self, served: Sequence[str], *, error: str, now: datetime, limit: int) -> list[OutboxRow]:
        """Messages whose deadline was before `now` and whose channel is none of these become `failed`; which they were."""
        ...

    async def hold(self, *, error: str, now: datetime, limit: int) -> list[OutboxRow]:
        """Messages that wait to leave, or were being sent, become `uncertain`: these rows, oldest first. Calls of webhooks stay."""
        ...

    async def next_due(self, targets: Sequence[str]) -> datetime | None:
        """When the next row becomes due."""
        ...

    async def unacknowledged(self, limit: int) -> list[WebhookCall]:
        """Calls of webhooks that are on their way, oldest first."""
        ...

    async def failed_calls(self, since: datetime, limit: int) -> list[WebhookCall]:
        """Calls of webhooks made since then that came to nothing, newest first."""
        ...

    async def expired_calls(self, now: datetime, limit: int) -> list[WebhookCall]:
        """Calls that waited too long and are not being sent at the moment; not locked."""
        ...

    async def unserved_calls(self, served: Sequence[str], before: datetime, limit: int) -> list[WebhookCall]:
        """Calls queued since before then for a webhook that is none of these, of which nothing is said yet; not locked."""
        ...

    async def note_call(self, call: WebhookCall, error: str) -> bool:
        """Say why it waits; False where it is not as it was read any more."""
        ...

    async def give_up_call(self, call: WebhookCall, error: str) -> bool:
        """It never leaves by itself; False where it is not as it was read any more."""
        ...

    async def counts(self) -> dict[str, int]:
        """How many rows there are by state."""
        ...

"""Small twins of the ports, for tests."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from conversation.errors import NotFound
from conversation.model.callback import CallbackStatus, CallOutcome, Slot, SlotQuery
from conversation.model.message import Accepted, CallbackRequested, InboundEvent, MessageReceived
from conversation.model.verification_code import CodeSent


class FakeClock:
    """A clock that moves only when told."""

    def __init__(self, now: datetime = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)) -> None:
        self._now = now
        self._ticks = 1000.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._ticks

    def advance(self, span: timedelta) -> None:
        self._now += span
        self._ticks += span.total_seconds()

    def set(self, now: datetime) -> None:
        self._now = now


class FakeInbox:
    """Collects what it is given; raises `failure` instead when one is set."""

    def __init__(self) -> None:
        self.events: list[InboundEvent] = []
        self.cursors: list[Mapping[str, object]] = []
        self.put_aside: list[tuple[str, bytes, str, str]] = []
        self.failure: Exception | None = None

    async def accept(
        self, events: Sequence[InboundEvent], *, cursor: Mapping[str, object] | None = None
    ) -> list[Accepted]:
        if self.failure is not None:
            raise self.failure
        known = {(e.channel, e.external_id) for e in self.events if isinstance(e, MessageReceived)}
        self.events.extend(events)
        if cursor is not None:
            self.cursors.append(cursor)
        return [
            Accepted(
                external_id=e.external_id,
                conversation=f"conversation-{e.external_id}",
                message=f"message-{e.external_id}",
                queue="general",
                duplicate=(e.channel, e.external_id) in known,
                seq=1,
                feed_seq=1,
            )
            for e in events
        ]

    async def quarantine(
        self, channel: str, raw: bytes, reason: str, *, code: str, headers: Mapping[str, str] | None = None
    ) -> str:
        if self.failure is not None:
            raise self.failure
        self.put_aside.append((channel, raw, reason, code))
        return f"quarantine-{len(self.put_aside)}"


class NoCalls:
    """The port `Calls` of a house where nobody calls back."""

    async def slots(self, wish: SlotQuery, *, limit: int) -> list[Slot]:
        return []

    async def next_call(self, wish: SlotQuery) -> datetime | None:
        return None

    async def request(self, asked: CallbackRequested) -> CallbackStatus:
        raise NotFound(asked.external_id)

    async def ask(self, asked: CallbackRequested) -> CallbackStatus:
        raise NotFound(asked.external_id)

    async def confirm(self, request: str, code: str) -> CallbackStatus:
        raise NotFound(request)

    async def another_code(self, request: str) -> CodeSent:
        raise NotFound(request)

    async def code_sent(self, request: str) -> CodeSent:
        raise NotFound(request)

    async def status(self, callback: str) -> CallbackStatus:
        raise NotFound(callback)

    async def reschedule(self, callback: str, slot: datetime | None) -> CallbackStatus:
        raise NotFound(callback)

    async def cancel(self, callback: str) -> CallbackStatus:
        raise NotFound(callback)

    async def progressed(
        self,
        attempt: str,
        *,
        provider_id: str | None = None,
        connected: bool = False,
        outcome: CallOutcome | None = None,
    ) -> None: ...

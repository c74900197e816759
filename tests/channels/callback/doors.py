"""A house of cards behind the page: slots of one day, requests kept in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from channels.callback import CallbackAccount, create
from channels.callback.site import routes
from conversation.errors import CallbackRefused, NotFound
from conversation.model.callback import Callback, CallbackStatus, CallOutcome, CallState, Slot, SlotQuery
from conversation.model.message import CallbackRequested
from conversation.model.verification_code import CodeSent
from conversation.ports.customer_pages import CustomerPagePorts
from tests.channels.webchat.fake_ports import Cards
from tests.contracts.tools import Bench
from tests.fakes import FakeClock

MORNING = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
HALF = timedelta(minutes=30)


@dataclass
class FakeCalls:
    """The ports `CallbackBookings` and `CodeVerifications`."""

    clock: FakeClock
    open_at: datetime | None = MORNING
    first: datetime = MORNING
    many: int = 4  # slots from then on
    full: set[datetime] = field(default_factory=set)  # slots without a place
    requests: list[CallbackRequested] = field(default_factory=list)
    queries: list[SlotQuery] = field(default_factory=list)
    kept: dict[str, CallbackStatus] = field(default_factory=dict)
    told: list[tuple[str, dict[str, object]]] = field(default_factory=list)
    failure: Exception | None = None
    code: str | None = None  # what must come back before a request is taken
    waiting: dict[str, CallbackRequested] = field(default_factory=dict)
    codes: int = 0

    async def slots(self, query: SlotQuery, *, limit: int) -> list[Slot]:
        self.queries.append(query)
        zone = ZoneInfo(query.zones[0])
        starts = [at for at in (self.first + number * HALF for number in range(self.many)) if at not in self.full][
            :limit
        ]
        return [
            Slot(start=s, end=s + HALF, local=s.astimezone(zone).replace(tzinfo=None).isoformat(timespec="minutes"))
            for s in starts
        ]

    async def next_call(self, query: SlotQuery) -> datetime | None:
        self.queries.append(query)
        return self.open_at

    async def request(self, asked: CallbackRequested) -> CallbackStatus:
        if self.failure is not None:
            raise self.failure
        self.requests.append(asked)
        if asked.slot is not None and asked.slot != MORNING:
            raise CallbackRefused(
                "slot_taken", await self.slots(SlotQuery(channel="phone", zones=asked.zones), limit=2)
            )
        callback = Callback(
            id=asked.external_id,
            conversation="c",
            channel="phone",
            number=asked.number,
            extension=asked.extension,
            matter=asked.issue or "",
            name=asked.sender.name,
            note=asked.note,
            asked_at=self.clock.now(),
            updated_at=self.clock.now(),
            zones=asked.zones,
            language=asked.language,
            slot_at=asked.slot,
            state=CallState.SCHEDULED if asked.slot else CallState.REQUESTED,
        )
        self.kept[callback.id] = CallbackStatus(
            callback=callback, reference="7K3M-9QFX", next_at=asked.slot or self.open_at, position=2, wait=600
        )
        return self.kept[callback.id]

    async def ask(self, asked: CallbackRequested) -> CallbackStatus | CodeSent:
        if self.code is None or self.failure is not None:
            return await self.request(asked)
        self.codes += asked.external_id not in self.waiting
        self.waiting.setdefault(asked.external_id, asked)
        return await self.code_sent(asked.external_id)

    async def confirm(self, request: str, code: str) -> CallbackStatus:
        if self.code is None:
            raise CallbackRefused("code_over")
        if code != self.code:
            raise CallbackRefused("code_wrong")
        return await self.request(self.waiting[request])

    async def another_code(self, request: str) -> CodeSent:
        self.codes += 1
        return await self.code_sent(request)

    async def code_sent(self, request: str) -> CodeSent:
        if request not in self.waiting:
            raise NotFound(request)
        asked = self.waiting[request]
        return CodeSent(
            request=request, number=asked.number, until=self.clock.now() + timedelta(minutes=10), asked=asked
        )

    async def status(self, callback: str) -> CallbackStatus:
        if callback not in self.kept:
            raise NotFound(callback)
        return self.kept[callback]

    async def reschedule(self, callback: str, slot: datetime | None) -> CallbackStatus:
        found = await self.status(callback)
        if slot is not None and slot not in (MORNING, MORNING + HALF):
            raise CallbackRefused("slot_taken", await self.slots(SlotQuery(channel="phone", zones=("UTC",)), limit=2))
        moved = replace(found.callback, slot_at=slot, state=CallState.SCHEDULED if slot else CallState.REQUESTED)
        self.kept[callback] = replace(found, callback=moved, next_at=slot or self.open_at, position=None)
        return self.kept[callback]

    async def cancel(self, callback: str) -> CallbackStatus:
        found = await self.status(callback)
        self.kept[callback] = replace(
            found, callback=replace(found.callback, state=CallState.CANCELLED), next_at=None, position=None, wait=None
        )
        return self.kept[callback]

    async def progressed(
        self,
        attempt: str,
        *,
        provider_id: str | None = None,
        connected: bool = False,
        outcome: CallOutcome | None = None,
    ) -> None:
        self.told.append((attempt, {"provider_id": provider_id, "connected": connected, "outcome": outcome}))


def doors(
    clock: FakeClock, calls: FakeCalls, languages: Sequence[str] = ("en", "fr", "de", "zh", "es")
) -> CustomerPagePorts:
    issues = {"card": {"en": "Card <lost>", "fr": "Carte"}}
    given = Cards(clock=clock).fake_ports()
    return replace(given, calls=calls, verification=calls, languages=tuple(languages), issues=lambda: issues)


async def account(clock: FakeClock, **settings: Any) -> CallbackAccount:
    made = create("phone", settings, Bench(clock=clock).tools())
    await made.start()
    return made


__all__ = ["FakeCalls", "account", "doors", "routes"]

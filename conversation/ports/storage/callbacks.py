"""Calls that customers asked for: requests, booked slots, tries, and the numbers that are never called."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from conversation.model.callback import Attempt, Callback, CallCapacity, CallOutcome, CallState


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockedNumber:
    """A number (E.164) that is never called, since when and why."""

    number: str
    reason: str
    at: datetime


class Callbacks(Protocol):
    """Requests, and the tries to answer them."""

    async def add(self, callback: Callback) -> bool:
        """False, and nothing written, where this number has an open request of this matter."""
        ...

    async def move(self, before: Callback, after: Callback) -> Callback:
        """Write `after` where the row still is `before`, by its version; returns it as stored. Raises `Conflict("moved")`."""
        ...

    async def lock(self, callback: str) -> Callback:
        """By id, locked; to be taken under its conversation's lock. Raises `NotFound`."""
        ...

    async def get(self, callback: str) -> Callback:
        """By id. Raises `NotFound`."""
        ...

    async def open_of(self, number: str, extension: str, matter: str) -> Callback | None:
        """The open request of this number and matter."""
        ...

    async def open_with(self, number: str, extension: str) -> Sequence[Callback]:
        """The open requests of this number, of any matter, the oldest first."""
        ...

    async def of_conversation(self, conversation: str) -> Callback | None:
        """The newest request in this conversation; an open one before those that are settled."""
        ...

    async def position(self, callback: Callback, queue: str) -> int:
        """Its place among the open requests of this queue that wait for a call as soon as possible; 1 is next."""
        ...

    async def due(self, now: datetime, limit: int) -> list[Callback]:
        """Those that sleep and whose time has come, oldest first; not locked."""
        ...

    async def reminders(self, now: datetime, limit: int) -> list[Callback]:
        """Those whose reminder is to leave now; not locked."""
        ...

    async def waiting(self, before: datetime, limit: int) -> list[Callback]:
        """Those that are due, not marked as missed, and whose slot was over before then; not locked."""
        ...

    async def old(
        self, channel: str | None, before: datetime, limit: int, *, but: Collection[str] = ()
    ) -> list[Callback]:
        """Those of this account that have been due since then or longer; without one, those of all `but` these; not locked."""
        ...

    async def forbidden(self, limit: int) -> list[Callback]:
        """Open ones, not on the line, for numbers that are never to be called; not locked."""
        ...

    async def in_states(self, states: Collection[CallState], after: str, limit: int) -> list[Callback]:
        """Open ones in these states, by id, above this one; not locked."""
        ...

    # -- slots ---------------------------------------------------------------------------------------------------------

    async def hold(
        self,
        request: str,
        queue: str,
        at: datetime,
        *,
        language: str,
        capacities: Sequence[CallCapacity],
        per_slot: int | None,
        until: datetime,
        now: datetime,
        instead_of: str | None = None,
    ) -> bool:
        """Keep a place in a slot for this request until then, instead of any it holds; False where the slot is full.

        Idempotent by request. `instead_of` is a callback whose booking it is to replace in this transaction: both slots are locked at once.
        """
        ...

    async def confirm(self, request: str, callback: str) -> tuple[str, datetime] | None:
        """What was held becomes the callback's booking, instead of any it had: (queue, slot); None where nothing is held."""
        ...

    async def let_go(self, request: str) -> None:
        """What was only held for this request is free for others; what is booked stays."""
        ...

    async def unbook(self, callback: str) -> None:
        """Its place is free for others; harmless where it has none."""
        ...

    async def taken(
        self, queue: str, start: datetime, end: datetime, *, now: datetime
    ) -> Mapping[datetime, Mapping[str, int]]:
        """Places taken in [start, end): by slot, then by language."""
        ...

    # -- tries ---------------------------------------------------------------------------------------------------------

    async def attempt(self, attempt: Attempt) -> None:
        """Write it down before it is dialed. Raises `Conflict("on_the_line")` while another try has not ended."""
        ...

    async def claim(self, attempt: str, *, now: datetime) -> bool:
        """Whether the caller, and nobody else ever, asks the dialer for it."""
        ...

    async def progress(
        self, attempt: str, *, provider_id: str | None = None, connected_at: datetime | None = None
    ) -> bool:
        """What a dialer reports of a call that has not ended; whether it has not."""
        ...

    async def end(self, attempt: str, outcome: CallOutcome, *, now: datetime, note: str | None = None) -> bool:
        """It is over; False where it was already."""
        ...

    async def attempts(self, callback: str) -> list[Attempt]:
        """All tries, the first first."""
        ...

    async def find_attempt(self, attempt: str) -> Attempt | None:
        """By id."""
        ...

    async def on_the_line(self, before: datetime, limit: int) -> list[Attempt]:
        """Tries written before then that have not ended."""
        ...

    # -- numbers that are never called ---------------------------------------------------------------------------------

    async def is_blocked(self, number: str) -> bool:
        """Whether this number (E.164) asked not to be called."""
        ...

    async def blocked(self, *, after: str = "", limit: int) -> list[BlockedNumber]:
        """Those that are never called, by number, from behind `after`."""
        ...

    async def block(self, number: str, *, reason: str, now: datetime) -> None:
        """Never call it; the first reason stands."""
        ...

    async def unblock(self, number: str) -> bool:
        """It may be called again; whether it might not."""
        ...

"""Requests to be called that wait for a one-time code."""

from datetime import datetime
from typing import Protocol

from conversation.model.verification_code import PendingCall


class CallCodes(Protocol):
    """Kept by the request's own id. Nothing of them is work before the code came back."""

    async def add(self, pending: PendingCall, *, now: datetime) -> bool:
        """False, and nothing written, where this request waits already, or was settled."""
        ...

    async def alone(self, number: str) -> None:
        """Nobody else sends a code to this number until the transaction ends: they are counted."""
        ...

    async def change(self, pending: PendingCall) -> None:
        """Another code, or another wish, in place of the one before."""
        ...

    async def find(self, request: str) -> PendingCall | None:
        """By the request's id."""
        ...

    async def lock(self, request: str) -> PendingCall | None:
        """By the request's id, locked."""
        ...

    async def tried(self, request: str, *, now: datetime) -> PendingCall | None:
        """Somebody typed a code: counted, and committed whatever it was. None where no code is good any more."""
        ...

    async def settled(self, request: str, callback: str) -> None:
        """Its code came back, and this is what became of the request."""
        ...

    async def sent_to(self, number: str, *, since: datetime) -> int:
        """How many codes left for requests of this number (E.164) since then."""
        ...

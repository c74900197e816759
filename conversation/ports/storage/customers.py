"""Customers and the addresses by which channels know them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from conversation.model.conversation import Conversation
from conversation.model.people import Customer, Identity


class Customers(Protocol):
    """Customers and their identities."""

    async def get(self, customer: str) -> Customer:
        """By id. Raises `NotFound`."""
        ...

    async def find(self, ids: Sequence[str]) -> dict[str, Customer]:
        """Those that exist, by id."""
        ...

    async def identities(self, customer: str) -> list[Identity]:
        """All addresses of one customer."""
        ...

    async def identity(self, identity: str) -> Identity:
        """By id. Raises `NotFound`."""
        ...

    async def known_as(self, identities: Sequence[str]) -> dict[str, Identity]:
        """Those that exist, by id."""
        ...

    async def use_token(self, identity: Identity) -> str | None:
        """Its reply token, which nobody else is given; None where it is used already."""
        ...

    async def closing(self, now: datetime, until: datetime, limit: int) -> Sequence[Conversation]:
        """Open conversations in which somebody waits and whose window for answers closes in between: each window is returned once."""
        ...

    async def add_identity(self, identity: Identity, *, customer: Customer) -> Identity:
        """Insert if (channel, address) is absent; the stored one either way."""
        ...

    async def set_language(self, customer: str, language: str, source: str) -> None:
        """From now on this customer writes in that language."""
        ...

    async def set_email(self, identity: str, email: str) -> None:
        """Where this identity can be written to when it is not here: a claim, or as vouched for."""
        ...

"""Everything that is stored about one customer, to be handed to them."""

from collections.abc import Mapping, Sequence
from typing import Protocol

Record = Mapping[str, object]  # a row as stored, by column: instants are aware datetimes


class Exports(Protocol):
    """One customer's rows, a bounded number in each transaction."""

    async def named(self, wanted: str) -> str:
        """The customer whom people name so: CHANNEL:ADDRESS, also a further address, or else an id, as it is."""
        ...

    def kinds(self) -> Sequence[str]:
        """What there is: the names of the tables that hold a customer's data."""
        ...

    async def page(self, kind: str, customer: str, *, after: Record | None, limit: int) -> Sequence[Record]:
        """The next at most `limit` records of that kind, in the order of their keys, after the last one of the page before."""
        ...

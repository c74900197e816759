"""Customers and their identities, outside the hot path."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, select, update

from conversation.errors import NotFound
from conversation.id_generator import new_id
from conversation.model.conversation import Conversation
from conversation.model.people import Customer, Identity
from storage.codecs.rows import customer_of, customer_values, identity_of, identity_values
from storage.customers.reply_windows import closing
from storage.database.run import Run
from storage.database.upsert import Now, ask_instant, insert_into
from storage.schema.customers import customers, identities


def _find(c: Connection, ids: Sequence[str]) -> dict[str, Customer]:
    rows = c.execute(select(customers).where(customers.c.id.in_(ids))).mappings()
    return {row["id"]: customer_of(row) for row in rows}


def _get(c: Connection, customer: str) -> Customer:
    found = _find(c, [customer])
    if customer not in found:
        raise NotFound("there is no such customer")
    return found[customer]


def _identity(c: Connection, identity: str) -> Identity:
    row = c.execute(select(identities).where(identities.c.id == identity)).mappings().first()
    if row is None:
        raise NotFound("there is no such identity")
    return identity_of(row)


def _known_as(c: Connection, ids: Sequence[str]) -> dict[str, Identity]:
    rows = c.execute(select(identities).where(identities.c.id.in_(ids))).mappings()
    return {row["id"]: identity_of(row) for row in rows}


def _use_token(c: Connection, identity: Identity) -> str | None:
    row = identities.c
    unused = update(identities).where(row.id == identity.id, row.reply_token == identity.reply_token)
    return identity.reply_token if c.execute(unused.values(reply_token=None)).rowcount else None


def _identities(c: Connection, customer: str) -> list[Identity]:
    wanted = select(identities).where(identities.c.customer_id == customer).order_by(identities.c.id)
    return [identity_of(row) for row in c.execute(wanted).mappings()]


def _add_identity(c: Connection, dialect: str, now: Now | None, identity: Identity, customer: Customer) -> Identity:
    at = customer.created_at or ask_instant(c, dialect, now)
    new = replace(identity, id=identity.id or new_id(), customer=customer.id)
    wanted = insert_into(dialect, identities).values(identity_values(new, now=at))
    # whoever comes second waits here for the first one's commit, and then finds the row
    if c.execute(wanted.on_conflict_do_nothing(index_elements=["channel", "address"])).rowcount:
        person = insert_into(dialect, customers).values(customer_values(customer, now=at))
        c.execute(person.on_conflict_do_nothing(index_elements=["id"]))
        return new
    row = identities.c
    there = select(identities).where(row.channel == identity.channel, row.address == identity.address)
    return identity_of(c.execute(there).mappings().one())


def _set_language(c: Connection, customer: str, language: str, source: str) -> None:
    values = {"language": language, "language_source": source}
    if not c.execute(update(customers).where(customers.c.id == customer).values(values)).rowcount:
        raise NotFound("there is no such customer")


def _set_email(c: Connection, identity: str, email: str) -> None:
    if not c.execute(update(identities).where(identities.c.id == identity).values(email=email)).rowcount:
        raise NotFound("there is no such identity")


class Customers:
    """The port `Customers` of `conversation.ports.storage`. Without `now` the time is the database's."""

    def __init__(self, run: Run, dialect: str, now: Now | None = None) -> None:
        self._run = run
        self._dialect = dialect
        self._now = now

    async def get(self, customer: str) -> Customer:
        """By id. Raises `NotFound`."""
        return await self._run(lambda c: _get(c, customer))

    async def find(self, ids: Sequence[str]) -> dict[str, Customer]:
        """Those that exist, by id."""
        return await self._run(lambda c: _find(c, ids))

    async def identities(self, customer: str) -> list[Identity]:
        """All addresses of one customer, oldest first."""
        return await self._run(lambda c: _identities(c, customer))

    async def identity(self, identity: str) -> Identity:
        """By id. Raises `NotFound`."""
        return await self._run(lambda c: _identity(c, identity))

    async def known_as(self, identities: Sequence[str]) -> dict[str, Identity]:
        """Those that exist, by id."""
        return await self._run(lambda c: _known_as(c, identities)) if identities else {}

    async def use_token(self, identity: Identity) -> str | None:
        """Its reply token, which nobody else is given; None where it is used already."""
        return await self._run(lambda c: _use_token(c, identity)) if identity.reply_token is not None else None

    async def closing(self, now: datetime, until: datetime, limit: int) -> Sequence[Conversation]:
        """Open conversations in which somebody waits and whose window for answers closes in between: each window is reported once."""
        return await self._run(lambda c: closing(c, now, until, limit))

    async def add_identity(self, identity: Identity, *, customer: Customer) -> Identity:
        """Insert if (channel, address) is absent, with its customer where that is new; the stored one either way."""
        return await self._run(lambda c: _add_identity(c, self._dialect, self._now, identity, customer))

    async def set_language(self, customer: str, language: str, source: str) -> None:
        """From now on this customer writes in that language. Raises `NotFound`."""
        await self._run(lambda c: _set_language(c, customer, language, source))

    async def set_email(self, identity: str, email: str) -> None:
        """Where this identity can be written to when it is not here. Raises `NotFound`."""
        await self._run(lambda c: _set_email(c, identity, email))

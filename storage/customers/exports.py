"""All that is stored of one customer, page by page: what they wrote and were sent, and what was noted about them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import BindParameter, ColumnElement, Connection, Table, bindparam, literal, or_, select, tuple_

from conversation.ports.storage.exports import Record
from storage.database.run import Run
from storage.schema.callbacks import callback_attempts, callbacks, do_not_call
from storage.schema.conversations import conversations, decisions, relabels
from storage.schema.customers import customers, identities, identity_aliases, visitor_sessions
from storage.schema.delivery import follow_ups
from storage.schema.messages import attachments, messages

_CUSTOMER: BindParameter[str] = bindparam("customer")
_ADDRESSES = select(identities.c.id).where(identities.c.customer_id == _CUSTOMER)
_CONVERSATIONS = select(conversations.c.id).where(conversations.c.customer_id == _CUSTOMER)
_CALLS = select(callbacks.c.id).where(callbacks.c.conversation_id.in_(_CONVERSATIONS))
_NUMBERS = select(callbacks.c.number).where(callbacks.c.conversation_id.in_(_CONVERSATIONS))


@dataclass(frozen=True, slots=True)
class _Kind:
    table: Table
    mine: ColumnElement[bool]


# what leaves them out: the outbox repeats messages, events name them, what lies in quarantine could not be ascribed to anybody
_KINDS = {
    kind.table.name: kind
    for kind in (
        _Kind(customers, customers.c.id == _CUSTOMER),
        _Kind(identities, identities.c.customer_id == _CUSTOMER),
        _Kind(identity_aliases, identity_aliases.c.identity_id.in_(_ADDRESSES)),
        _Kind(visitor_sessions, visitor_sessions.c.identity_id.in_(_ADDRESSES)),
        _Kind(conversations, conversations.c.customer_id == _CUSTOMER),
        _Kind(messages, messages.c.conversation_id.in_(_CONVERSATIONS)),
        _Kind(decisions, decisions.c.conversation_id.in_(_CONVERSATIONS)),
        _Kind(relabels, relabels.c.conversation_id.in_(_CONVERSATIONS)),
        _Kind(follow_ups, follow_ups.c.identity_id.in_(_ADDRESSES)),
        _Kind(callbacks, callbacks.c.conversation_id.in_(_CONVERSATIONS)),
        _Kind(callback_attempts, callback_attempts.c.callback_id.in_(_CALLS)),
        _Kind(do_not_call, do_not_call.c.number.in_(_NUMBERS)),
        _Kind(
            attachments,
            or_(attachments.c.conversation_id.in_(_CONVERSATIONS), attachments.c.owner.in_(_ADDRESSES)),
        ),
    )
}


def _page(c: Connection, kind: _Kind, customer: str, after: Record | None, limit: int) -> list[Record]:
    key = list(kind.table.primary_key.columns)
    wanted = select(kind.table).where(kind.mine).order_by(*key).limit(limit)
    if after is not None:
        wanted = wanted.where(tuple_(*key) > tuple_(*(literal(after[one.name], one.type) for one in key)))
    rows = [dict(row) for row in c.execute(wanted, {"customer": customer}).mappings()]
    if kind.table is decisions:
        for row in rows:
            row |= {name: json.loads(row[name]) for name in ("facts", "decision")}
    return list(rows)


def _customer_of(c: Connection, channel: str, address: str) -> str | None:
    further = identity_aliases.c
    known = select(further.identity_id).where(further.channel == channel, further.address == address)
    identity = c.execute(known).scalar()
    row = identities.c
    same = row.id == identity if identity else (row.channel == channel) & (row.address == address)
    found: str | None = c.execute(select(row.customer_id).where(same)).scalar()
    return found


class Exports:
    """The port `Exports`."""

    def __init__(self, run: Run, dialect: str) -> None:  # noqa: ARG002 every repository is made alike
        self._run = run

    async def named(self, wanted: str) -> str:
        """The customer whom people name so: CHANNEL:ADDRESS, also a further address, or else an id, as it is."""
        channel, colon, address = wanted.partition(":")
        found = await self._run(lambda c: _customer_of(c, channel, address)) if colon else None
        return found or wanted

    def kinds(self) -> Sequence[str]:
        """The names of the tables that hold a customer's data."""
        return tuple(_KINDS)

    async def page(self, kind: str, customer: str, *, after: Record | None, limit: int) -> Sequence[Record]:
        """The next at most `limit` records of that kind, in the order of their keys."""
        return await self._run(lambda c: _page(c, _KINDS[kind], customer, after, limit))

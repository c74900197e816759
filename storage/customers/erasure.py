"""One customer's rows emptied or deleted. Rows that others count on keep their keys: a repeat of an old message stays a repeat."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BindParameter,
    Connection,
    Delete,
    Update,
    bindparam,
    case,
    delete,
    func,
    literal,
    null,
    or_,
    select,
    text,
    update,
)

from conversation.errors import NotFound
from conversation.ports.storage.erasure import Erased
from storage.database.run import Run
from storage.schema.callbacks import call_codes, callback_attempts, callbacks
from storage.schema.conversations import conversations, decisions, relabels
from storage.schema.customers import customers, identities, identity_aliases, visitor_sessions
from storage.schema.delivery import follow_ups, outbox
from storage.schema.intake import quarantine
from storage.schema.messages import attachments, early_updates, fetches, messages, watermarks

ERASED = "erased"  # why a message that had not left yet failed
_SHORTEST = 5  # letters of an address that is looked for in what could not be read
_CUSTOMER: BindParameter[str] = bindparam("customer")
_IDENTITIES = select(identities.c.id).where(identities.c.customer_id == _CUSTOMER)
_ADDRESSES = select(identities.c.address).where(identities.c.customer_id == _CUSTOMER)
_CONVERSATIONS = select(conversations.c.id).where(conversations.c.customer_id == _CUSTOMER)
_MESSAGES = select(messages.c.id).where(messages.c.conversation_id.in_(_CONVERSATIONS))
_CALLS = select(callbacks.c.id).where(callbacks.c.conversation_id.in_(_CONVERSATIONS))
_NUMBERS = select(callbacks.c.number).where(callbacks.c.conversation_id.in_(_CONVERSATIONS))
_ASKED_HERE = call_codes.c.request["token"].as_string().in_(_CONVERSATIONS)  # by a link that one of them holds
_FILES = or_(attachments.c.conversation_id.in_(_CONVERSATIONS), attachments.c.owner.in_(_IDENTITIES))
_UNSENT = messages.c.status.in_(["queued", "sending", "uncertain"])

# in this order: what is found by an address goes before the address
_STEPS: tuple[tuple[str, Delete | Update], ...] = (
    ("outbox", delete(outbox).where(outbox.c.conversation_id.in_(_CONVERSATIONS))),
    ("fetches", delete(fetches).where(fetches.c.message_id.in_(_MESSAGES))),
    ("decisions", delete(decisions).where(decisions.c.conversation_id.in_(_CONVERSATIONS))),
    ("relabels", delete(relabels).where(relabels.c.conversation_id.in_(_CONVERSATIONS))),
    ("follow_ups", delete(follow_ups).where(follow_ups.c.identity_id.in_(_IDENTITIES))),
    ("visitor_sessions", delete(visitor_sessions).where(visitor_sessions.c.identity_id.in_(_IDENTITIES))),
    ("watermarks", delete(watermarks).where(watermarks.c.identity_id.in_(_IDENTITIES))),
    ("early_marks", delete(early_updates).where(early_updates.c.who.in_(_ADDRESSES))),
    (
        "call_codes",
        delete(call_codes).where(
            or_(call_codes.c.number.in_(_NUMBERS), call_codes.c.number.in_(_ADDRESSES), _ASKED_HERE)
        ),
    ),
    (
        "callback_attempts",
        update(callback_attempts).where(callback_attempts.c.callback_id.in_(_CALLS)).values(note=None),
    ),
    (
        "callbacks",
        update(callbacks)
        .where(callbacks.c.conversation_id.in_(_CONVERSATIONS))
        .values(number="", extension="", zones=["UTC"], name=None, note=None),
    ),
    (
        "messages",
        update(messages)
        .where(messages.c.conversation_id.in_(_CONVERSATIONS))
        .values(
            text="",
            html=None,
            attachments=null(),
            marks=null(),
            body_hash=None,
            author_name=case((messages.c.author_kind == "customer", None), else_=messages.c.author_name),
            status=case((_UNSENT, "failed"), else_=messages.c.status),
            error=case((_UNSENT, ERASED), else_=None),
        ),
    ),
    (
        "conversations",
        update(conversations).where(conversations.c.customer_id == _CUSTOMER).values(attributes={}, labels=[]),
    ),
    ("identity_aliases", delete(identity_aliases).where(identity_aliases.c.identity_id.in_(_IDENTITIES))),
    (
        "identities",
        update(identities)
        .where(identities.c.customer_id == _CUSTOMER)
        .values(
            address=literal(f"{ERASED}:").concat(identities.c.id),
            name=None,
            email=None,
            phone=None,
            reply_token=None,
            verified=False,
        ),
    ),
)
_WORDS_OF_EVENTS = {
    "postgresql": text(
        "UPDATE events SET data = data - 'error' WHERE conversation_id IN (SELECT id FROM conversations WHERE customer_id = :customer)"
    ),
    "sqlite": text(
        "UPDATE events SET data = json_remove(data, '$.error') WHERE conversation_id IN (SELECT id FROM conversations WHERE customer_id = :customer)"
    ),
}


def _lock(c: Connection, customer: str) -> list[str]:
    found = c.execute(select(customers.c.id).where(customers.c.id == customer).with_for_update()).first()
    if found is None:
        raise NotFound("there is no such customer")
    wanted = _CONVERSATIONS.order_by(conversations.c.id)
    return list(c.execute(wanted, {"customer": customer}).scalars())


def _linked(c: Connection, customer: str) -> list[str]:
    wrote = select(messages.c.identity_id).where(messages.c.conversation_id.in_(_CONVERSATIONS))
    own = select(conversations.c.id).where(conversations.c.customer_id == identities.c.customer_id)
    wanted = select(identities.c.customer_id).where(identities.c.id.in_(wrote), ~own.exists()).distinct()
    found = c.execute(wanted.order_by(identities.c.customer_id), {"customer": customer}).scalars()
    return [other for other in found if other != customer]


def _erase(c: Connection, dialect: str, customer: str, now: datetime) -> Erased:
    whose = {"customer": customer}
    rows = {"quarantine": _forget_unreadable(c, customer)}
    typed = select(call_codes.c.number).where(_ASKED_HERE)
    numbers = {number for wanted in (_NUMBERS, _ADDRESSES, typed) for number in c.execute(wanted, whose).scalars()}
    keys = list(c.execute(delete(attachments).where(_FILES).returning(attachments.c.key), whose).scalars())
    rows |= {name: c.execute(step, whose).rowcount for name, step in _STEPS}
    rows["outbox"] += _forget_codes(c, numbers)
    c.execute(_WORDS_OF_EVENTS[dialect], whose)
    empty = {"name": None, "language": None, "language_source": None, "verified": False}
    c.execute(update(customers).where(customers.c.id == customer).values(**empty, attributes={ERASED: now.isoformat()}))
    return Erased(rows={**rows, "attachments": len(keys)}, keys=keys)


def _forget_codes(c: Connection, numbers: set[str]) -> int:
    """What left without a conversation is a code for a number."""
    left = c.execute(select(outbox.c.id, outbox.c.body).where(outbox.c.conversation_id.is_(None)))
    theirs = [row.id for row in left if row.body.get("to", {}).get("address") in numbers]
    return c.execute(delete(outbox).where(outbox.c.id.in_(theirs))).rowcount if theirs else 0


def _forget_unreadable(c: Connection, customer: str) -> int:
    """Bytes that are kept of their messages, and others in which one of their addresses stands."""
    whose = {"customer": customer}
    marks = select(messages.c.marks).where(
        messages.c.conversation_id.in_(_CONVERSATIONS), messages.c.marks.is_not(None)
    )
    theirs = {str(values["raw"]) for values in c.execute(marks, whose).scalars() if values.get("raw")}
    needles = _needles(c, customer)
    for row in c.execute(select(quarantine.c.id, quarantine.c.raw, func.coalesce(quarantine.c.reason, ""))):
        if any(needle in row[1] or needle.decode() in row[2] for needle in needles):
            theirs.add(row.id)
    return c.execute(delete(quarantine).where(quarantine.c.id.in_(theirs))).rowcount if theirs else 0


def _needles(c: Connection, customer: str) -> Sequence[bytes]:
    known = select(identities.c.address, identities.c.email, identities.c.phone).where(
        identities.c.customer_id == _CUSTOMER
    )
    further = select(identity_aliases.c.address).where(identity_aliases.c.identity_id.in_(_IDENTITIES))
    whose: dict[str, Any] = {"customer": customer}
    values = [value for row in c.execute(known, whose) for value in row] + list(c.execute(further, whose).scalars())
    return [value.encode() for value in values if value and len(value) >= _SHORTEST]


class Erasure:
    """The port `Erasure`."""

    def __init__(self, run: Run, dialect: str) -> None:
        self._run = run
        self._dialect = dialect

    async def lock(self, customer: str) -> list[str]:
        """Nobody else writes for this customer until the transaction ends; all their conversations. Raises `NotFound`."""
        return await self._run(lambda c: _lock(c, customer))

    async def linked_customers(self, customer: str) -> list[str]:
        """Customers who are known only from this one's conversations: the same person on another channel, by a link of ours."""
        return await self._run(lambda c: _linked(c, customer))

    async def erase(self, customer: str, *, now: datetime) -> Erased:
        """Empty and delete. Their conversations are closed, and no call is open."""
        return await self._run(lambda c: _erase(c, self._dialect, customer, now))

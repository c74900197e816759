"""News of customers: who blocked us, who let us in again, who has a new address, what a nameless one is called."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, or_, select, update

from conversation.model.conversation import Conversation
from conversation.model.message import ContactChanged, Message, Status
from conversation.ports.storage.intake import NewsOfContacts
from storage.codecs.outbox import outbox_row_of
from storage.codecs.rows import conversation_of, message_of
from storage.customers import aliases
from storage.schema.conversations import IS_OPEN, conversations
from storage.schema.customers import customers, identities, identity_aliases
from storage.schema.delivery import outbox
from storage.schema.messages import messages

BLOCKED = "blocked: the customer has blocked us"


def apply(c: Connection, events: Sequence[ContactChanged], now: datetime) -> NewsOfContacts:
    """One after the other, as they came; reports about unknown addresses change nothing."""
    changed: set[str] = set()
    failed: list[Message] = []
    for event in events:
        known = aliases.whose(c, [(event.channel, event.sender.address)])
        for identity, _ in known.values():
            if event.reachable is not None and _reachable(c, identity, event):
                changed.add(identity)
                failed += [] if event.reachable else _fail(c, identity, now)
            if event.sender.name and _name(c, identity, event.sender.name):
                changed.add(identity)
            if event.new_address is not None:
                changed |= _move(c, identity, event, now)
    return NewsOfContacts(conversations=_open(c, changed), failed=failed)


def _open(c: Connection, changed: Collection[str]) -> list[Conversation]:
    """The open conversations that go on over one of these."""
    row = conversations.c
    theirs = [aliases.conversations_of(identity) for identity in sorted(changed)]
    found = [
        one
        for ids in theirs
        for one in c.execute(select(conversations).where(row.id.in_(ids), IS_OPEN)).mappings()
        if one["identity_id"] in changed
    ]
    return list({one["id"]: conversation_of(one) for one in found}.values())


def _reachable(c: Connection, identity: str, event: ContactChanged) -> bool:
    """Whether this is newer than what is known."""
    row = identities.c
    newer = or_(row.contact_at.is_(None), row.contact_at < event.received_at)
    blocked_at = None if event.reachable else event.received_at
    newer_contact = update(identities).where(row.id == identity, newer)
    return c.execute(newer_contact.values(blocked_at=blocked_at, contact_at=event.received_at)).rowcount > 0


def _name(c: Connection, identity: str, name: str) -> bool:
    """Whether somebody nameless got one. A name that is known already stays."""
    row, person = identities.c, customers.c
    theirs = select(row.customer_id).where(row.id == identity).scalar_subquery()
    given = c.execute(update(identities).where(row.id == identity, row.name.is_(None)).values(name=name)).rowcount
    c.execute(update(customers).where(person.id == theirs, person.name.is_(None)).values(name=name))
    return given > 0


def _fail(c: Connection, identity: str, now: datetime) -> list[Message]:
    """What waits for them is given up at once."""
    row, columns = outbox.c, messages.c
    within = columns.conversation_id.in_(aliases.conversations_of(identity))
    theirs = select(columns.id).where(
        within, columns.identity_id == identity, columns.status.in_(["queued", "sending"])
    )
    waiting = update(outbox).where(row.message_id.in_(theirs), row.state == "queued")
    given_up = c.execute(
        waiting.values(state="failed", error=BLOCKED, finished_at=now).returning(row.message_id)
    ).scalars()
    failed = update(messages).where(columns.id.in_(list(given_up)))
    rows = c.execute(failed.values(status=Status.FAILED.value, error=BLOCKED).returning(messages)).mappings()
    return [message_of(one) for one in rows]


def _move(c: Connection, identity: str, event: ContactChanged, now: datetime) -> set[str]:
    """Answers go to the new address. Where somebody is known there already, it is the same person."""
    old, new = (event.channel, event.sender.address), (event.channel, event.new_address or "")
    if not new[1] or old == new:
        return set()
    there = aliases.whose(c, [new]).get(new)
    if there is not None and there[0] != identity:
        _merge(c, identity, there[0], now)
        aliases.redirect(c, old, there[0], now)
        return {identity, there[0]}
    row = identities.c
    before = c.execute(select(row.address).where(row.id == identity)).scalar_one()
    if before == new[1]:
        return set()
    alias = identity_aliases.c
    c.execute(delete(identity_aliases).where(alias.channel == new[0], alias.address == new[1]))
    c.execute(update(identities).where(row.id == identity).values(address=new[1], blocked_at=None))
    aliases.redirect(c, (event.channel, before), identity, now)
    _readdress(c, identity, identity)
    return {identity}


def _merge(c: Connection, gone: str, there: str, now: datetime) -> None:
    """Both identities become one customer's, and conversations go on at the address that answers."""
    people = c.execute(select(identities.c.customer_id).where(identities.c.id.in_([gone, there]))).scalars()
    aliases.join(c, list(people), now)
    c.execute(update(conversations).where(conversations.c.identity_id == gone).values(identity_id=there))
    _readdress(c, gone, there)


def _readdress(c: Connection, of: str, to: str) -> None:
    """What is on its way out leaves for the new address."""
    row, who = outbox.c, identities.c
    address = c.execute(select(who.address).where(who.id == to)).scalar_one()
    within = messages.c.conversation_id.in_(aliases.conversations_of(of))
    waits = messages.c.status.in_(["queued", "sending"])
    theirs = select(messages.c.id).where(within, messages.c.identity_id == of, waits)
    waiting = select(outbox).where(row.message_id.in_(theirs), row.state == "queued").with_for_update()
    for one in c.execute(waiting).mappings().all():
        if outbox_row_of(one).message is not None:
            body = {**one["body"], "to": {**one["body"]["to"], "address": address, "id": to}}
            c.execute(update(outbox).where(row.id == one["id"]).values(body=body))

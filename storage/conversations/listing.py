"""The list of conversations: filters, search and a cursor that stays put while rows come and go."""

import base64
import binascii
import json
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Select, and_, or_, select

from conversation.errors import Conflict
from conversation.model.conversation import Conversation
from conversation.ports.storage.conversations import ConversationFilter
from storage.codecs.rows import conversation_of
from storage.schema.conversations import IS_OPEN, conversations
from storage.schema.customers import customers, identities
from storage.schema.messages import messages
from storage.schema.types import from_micros, to_micros

_ROW = conversations.c
_LONGEST_SEARCH = 200
_LATEST = 1 << 62  # microseconds; far beyond any instant


def write_cursor(last: Conversation) -> str:
    """The place after this conversation."""
    place = json.dumps([to_micros(last.updated_at), last.id], separators=(",", ":"))
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def read_cursor(cursor: str) -> tuple[datetime, str]:
    """The place it names. Raises `Conflict("bad_cursor")`."""
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        match json.loads(base64.b64decode(padded, altchars=b"-_", validate=True)):
            case [int(micros), str(identifier)] if 0 <= micros < _LATEST and identifier.isprintable():
                return from_micros(micros), identifier
    except (binascii.Error, ValueError, OverflowError, RecursionError):
        pass  # said below, for every kind of nonsense alike
    raise Conflict("this cursor is not one of ours", code="bad_cursor")


def _after(cursor: str) -> ColumnElement[bool]:
    at, identifier = read_cursor(cursor)
    # the first half alone bounds the index scan
    return and_(_ROW.updated_at <= at, or_(_ROW.updated_at < at, _ROW.id > identifier))


def _seen_by(wanted: ConversationFilter) -> list[ColumnElement[bool]]:
    if wanted.queues is None:
        return []
    theirs: list[ColumnElement[bool]] = [_ROW.queue.in_(wanted.queues)]
    if wanted.viewer is not None:
        theirs += [_ROW.owner_id == wanted.viewer, _ROW.offered_to == wanted.viewer]
    return [or_(*theirs)]


def _equals(wanted: ConversationFilter) -> list[ColumnElement[bool]]:
    asked = (
        (_ROW.queue, wanted.queue),
        (_ROW.owner_id, wanted.assignee),
        (_ROW.language, wanted.language),
        (_ROW.issue, wanted.issue),
        (_ROW.customer_id, wanted.customer),
    )
    return [column == value for column, value in asked if value is not None]


def _states(wanted: ConversationFilter) -> list[ColumnElement[bool]]:
    made: list[ColumnElement[bool]] = []
    if wanted.states:
        made.append(_ROW.state.in_([state.value for state in wanted.states]))
    if wanted.unassigned:
        made.append(_ROW.owner_id.is_(None))
        if not wanted.states:
            made.append(IS_OPEN)  # nobody owns what is done, and nobody needs to
    return made


def _found(q: str) -> list[ColumnElement[bool]]:
    sought = q.replace("\0", "").encode("utf-8", "replace").decode().strip()[:_LONGEST_SEARCH]
    if not sought:
        return []
    named = select(customers.c.id).where(customers.c.name.icontains(sought, autoescape=True))
    address, name = identities.c.address, identities.c.name
    known = or_(address.icontains(sought, autoescape=True), name.icontains(sought, autoescape=True))
    in_a_message = and_(messages.c.conversation_id == _ROW.id, messages.c.text.icontains(sought, autoescape=True))
    return [
        or_(
            _ROW.reference.icontains(sought, autoescape=True),
            _ROW.customer_id.in_(named),
            _ROW.customer_id.in_(select(identities.c.customer_id).where(known)),
            select(messages.c.id).where(in_a_message).exists(),
        )
    ]


def _query(wanted: ConversationFilter, cursor: str | None) -> Select[tuple[object, ...]]:
    conditions = [*_seen_by(wanted), *_equals(wanted), *_states(wanted)]
    if wanted.q is not None:
        conditions += _found(wanted.q)
    if cursor is not None:
        conditions.append(_after(cursor))
    return select(conversations).where(*conditions).order_by(_ROW.updated_at.desc(), _ROW.id)


def page(
    c: Connection, wanted: ConversationFilter, *, cursor: str | None, limit: int
) -> tuple[list[Conversation], str | None]:
    """Most recently updated first, and the next cursor where there is more."""
    rows = c.execute(_query(wanted, cursor).limit(limit + 1)).mappings().all()
    items = [conversation_of(row) for row in rows[:limit]]
    return items, write_cursor(items[-1]) if len(rows) > limit and items else None

"""Rows as the drivers give them, taken apart by place: for the hot path, where naming and typing each column cost more than reading it.

Instants are microseconds, booleans may be 0 and 1, JSON is text on SQLite and read already on PostgreSQL.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from conversation.model.conversation import Conversation, Priority, State
from conversation.model.people import Customer, Identity, WorkKind
from conversation.model.routing_names import routing_of
from storage.database.bulk_sql import from_json
from storage.schema.types import from_micros

_STATES = {state.value: state for state in State}
_KINDS = {kind.value: kind for kind in WorkKind}
_PRIORITIES = tuple(Priority)


def conversation_from(row: Sequence[Any]) -> Conversation:
    """All columns of `conversations`, in the order of the table."""
    (identifier, reference, customer, identity, state, queue, kind, channel, channels, owner, offered_to, offer_until,
     _held_since, language, confidence, issue, priority, labels, named, sent_replies, passed, linked, last_seq,
     last_inbound_at, owner_wrote_at, waiting_since, due, snoozed_until, closed_at, created_at, updated_at) = row  # fmt: skip
    routing, attributes = routing_of(_mapping(named))
    return Conversation(
        id=identifier, reference=reference, customer=customer, state=_STATES[state], queue=queue, kind=_KINDS[kind],
        channel=channel, created_at=from_micros(created_at), updated_at=from_micros(updated_at), identity=identity,
        owner=owner, offered_to=offered_to, offer_until=offer_until and from_micros(offer_until), language=language,
        language_confidence=confidence, issue=issue, priority=_PRIORITIES[priority], labels=_names(labels),
        attributes=attributes, routing=routing, sent_replies=_names(sent_replies), passed=_names(passed), linked=linked, last_seq=last_seq,
        last_inbound_at=last_inbound_at and from_micros(last_inbound_at),
        owner_wrote_at=owner_wrote_at and from_micros(owner_wrote_at),
        waiting_since=waiting_since and from_micros(waiting_since), due=due and from_micros(due),
        snoozed_until=snoozed_until and from_micros(snoozed_until), closed_at=closed_at and from_micros(closed_at),
        channels=_names(channels),
    )  # fmt: skip


def acquaintance_from(row: Sequence[Any]) -> tuple[Identity, Customer]:
    """An identity and its customer, as the statement `locked` has them behind the key that was asked for."""
    identifier, channel, address, name, email, phone, verified, reply_until, reply_token, blocked_at, *rest = row
    customer, known_as, language, language_source, customer_verified, attributes, created_at = rest
    identity = Identity(
        id=identifier,
        channel=channel,
        address=address,
        customer=customer,
        name=name,
        email=email,
        phone=phone,
        verified=bool(verified),
        reply_until=reply_until and from_micros(reply_until),
        reply_token=reply_token,
        blocked_at=blocked_at and from_micros(blocked_at),
    )
    return identity, Customer(
        id=customer,
        name=known_as,
        language=language,
        language_source=language_source,
        verified=bool(customer_verified),
        attributes=_mapping(attributes),
        created_at=from_micros(created_at),
    )


def _names(stored: str | Sequence[str]) -> tuple[str, ...]:
    if not stored or stored == "[]":
        return ()
    return tuple(from_json(stored) if isinstance(stored, str) else stored)


def _mapping(stored: str | Mapping[str, object]) -> Mapping[str, object]:
    if not stored or stored == "{}":
        return {}
    found: Mapping[str, object] = from_json(stored) if isinstance(stored, str) else stored
    return found

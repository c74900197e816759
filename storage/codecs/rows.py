"""Rows to data classes and back. What is read must carry the tables' column types (`text(...).columns(*table.c)` gives them).

`..._of(row)` reads a row by column names; `..._values(thing)` gives a row's values by column name, ready for Core's `insert`;
`plain(values)` turns those into what a hand-written statement binds: integers for instants, JSON left as lists and mappings.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping

from conversation.model.conversation import Conversation, Priority, State
from conversation.model.message import Attachment, Author, AuthorKind, Direction, Message, Status
from conversation.model.people import Agent, Customer, Identity, Presence, Role, WorkKind
from conversation.model.routing_names import attributes_of, routing_of
from conversation.ports.storage.agents import OnDuty
from conversation.ports.storage.attachments import StoredAttachment
from conversation.ports.storage.rulebooks import Revision
from conversation.ports.storage.visitor_sessions import StoredSession
from storage.codecs.message_extras import extras_of, with_extras
from storage.schema.types import to_micros

Fields = RowMapping | Mapping[str, Any]
Values = dict[str, Any]


def plain(values: Mapping[str, Any]) -> Values:
    """The same values with instants as stored, for statements that know no column types."""
    return {name: to_micros(value) if isinstance(value, datetime) else value for name, value in values.items()}


# -- conversations -----------------------------------------------------------------------------------------------------


def conversation_of(row: Fields) -> Conversation:
    """A row of `conversations`."""
    routing, attributes = routing_of(row["attributes"])
    return Conversation(
        id=row["id"], reference=row["reference"], customer=row["customer_id"], identity=row["identity_id"],
        state=State(row["state"]), queue=row["queue"], kind=WorkKind(row["kind"]), channel=row["channel"],
        channels=tuple(row["channels"]), owner=row["owner_id"], offered_to=row["offered_to"],
        offer_until=row["offer_until"], language=row["language"], language_confidence=row["language_confidence"],
        issue=row["issue"], priority=Priority(row["priority"]), labels=tuple(row["labels"]),
        attributes=attributes, routing=routing, sent_replies=tuple(row["said"]), passed=tuple(row["passed"]), linked=row["linked_id"],
        last_seq=row["last_seq"], last_inbound_at=row["last_inbound_at"], owner_wrote_at=row["owner_wrote_at"],
        waiting_since=row["waiting_since"], due=row["due"], snoozed_until=row["snoozed_until"],
        closed_at=row["closed_at"], created_at=row["created_at"], updated_at=row["updated_at"],
    )  # fmt: skip


def conversation_values(conversation: Conversation) -> Values:
    """All columns of `conversations`."""
    return {
        "id": conversation.id, "reference": conversation.reference, "customer_id": conversation.customer,
        "identity_id": conversation.identity, "state": conversation.state.value, "queue": conversation.queue,
        "kind": conversation.kind.value, "channel": conversation.channel, "channels": list(conversation.channels),
        "owner_id": conversation.owner, "offered_to": conversation.offered_to,
        "offer_until": conversation.offer_until, "language": conversation.language,
        "language_confidence": conversation.language_confidence, "issue": conversation.issue,
        "priority": int(conversation.priority), "labels": list(conversation.labels),
        "attributes": dict(attributes_of(conversation)), "said": list(conversation.sent_replies),
        "passed": list(conversation.passed), "linked_id": conversation.linked, "last_seq": conversation.last_seq,
        "last_inbound_at": conversation.last_inbound_at, "owner_wrote_at": conversation.owner_wrote_at,
        "waiting_since": conversation.waiting_since, "due": conversation.due,
        "snoozed_until": conversation.snoozed_until, "closed_at": conversation.closed_at,
        "created_at": conversation.created_at, "updated_at": conversation.updated_at,
    }  # fmt: skip


# -- messages ----------------------------------------------------------------------------------------------------------


def attachment_from(data: Mapping[str, Any]) -> Attachment:
    """An attachment as it lies in JSON."""
    return Attachment(
        id=data["id"],
        name=data["name"],
        type=data["type"],
        size=data.get("size", 0),
        sha256=data.get("sha256"),
        inline=data.get("inline", False),
        url=data.get("url"),
        fault=data.get("fault"),
    )


def attachment_to(attachment: Attachment) -> Values:
    """An attachment for a JSON column."""
    return {
        "id": attachment.id,
        "name": attachment.name,
        "type": attachment.type,
        "size": attachment.size,
        "sha256": attachment.sha256,
        "inline": attachment.inline,
        "url": attachment.url,
        **({"fault": attachment.fault} if attachment.fault else {}),
    }


def message_of(row: Fields) -> Message:
    """A row of `messages`."""
    message = Message(
        id=row["id"],
        conversation=row["conversation_id"],
        seq=row["seq"],
        direction=Direction(row["direction"]),
        author=Author(kind=AuthorKind(row["author_kind"]), id=row["author_id"], name=row["author_name"]),
        text=row["text"],
        html=row["html"],
        attachments=tuple(map(attachment_from, row["attachments"] or ())),
        channel=row["channel"],
        identity=row["identity_id"],
        status=Status(row["status"]),
        external_id=row["external_id"],
        client_id=row["client_id"],
        sent_at=row["sent_at"],
        feed_seq=row["feed_seq"],
        error=row["error"],
        created_at=row["created_at"],
    )
    return with_extras(message, row["marks"])


def message_values(message: Message, *, body_hash: str | None = None) -> Values:
    """All columns of `messages`."""
    return {
        "id": message.id,
        "conversation_id": message.conversation,
        "seq": message.seq,
        "direction": message.direction.value,
        "channel": message.channel,
        "identity_id": message.identity,
        "external_id": message.external_id,
        "client_id": message.client_id,
        "body_hash": body_hash,
        "author_kind": message.author.kind.value,
        "author_id": message.author.id,
        "author_name": message.author.name,
        "text": message.text,
        "html": message.html,
        "attachments": list(map(attachment_to, message.attachments)) or None,
        "status": message.status.value,
        "error": message.error,
        "feed_seq": message.feed_seq,
        "marks": extras_of(message),
        "sent_at": message.sent_at,
        "created_at": message.created_at,
    }


# -- people ------------------------------------------------------------------------------------------------------------


def customer_of(row: Fields) -> Customer:
    """A row of `customers`."""
    return Customer(
        id=row["id"],
        name=row["name"],
        language=row["language"],
        language_source=row["language_source"],
        verified=row["verified"],
        attributes=row["attributes"],
        created_at=row["created_at"],
    )


def customer_values(customer: Customer, *, now: datetime) -> Values:
    """All columns of `customers`; `now` where the customer is new."""
    return {
        "id": customer.id,
        "name": customer.name,
        "language": customer.language,
        "language_source": customer.language_source,
        "verified": customer.verified,
        "attributes": dict(customer.attributes),
        "created_at": customer.created_at or now,
    }


def identity_of(row: Fields) -> Identity:
    """A row of `identities`."""
    return Identity(
        id=row["id"],
        channel=row["channel"],
        address=row["address"],
        customer=row["customer_id"],
        name=row["name"],
        email=row["email"],
        phone=row["phone"],
        verified=row["verified"],
        reply_until=row["reply_until"],
        reply_token=row["reply_token"],
        blocked_at=row["blocked_at"],
    )


def identity_values(identity: Identity, *, now: datetime) -> Values:
    """The columns of a new row of `identities`; the two cursors start at their defaults."""
    return {
        "id": identity.id,
        "channel": identity.channel,
        "address": identity.address,
        "customer_id": identity.customer,
        "name": identity.name,
        "email": identity.email,
        "phone": identity.phone,
        "verified": identity.verified,
        "reply_until": identity.reply_until,
        "reply_token": identity.reply_token,
        "blocked_at": identity.blocked_at,
        "created_at": now,
    }


def agent_of(
    row: Fields,
    *,
    languages: Mapping[str, int],
    skills: Mapping[str, int],
    queues: Iterable[str],
    capacity: Mapping[WorkKind, int],
) -> Agent:
    """A row of `agents` with what its side tables say."""
    return Agent(
        id=row["id"],
        email=row["email"],
        name=row["name"],
        role=Role(row["role"]),
        languages=languages,
        skills=skills,
        queues=tuple(queues),
        capacity=capacity,
        disabled=row["disabled"],
        created_at=row["created_at"],
    )


def on_duty_of(row: Fields) -> OnDuty:
    """A row of `agent_presence`."""
    return OnDuty(agent=row["agent_id"], presence=Presence(row["presence"]), until=row["until"], since=row["since"])


# -- the rest ----------------------------------------------------------------------------------------------------------


def stored_attachment_of(row: Fields) -> StoredAttachment:
    """A row of `attachments`."""
    attachment = Attachment(id=row["id"], name=row["name"], type=row["type"], size=row["size"], sha256=row["sha256"])
    return StoredAttachment(
        attachment=attachment,
        key=row["key"],
        owner=row["owner"],
        created_at=row["created_at"],
        conversation=row["conversation_id"],
    )


def session_of(row: Fields) -> StoredSession:
    """A row of `visitor_sessions`."""
    return StoredSession(
        id=row["id"],
        channel=row["channel"],
        identity=row["identity_id"],
        language=row["language"],
        claims=row["claims"],
        until=row["until"],
    )


def revision_of(row: Fields) -> Revision:
    """A row of `rulebooks`."""
    return Revision(
        id=row["id"],
        digest=row["digest"],
        source=row["source"],
        author=row["author"],
        at=row["at"],
        active=row["active"],
    )

"""Conversations, the decisions about them, and what agents read and relabelled."""

from sqlalchemy import CheckConstraint, Column, ColumnElement, Float, Index, Integer, SmallInteger, Table, text

from conversation.model.conversation import State
from storage.schema.types import Id, Instant, Json, Name, metadata

conversation_reads = Table(
    "conversation_reads",
    metadata,
    Column("agent_id", Id, primary_key=True),
    Column("conversation_id", Id, primary_key=True),
    Column("seq", Integer, nullable=False),
)

conversations = Table(
    "conversations",
    metadata,
    Column("id", Id, primary_key=True),
    Column("reference", Name, nullable=False, unique=True),
    Column("customer_id", Id, nullable=False),
    Column("identity_id", Id),
    Column("state", Name, nullable=False),
    Column("queue", Name, nullable=False),
    Column("kind", Name, nullable=False),
    Column("channel", Name, nullable=False),
    Column("channels", Json, nullable=False),
    Column("owner_id", Id),
    Column("offered_to", Id),
    Column("offer_until", Instant),
    Column("held_since", Instant),  # when its holder got it: grace counts from then at the earliest
    Column("language", Name),
    Column("language_confidence", Float, nullable=False, server_default=text("0")),
    Column("issue", Name),
    Column("priority", SmallInteger, nullable=False),
    Column("labels", Json, nullable=False),
    Column("attributes", Json, nullable=False),
    Column("said", Json, nullable=False),
    Column("passed", Json, nullable=False),
    Column("linked_id", Id),
    Column("last_seq", Integer, nullable=False, server_default=text("0")),
    Column("last_inbound_at", Instant),
    Column("owner_wrote_at", Instant),
    Column("waiting_since", Instant),
    Column("due", Instant),
    Column("snoozed_until", Instant),
    Column("closed_at", Instant),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    CheckConstraint(f"state IN ({', '.join(repr(state.value) for state in State)})", name="state"),
    CheckConstraint("(state = 'offered') = (offered_to IS NOT NULL)", name="offered"),
    CheckConstraint("state <> 'assigned' OR owner_id IS NOT NULL", name="assigned"),
    CheckConstraint("state NOT IN ('waiting', 'offered', 'closed') OR owner_id IS NULL", name="unowned"),
)
IS_OPEN: ColumnElement[bool] = conversations.c.state != State.CLOSED.value
IS_WAITING: ColumnElement[bool] = conversations.c.state == State.WAITING.value
Index(
    "ix_conversations_waiting",
    conversations.c.queue,
    conversations.c.priority.desc(),
    conversations.c.waiting_since,
    conversations.c.id,
    postgresql_where=text("state = 'waiting'"),
    sqlite_where=text("state = 'waiting'"),
)
Index("ix_conversations_customer", conversations.c.customer_id, conversations.c.updated_at.desc())
Index("ix_conversations_updated", conversations.c.updated_at.desc(), conversations.c.id)
Index(
    "ix_conversations_owner",
    conversations.c.owner_id,
    postgresql_where=text("owner_id IS NOT NULL"),
    sqlite_where=text("owner_id IS NOT NULL"),
)
Index(
    "ix_conversations_offered",
    conversations.c.offered_to,
    postgresql_where=text("offered_to IS NOT NULL"),
    sqlite_where=text("offered_to IS NOT NULL"),
)
Index(
    "ix_conversations_snoozed",
    conversations.c.snoozed_until,
    postgresql_where=text("state = 'snoozed'"),
    sqlite_where=text("state = 'snoozed'"),
)

decisions = Table(
    "decisions",
    metadata,
    Column("id", Id, primary_key=True),
    Column("conversation_id", Id, nullable=False),
    Column("message_id", Id, nullable=False),
    Column("revision", Id, nullable=False),
    Column("facts", Name, nullable=False),  # JSON as text: written whole and read whole
    Column("decision", Name, nullable=False),
    Column("at", Instant, nullable=False),
)
Index("ix_decisions_conversation", decisions.c.conversation_id, decisions.c.id)

relabels = Table(
    "relabels",
    metadata,
    Column("id", Id, primary_key=True),
    Column("conversation_id", Id, nullable=False, index=True),
    Column("agent_id", Id, nullable=False),
    Column("language", Name),
    Column("issue", Name),
    Column("at", Instant, nullable=False),
)

"""The event feed with its counter, the audit log, leases."""

from sqlalchemy import BigInteger, Column, Integer, Table, Text

from storage.schema.types import Id, Instant, Json, Name, metadata

counters = Table(
    "counters",
    metadata,
    Column("name", Name, primary_key=True),
    Column("value", BigInteger, nullable=False),
)

events = Table(
    "events",
    metadata,
    Column("cursor", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("type", Name, nullable=False),
    Column("conversation_id", Id),
    Column("message_id", Id),
    Column("queue", Name),
    Column("was_queue", Name),
    Column("owner_id", Id),
    Column("agent_id", Id),
    Column("data", Json, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Id, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Name, nullable=False),
    Column("subject", Text, nullable=False),
    Column("data", Json, nullable=False),
)

leases = Table(
    "leases",
    metadata,
    Column("name", Name, primary_key=True),
    Column("owner", Name, nullable=False),
    Column("until", Instant, nullable=False),
    Column("epoch", Integer, nullable=False),
)

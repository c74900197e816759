"""Agents: languages, skills, capacity, presence, tokens."""

from sqlalchemy import Boolean, CheckConstraint, Column, ForeignKey, Integer, SmallInteger, Table, Text, text

from storage.schema.types import Id, Instant, Name, metadata

agents = Table(
    "agents",
    metadata,
    Column("id", Id, primary_key=True),
    Column("email", Text, nullable=False, unique=True),  # lower case
    Column("name", Text, nullable=False),
    Column("role", Name, nullable=False),
    Column("password_hash", Text),
    Column("disabled", Boolean, nullable=False, server_default=text("false")),
    Column("created_at", Instant, nullable=False),
    Column("last_offered_at", Instant),  # round robin
    Column("idle_since", Instant, nullable=False),  # longest idle: when they last gave work away
)

agent_languages = Table(
    "agent_languages",
    metadata,
    Column("agent_id", Id, ForeignKey("agents.id", ondelete="CASCADE"), primary_key=True),
    Column("language", Name, primary_key=True),
    Column("level", SmallInteger, nullable=False),
    CheckConstraint("level BETWEEN 1 AND 5", name="level"),
)

agent_skills = Table(
    "agent_skills",
    metadata,
    Column("agent_id", Id, ForeignKey("agents.id", ondelete="CASCADE"), primary_key=True),
    Column("skill", Name, primary_key=True),
    Column("level", SmallInteger, nullable=False),
    CheckConstraint("level BETWEEN 1 AND 5", name="level"),
)

agent_queues = Table(
    "agent_queues",
    metadata,
    Column("agent_id", Id, ForeignKey("agents.id", ondelete="CASCADE"), primary_key=True),
    Column("queue", Name, primary_key=True),
)

# held counts offered and assigned conversations of that kind; one row for each agent and kind
agent_load = Table(
    "agent_load",
    metadata,
    Column("agent_id", Id, ForeignKey("agents.id", ondelete="CASCADE"), primary_key=True),
    Column("kind", Name, primary_key=True),
    Column("held", Integer, nullable=False, server_default=text("0")),
    Column("cap", Integer, nullable=False),
    CheckConstraint("held >= 0", name="held"),
    CheckConstraint("cap >= 0", name="cap"),
)

agent_presence = Table(
    "agent_presence",
    metadata,
    Column("agent_id", Id, ForeignKey("agents.id", ondelete="CASCADE"), primary_key=True),
    Column("presence", Name, nullable=False),
    Column("until", Instant, nullable=False),
    Column("since", Instant, nullable=False),
)

agent_tokens = Table(
    "agent_tokens",
    metadata,
    Column("digest", Name, primary_key=True),  # sha256 hex of the token
    Column("agent_id", Id, ForeignKey("agents.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("kind", Name, nullable=False),  # bearer, session, login
    Column("prefix", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("until", Instant),
    Column("used_at", Instant),
)

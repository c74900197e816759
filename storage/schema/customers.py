"""Customers, their identities, and the sessions of chat visitors."""

from sqlalchemy import Boolean, Column, Index, Integer, Table, Text, UniqueConstraint, text

from storage.schema.types import Id, Instant, Json, Name, metadata

customers = Table(
    "customers",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Text),
    Column("language", Name),
    Column("language_source", Name),
    Column("verified", Boolean, nullable=False, server_default=text("false")),
    Column("attributes", Json, nullable=False),
    Column("created_at", Instant, nullable=False),
)

identities = Table(
    "identities",
    metadata,
    Column("id", Id, primary_key=True),
    Column("channel", Name, nullable=False),
    Column("address", Name, nullable=False),
    Column("customer_id", Id, nullable=False, index=True),
    Column("name", Text),
    Column("email", Text),
    Column("phone", Text),
    Column("verified", Boolean, nullable=False, server_default=text("false")),
    Column("feed_seq", Integer, nullable=False, server_default=text("0")),  # last given, see messages.feed_seq
    Column("seen_seq", Integer, nullable=False, server_default=text("0")),
    Column("reply_until", Instant),  # the end of the medium's window for answers
    Column("reply_token", Text),
    Column("blocked_at", Instant),
    Column("contact_at", Instant),  # of the newest news whether they can be reached
    Column("window_told", Instant),  # the reply_until of whose end agents were warned
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("channel", "address"),
)
Index(
    "ix_identities_reply_until",
    identities.c.reply_until,
    postgresql_where=text("reply_until IS NOT NULL"),
    sqlite_where=text("reply_until IS NOT NULL"),
)

# further addresses of the same person on the same account; one that stands here wins over an identity of that address
identity_aliases = Table(
    "identity_aliases",
    metadata,
    Column("channel", Name, primary_key=True),
    Column("address", Name, primary_key=True),
    Column("identity_id", Id, nullable=False, index=True),
    Column("created_at", Instant, nullable=False),
)

visitor_sessions = Table(
    "visitor_sessions",
    metadata,
    Column("digest", Name, primary_key=True),
    Column("id", Id, nullable=False),
    Column("channel", Name, nullable=False),
    Column("identity_id", Id, nullable=False, index=True),
    Column("language", Name),
    Column("claims", Json, nullable=False),
    Column("until", Instant, nullable=False),
    Column("created_at", Instant, nullable=False),
)

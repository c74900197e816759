"""Unreadable input and the positions of mailboxes and pollers."""

from sqlalchemy import Column, Integer, LargeBinary, Table, Text, UniqueConstraint, text

from storage.schema.types import Id, Instant, Json, Name, metadata

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", Id, primary_key=True),
    Column("channel", Name, nullable=False),
    Column("sha256", Name, nullable=False),
    Column("size", Integer, nullable=False),
    Column("code", Name, nullable=False),
    Column("reason", Text, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("headers", Json, nullable=False),
    Column("times", Integer, nullable=False, server_default=text("1")),
    Column("first_at", Instant, nullable=False),
    Column("last_at", Instant, nullable=False),
    Column("replayed_at", Instant),
    UniqueConstraint("channel", "sha256"),
)

cursors = Table(
    "cursors",
    metadata,
    Column("channel", Name, primary_key=True),
    Column("cursor", Json, nullable=False),
    Column("at", Instant, nullable=False),
)

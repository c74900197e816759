"""Revisions of the rulebook, overrides of hours, issue classifiers."""

from sqlalchemy import Boolean, Column, Index, Integer, LargeBinary, Table, Text, text

from storage.schema.types import Id, Instant, Json, Name, metadata

rulebooks = Table(
    "rulebooks",
    metadata,
    Column("id", Id, primary_key=True),
    Column("digest", Name, nullable=False, unique=True),
    Column("source", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("active", Boolean, nullable=False, server_default=text("false")),
)
Index(
    "uq_rulebooks_active",
    rulebooks.c.active,
    unique=True,
    postgresql_where=text("active"),
    sqlite_where=text("active"),
)

overrides = Table(
    "overrides",
    metadata,
    Column("id", Id, primary_key=True),
    Column("calendar", Name, nullable=False),
    Column("open", Boolean, nullable=False),
    Column("since", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Column("reason", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("cleared_at", Instant),
)
Index("ix_overrides_until", overrides.c.until)

# classifiers of issues: `before` is the one that was active when this one was activated, so that one command goes back
models = Table(
    "models",
    metadata,
    Column("id", Id, primary_key=True),
    Column("trained_at", Instant, nullable=False),
    Column("author", Text, nullable=False),
    Column("labels", Integer, nullable=False),
    Column("own", Integer, nullable=False),
    Column("card", Json, nullable=False),
    Column("weights", LargeBinary, nullable=False),
    Column("active", Boolean, nullable=False, server_default=text("false")),
    Column("before_id", Id),
)
Index(
    "uq_models_active",
    models.c.active,
    unique=True,
    postgresql_where=text("active"),
    sqlite_where=text("active"),
)

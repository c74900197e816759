"""The outbox, and what is sent by mail when nobody read it."""

from sqlalchemy import CheckConstraint, Column, Index, Integer, Table, Text, text

from storage.schema.types import Id, Instant, Json, Name, metadata

outbox = Table(
    "outbox",
    metadata,
    Column("id", Id, primary_key=True),  # UUIDv7: the order of a conversation
    Column("effect", Name, nullable=False),
    Column("target", Name, nullable=False),
    Column("conversation_id", Id),
    Column("message_id", Id),
    Column("body", Json, nullable=False),  # the OutboundMessage or the webhook's payload
    Column("state", Name, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("at", Instant, nullable=False),
    Column("give_up_at", Instant),
    Column("lease_owner", Name),
    Column("lease_until", Instant),
    Column("epoch", Integer, nullable=False, server_default=text("0")),
    Column("sent", Json),
    Column("error", Text),
    Column("created_at", Instant, nullable=False),
    Column("finished_at", Instant),
    CheckConstraint("state IN ('queued', 'sending', 'sent', 'failed', 'uncertain', 'parked')", name="state"),
)
Index(
    "ix_outbox_due",
    outbox.c.target,
    outbox.c.at,
    outbox.c.id,
    postgresql_where=text("state = 'queued'"),
    sqlite_where=text("state = 'queued'"),
)

_UNSETTLED = text("state IN ('queued', 'sending', 'uncertain', 'parked')")
Index(
    "ix_outbox_head",
    outbox.c.conversation_id,
    outbox.c.id,
    postgresql_where=_UNSETTLED,
    sqlite_where=_UNSETTLED,
)
Index(
    "ix_outbox_lease",
    outbox.c.lease_until,
    postgresql_where=text("state = 'sending'"),
    sqlite_where=text("state = 'sending'"),
)
Index("ix_outbox_message", outbox.c.message_id)

# what agents said and nobody read yet: due by mail at that instant; up to `mailed` (a feed_seq) it was sent
follow_ups = Table(
    "follow_ups",
    metadata,
    Column("conversation_id", Id, primary_key=True),
    Column("identity_id", Id, primary_key=True),
    Column("at", Instant),
    Column("mailed", Integer, nullable=False, server_default=text("0")),
)
Index(
    "ix_follow_ups_at",
    follow_ups.c.at,
    postgresql_where=text("at IS NOT NULL"),
    sqlite_where=text("at IS NOT NULL"),
)
Index("ix_follow_ups_identity", follow_ups.c.identity_id)

"""Messages, delivery reports and edits that came early, attachments."""

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text, UniqueConstraint, text

from storage.schema.types import Id, Instant, Json, Name, metadata

messages = Table(
    "messages",
    metadata,
    Column("id", Id, primary_key=True),
    Column("conversation_id", Id, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("direction", Name, nullable=False),
    Column("channel", Name),
    Column("identity_id", Id),
    Column("external_id", Name),
    Column("client_id", Name),
    Column("body_hash", Name),
    Column("author_kind", Name, nullable=False),
    Column("author_id", Id),
    Column("author_name", Text),
    Column("text", Text, nullable=False),
    Column("html", Text),
    Column("attachments", Json),
    Column("status", Name, nullable=False),
    Column("error", Text),
    Column("feed_seq", Integer),
    Column("marks", Json),  # edited, retracted, reactions ...: what a medium reports about few messages
    Column("sent_at", Instant),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("conversation_id", "seq"),
)

# for ever: erasing a customer empties the row and keeps this key
Index(
    "uq_messages_channel_external_id",
    messages.c.channel,
    messages.c.external_id,
    unique=True,
    postgresql_where=text("external_id IS NOT NULL"),
    sqlite_where=text("external_id IS NOT NULL"),
)
Index(
    "uq_messages_conversation_id_client_id",
    messages.c.conversation_id,
    messages.c.client_id,
    unique=True,
    postgresql_where=text("client_id IS NOT NULL"),
    sqlite_where=text("client_id IS NOT NULL"),
)
Index(
    "uq_messages_identity_id_feed_seq",
    messages.c.identity_id,
    messages.c.feed_seq,
    unique=True,
    postgresql_where=text("feed_seq IS NOT NULL"),
    sqlite_where=text("feed_seq IS NOT NULL"),
)

# receipts that overtook the send call: kept until the message's external id is known
early_reports = Table(
    "early_reports",
    metadata,
    Column("channel", Name, primary_key=True),
    Column("external_id", Name, primary_key=True),
    Column("status", Name, nullable=False),
    Column("error", Text),
    Column("at", Instant, nullable=False),
)

# everything that was sent to somebody up to an instant has this status: also what is known to be sent only later
watermarks = Table(
    "watermarks",
    metadata,
    Column("identity_id", Id, primary_key=True),
    Column("status", Name, primary_key=True),
    Column("up_to", Instant, nullable=False),
)

# retractions and reactions that overtook their message: kept until it comes
early_updates = Table(
    "early_marks",
    metadata,
    Column("channel", Name, primary_key=True),
    Column("external_id", Name, primary_key=True),
    Column("kind", Name, primary_key=True),  # retracted, reacted
    Column("who", Name, primary_key=True),  # the address of who reacted
    Column("emoji", Text),
    Column("at", Instant, nullable=False),
)

# the providers' ids of an outbound message's parts but the first, which the message itself has
message_parts = Table(
    "message_parts",
    metadata,
    Column("channel", Name, primary_key=True),
    Column("external_id", Name, primary_key=True),
    Column("message_id", Id, nullable=False, index=True),
)

attachments = Table(
    "attachments",
    metadata,
    Column("id", Id, primary_key=True),
    Column("key", Name, nullable=False),
    Column("sha256", Name, nullable=False),
    Column("name", Text, nullable=False),
    Column("type", Name, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("owner", Id, nullable=False),
    Column("conversation_id", Id, index=True),
    Column("created_at", Instant, nullable=False),
)

# files that still lie with a provider: fetched after the commit, under a lease, until there or given up
fetches = Table(
    "fetches",
    metadata,
    Column("id", Id, primary_key=True),  # the attachment's
    Column("message_id", Id, nullable=False, index=True),
    Column("channel", Name, nullable=False),
    Column("url", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("type", Name, nullable=False),
    Column("at", Instant),  # when it is due; NULL once it is settled
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("created_at", Instant, nullable=False),
)
Index(
    "ix_fetches_at",
    fetches.c.at,
    postgresql_where=text("at IS NOT NULL"),
    sqlite_where=text("at IS NOT NULL"),
)

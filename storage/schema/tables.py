"""The tables. Ids are UUIDv7 as text, instants are integers (microseconds since 1970 in UTC): the same on both databases.

No foreign keys on the hot tables (messages, decisions, events, outbox): they would cost a row lock each and all their rows are
written by `storage` in the transaction that wrote what they point to. Ownership and capacity are held by constraints.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import JSON

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_micros(at: datetime) -> int:
    """An aware instant as stored."""
    return (at - EPOCH) // _MICROSECOND


def from_micros(stored: int) -> datetime:
    """A stored instant, aware, in UTC."""
    return EPOCH + timedelta(microseconds=stored)


class Instant(TypeDecorator[datetime]):
    """An aware datetime, stored as microseconds since 1970 in UTC."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:  # noqa: ARG002
        """Into the database."""
        return None if value is None else to_micros(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Out of the database."""
        return None if value is None else from_micros(value)


# byte order on PostgreSQL too: ids sort by time, and comparing them needs no locale
Id = String(36).with_variant(Text(collation="C"), "postgresql")
Name = Text().with_variant(Text(collation="C"), "postgresql")
# None is SQL NULL, never the JSON word null
Json = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# -- people ------------------------------------------------------------------------------------------------------------

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
    Column("window_told", Instant),  # the reply_until of whose end agents were told beforehand
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
    Column("idle_since", Instant, nullable=False),  # longest idle: when the last work left their hands
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

conversation_reads = Table(
    "conversation_reads",
    metadata,
    Column("agent_id", Id, primary_key=True),
    Column("conversation_id", Id, primary_key=True),
    Column("seq", Integer, nullable=False),
)

# -- conversations -----------------------------------------------------------------------------------------------------

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
    CheckConstraint("state IN ('waiting', 'offered', 'assigned', 'snoozed', 'closed')", name="state"),
    CheckConstraint("(state = 'offered') = (offered_to IS NOT NULL)", name="offered"),
    CheckConstraint("state <> 'assigned' OR owner_id IS NOT NULL", name="assigned"),
    CheckConstraint("state NOT IN ('waiting', 'offered', 'closed') OR owner_id IS NULL", name="unowned"),
)
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
    Column("marks", Json),  # edited, retracted, reactions ...: what a medium tells of few messages
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
early_marks = Table(
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

# -- what leaves and what is told --------------------------------------------------------------------------------------

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
_UNSETTLED = text("state IN ('queued', 'sending', 'uncertain', 'parked')")
Index(
    "ix_outbox_due",
    outbox.c.target,
    outbox.c.at,
    outbox.c.id,
    postgresql_where=text("state = 'queued'"),
    sqlite_where=text("state = 'queued'"),
)
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

# -- the rest ----------------------------------------------------------------------------------------------------------

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

leases = Table(
    "leases",
    metadata,
    Column("name", Name, primary_key=True),
    Column("owner", Name, nullable=False),
    Column("until", Instant, nullable=False),
    Column("epoch", Integer, nullable=False),
)

cursors = Table(
    "cursors",
    metadata,
    Column("channel", Name, primary_key=True),
    Column("cursor", Json, nullable=False),
    Column("at", Instant, nullable=False),
)

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

# -- calls that customers asked for ------------------------------------------------------------------------------------

callbacks = Table(
    "callbacks",
    metadata,
    Column("id", Id, primary_key=True),
    Column("conversation_id", Id, nullable=False, index=True),
    Column("channel", Name, nullable=False),
    Column("number", Name, nullable=False),  # E.164
    Column("extension", Name, nullable=False),
    Column("matter", Name, nullable=False),  # the issue, "" where none was told
    Column("zones", Json, nullable=False),
    Column("language", Name),
    Column("name", Text),
    Column("note", Text),
    Column("state", Name, nullable=False),
    Column("open", Boolean, nullable=False),
    Column("slot_at", Instant),
    Column("slot_end", Instant),
    Column("slot_local", Name),  # the wall time that was promised
    Column("due_at", Instant),
    Column("due_since", Instant),
    Column("asked_at", Instant, nullable=False),
    Column("outcomes", Json, nullable=False),
    Column("remind_at", Instant),
    Column("missed", Boolean, nullable=False),
    Column("consent_at", Instant),
    Column("version", Integer, nullable=False),
    Column("updated_at", Instant, nullable=False),
)
# one open request for each number and matter: a second one changes the first
Index(
    "uq_callbacks_open",
    callbacks.c.number,
    callbacks.c.extension,
    callbacks.c.matter,
    unique=True,
    postgresql_where=text("open"),
    sqlite_where=text("open"),
)
Index("ix_callbacks_due", callbacks.c.due_at, postgresql_where=text("open"), sqlite_where=text("open"))
Index("ix_callbacks_remind", callbacks.c.remind_at, postgresql_where=text("open"), sqlite_where=text("open"))

# one row for each slot somebody asked for: its lock makes bookings of it wait for one another, its check is the last word
callback_slots = Table(
    "callback_slots",
    metadata,
    Column("queue", Name, primary_key=True),
    Column("at", Instant, primary_key=True),
    Column("taken", Integer, nullable=False),
    Column("capacity", Integer, nullable=False),
    CheckConstraint("taken BETWEEN 0 AND capacity", name="taken"),
)

callback_bookings = Table(
    "callback_bookings",
    metadata,
    Column("id", Id, primary_key=True),  # the callback's, or while it is only held the request's
    Column("queue", Name, nullable=False),
    Column("at", Instant, nullable=False),
    Column("language", Name, nullable=False),
    Column("held_until", Instant),  # None: booked for good
)
Index("ix_callback_bookings_slot", callback_bookings.c.queue, callback_bookings.c.at)

callback_attempts = Table(
    "callback_attempts",
    metadata,
    Column("id", Id, primary_key=True),
    Column("callback_id", Id, nullable=False),
    Column("number", Integer, nullable=False),
    Column("agent_id", Id),
    Column("dialer", Name, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("dialed_at", Instant),
    Column("connected_at", Instant),
    Column("ended_at", Instant),
    Column("outcome", Name),
    Column("provider_id", Name),
    Column("note", Text),
    UniqueConstraint("callback_id", "number"),
)
# at most one call at a time
Index(
    "uq_callback_attempts_on_the_line",
    callback_attempts.c.callback_id,
    unique=True,
    postgresql_where=text("ended_at IS NULL"),
    sqlite_where=text("ended_at IS NULL"),
)

# requests that wait for a one-time code; forgotten a day after it ended
call_codes = Table(
    "call_codes",
    metadata,
    Column("id", Id, primary_key=True),  # the request's
    Column("number", Name, nullable=False),  # E.164
    Column("request", Json, nullable=False),  # the CallbackRequested
    Column("carrier", Name),  # the account that carried it to the number; None: said in the conversation
    Column("digest", Name, nullable=False),
    Column("sent_at", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Column("sendings", Integer, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("callback_id", Id),  # once the code came back
)
Index("ix_call_codes_number", call_codes.c.number, call_codes.c.sent_at)

do_not_call = Table(
    "do_not_call",
    metadata,
    Column("number", Name, primary_key=True),  # E.164
    Column("reason", Text, nullable=False),
    Column("at", Instant, nullable=False),
)

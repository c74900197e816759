"""Phone callbacks: requests, slots, attempts, one-time codes, the do-not-call list."""

from sqlalchemy import Boolean, CheckConstraint, Column, Index, Integer, Table, Text, UniqueConstraint, text

from storage.schema.types import Id, Instant, Json, Name, metadata

callbacks = Table(
    "callbacks",
    metadata,
    Column("id", Id, primary_key=True),
    Column("conversation_id", Id, nullable=False, index=True),
    Column("channel", Name, nullable=False),
    Column("number", Name, nullable=False),  # E.164
    Column("extension", Name, nullable=False),
    Column("matter", Name, nullable=False),  # the issue, "" where none was named
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

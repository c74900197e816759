"""Calls that customers asked for: requests, slots and their bookings, tries, and numbers that are never called."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"

ID = sa.String(36).with_variant(sa.Text(collation="C"), "postgresql")
NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
OPEN = sa.text("open")
ON_THE_LINE = sa.text("ended_at IS NULL")


def upgrade() -> None:
    _requests()
    _slots()
    _attempts()
    op.create_table(
        "do_not_call",
        sa.Column("number", NAME, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_do_not_call")),
    )


def _requests() -> None:
    op.create_table(
        "callbacks",
        sa.Column("id", ID, nullable=False),
        sa.Column("conversation_id", ID, nullable=False),
        *(sa.Column(name, NAME, nullable=False) for name in ("channel", "number", "extension", "matter")),
        sa.Column("zones", JSON, nullable=False),
        sa.Column("language", NAME, nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("state", NAME, nullable=False),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.Column("slot_at", sa.BigInteger(), nullable=True),
        sa.Column("slot_end", sa.BigInteger(), nullable=True),
        sa.Column("slot_local", NAME, nullable=True),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("outcomes", JSON, nullable=False),
        sa.Column("remind_at", sa.BigInteger(), nullable=True),
        sa.Column("missed", sa.Boolean(), nullable=False),
        sa.Column("consent_at", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_callbacks")),
    )
    op.create_index("ix_callbacks_conversation_id", "callbacks", ["conversation_id"])
    _while_open("uq_callbacks_open", "number", "extension", "matter", unique=True)
    _while_open("ix_callbacks_due", "due_at")
    _while_open("ix_callbacks_remind", "remind_at")


def _while_open(name: str, *columns: str, unique: bool = False) -> None:
    op.create_index(name, "callbacks", [*columns], unique=unique, postgresql_where=OPEN, sqlite_where=OPEN)


def _slots() -> None:
    op.create_table(
        "callback_slots",
        sa.Column("queue", NAME, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("taken", sa.Integer(), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.CheckConstraint("taken BETWEEN 0 AND capacity", name=op.f("ck_callback_slots_taken")),
        sa.PrimaryKeyConstraint("queue", "at", name=op.f("pk_callback_slots")),
    )
    op.create_table(
        "callback_bookings",
        sa.Column("id", ID, nullable=False),
        sa.Column("queue", NAME, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("language", NAME, nullable=False),
        sa.Column("held_until", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_callback_bookings")),
    )
    op.create_index("ix_callback_bookings_slot", "callback_bookings", ["queue", "at"])


def _attempts() -> None:
    op.create_table(
        "callback_attempts",
        sa.Column("id", ID, nullable=False),
        sa.Column("callback_id", ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("agent_id", ID, nullable=True),
        sa.Column("dialer", NAME, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=True) for name in ("dialed_at", "connected_at", "ended_at")),
        sa.Column("outcome", NAME, nullable=True),
        sa.Column("provider_id", NAME, nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_callback_attempts")),
        sa.UniqueConstraint("callback_id", "number", name=op.f("uq_callback_attempts_callback_id_number")),
    )
    op.create_index(
        "uq_callback_attempts_on_the_line",
        "callback_attempts",
        ["callback_id"],
        unique=True,
        postgresql_where=ON_THE_LINE,
        sqlite_where=ON_THE_LINE,
    )


def downgrade() -> None:
    for table in ("do_not_call", "callback_attempts", "callback_bookings", "callback_slots", "callbacks"):
        op.drop_table(table)

"""What media report besides messages: windows for answers, further addresses, edits and retractions, files that lie elsewhere."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"

ID = sa.String(36).with_variant(sa.Text(collation="C"), "postgresql")
NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
WAITS = sa.text("at IS NOT NULL")
WINDOW = sa.text("reply_until IS NOT NULL")


def upgrade() -> None:
    op.add_column("messages", sa.Column("marks", JSON, nullable=True))
    for name in ("reply_until", "blocked_at", "contact_at", "window_told"):
        op.add_column("identities", sa.Column(name, sa.BigInteger(), nullable=True))
    op.add_column("identities", sa.Column("reply_token", sa.Text(), nullable=True))
    op.create_index(
        "ix_identities_reply_until", "identities", ["reply_until"], postgresql_where=WINDOW, sqlite_where=WINDOW
    )
    _people()
    _early()
    _fetches()


def _people() -> None:
    op.create_table(
        "identity_aliases",
        sa.Column("channel", NAME, nullable=False),
        sa.Column("address", NAME, nullable=False),
        sa.Column("identity_id", ID, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("channel", "address", name=op.f("pk_identity_aliases")),
    )
    op.create_index(op.f("ix_identity_aliases_identity_id"), "identity_aliases", ["identity_id"])
    op.create_table(
        "watermarks",
        sa.Column("identity_id", ID, nullable=False),
        sa.Column("status", NAME, nullable=False),
        sa.Column("up_to", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("identity_id", "status", name=op.f("pk_watermarks")),
    )


def _early() -> None:
    op.create_table(
        "early_marks",
        sa.Column("channel", NAME, nullable=False),
        sa.Column("external_id", NAME, nullable=False),
        sa.Column("kind", NAME, nullable=False),
        sa.Column("who", NAME, nullable=False),
        sa.Column("emoji", sa.Text(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("channel", "external_id", "kind", "who", name=op.f("pk_early_marks")),
    )
    op.create_table(
        "message_parts",
        sa.Column("channel", NAME, nullable=False),
        sa.Column("external_id", NAME, nullable=False),
        sa.Column("message_id", ID, nullable=False),
        sa.PrimaryKeyConstraint("channel", "external_id", name=op.f("pk_message_parts")),
    )
    op.create_index(op.f("ix_message_parts_message_id"), "message_parts", ["message_id"])


def _fetches() -> None:
    op.create_table(
        "fetches",
        sa.Column("id", ID, nullable=False),
        sa.Column("message_id", ID, nullable=False),
        sa.Column("channel", NAME, nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("type", NAME, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fetches")),
    )
    op.create_index(op.f("ix_fetches_message_id"), "fetches", ["message_id"])
    op.create_index("ix_fetches_at", "fetches", ["at"], postgresql_where=WAITS, sqlite_where=WAITS)


def downgrade() -> None:
    for name in ("fetches", "message_parts", "early_marks", "watermarks", "identity_aliases"):
        op.drop_table(name)
    op.drop_index("ix_identities_reply_until", "identities")
    with op.batch_alter_table("identities") as table:
        for name in ("reply_until", "blocked_at", "contact_at", "window_told", "reply_token"):
            table.drop_column(name)
    with op.batch_alter_table("messages") as table:
        table.drop_column("marks")

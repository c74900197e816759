"""Requests to be called that wait for a one-time code."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"

ID = sa.String(36).with_variant(sa.Text(collation="C"), "postgresql")
NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    op.create_table(
        "call_codes",
        sa.Column("id", ID, nullable=False),
        sa.Column("number", NAME, nullable=False),
        sa.Column("request", JSON, nullable=False),
        sa.Column("carrier", NAME, nullable=True),
        sa.Column("digest", NAME, nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("sendings", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("callback_id", ID, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_call_codes")),
    )
    op.create_index("ix_call_codes_number", "call_codes", ["number", "sent_at"])


def downgrade() -> None:
    op.drop_table("call_codes")

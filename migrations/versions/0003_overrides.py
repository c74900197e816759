"""Emergency overrides of hours: a calendar open or closed until some time, whatever is written. Never deleted, only cleared."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

ID = sa.String(36).with_variant(sa.Text(collation="C"), "postgresql")
NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "overrides",
        sa.Column("id", ID, nullable=False),
        sa.Column("calendar", NAME, nullable=False),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("cleared_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_overrides")),
    )
    op.create_index("ix_overrides_until", "overrides", ["until"])


def downgrade() -> None:
    op.drop_table("overrides")

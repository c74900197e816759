"""What agents said in a chat and nobody has read yet: it goes by mail to those who left an address."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

ID = sa.String(36).with_variant(sa.Text(collation="C"), "postgresql")
WAITS = sa.text("at IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "follow_ups",
        sa.Column("conversation_id", ID, nullable=False),
        sa.Column("identity_id", ID, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=True),
        sa.Column("mailed", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("conversation_id", "identity_id", name=op.f("pk_follow_ups")),
    )
    op.create_index("ix_follow_ups_at", "follow_ups", ["at"], postgresql_where=WAITS, sqlite_where=WAITS)
    op.create_index("ix_follow_ups_identity", "follow_ups", ["identity_id"])


def downgrade() -> None:
    op.drop_table("follow_ups")

"""Since when a call waits for an agent: what expires is counted from there."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("callbacks", sa.Column("due_since", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("callbacks", "due_since")

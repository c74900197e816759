"""Which programs may serve this schema: nodes are replaced one by one."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
oldest_program = "0010"  # a program of 0009 serves 0009 alone

NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table("schema_compatibility", sa.Column("oldest_program", NAME, primary_key=True))


def downgrade() -> None:
    op.drop_table("schema_compatibility")

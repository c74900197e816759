"""Who was alerted about a conversation, by webhook: an earlier form was one instant for all."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
oldest_program = "0010"  # it reads both forms, and writes the newer one

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
_conversations = sa.table("conversations", sa.column("id", sa.Text()), sa.column("attributes", JSON))
_outbox = sa.table("outbox", sa.column("conversation_id"), sa.column("effect"), sa.column("target"))
_BATCH = 500


def upgrade() -> None:
    connection = op.get_bind()
    row = _conversations.c
    an_instant = row.attributes["paged"].as_string().like("2%")
    after = ""
    while found := connection.execute(
        sa.select(row.id, row.attributes)
        .where(row.id > after, an_instant)
        .order_by(row.id)
        .limit(_BATCH)
        .with_for_update()
    ).all():
        for identifier, attributes in found:
            webhooks = _alerted(connection, identifier, attributes)
            if webhooks:  # else it stays: nobody knows who was alerted
                value = {**attributes, "paged": dict.fromkeys(webhooks, attributes["paged"])}
                connection.execute(_conversations.update().where(row.id == identifier).values(attributes=value))
        after = found[-1].id


def _alerted(connection: sa.Connection, conversation: str, attributes: dict[str, Any]) -> list[str]:
    """Whom a rule named, and who was called about this conversation."""
    outbox, wish = _outbox.c, attributes.get("page")
    called = (
        sa.select(outbox.target).distinct().where(outbox.conversation_id == conversation, outbox.effect == "webhook")
    )
    named = {wish["webhook"]} if isinstance(wish, dict) and "webhook" in wish else set()
    return sorted(named.union(connection.execute(called).scalars()))


def downgrade() -> None:
    """The newer form is read by every release since 0010."""

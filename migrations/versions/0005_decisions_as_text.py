"""Facts and decisions as text: nothing in the database looks inside, and taking them apart cost more than storing them."""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_PAGE = 500
_PRIORITIES = {"low": 0, "normal": 1, "high": 2, "urgent": 3}


def upgrade() -> None:
    with op.batch_alter_table("decisions") as table:
        for name in ("facts", "decision"):
            table.alter_column(name, type_=_TEXT, existing_nullable=False, postgresql_using=f"CAST({name} AS text)")
    _reword(op.get_bind())


def _reword(connection: sa.Connection) -> None:
    """Priorities are numbers, as elsewhere in the store; what an issue still asks for follows from the other facts."""
    read = sa.text("SELECT id, facts, decision FROM decisions WHERE id > :after ORDER BY id LIMIT :page")
    write = sa.text("UPDATE decisions SET facts = :facts, decision = :decision WHERE id = :id")
    after = ""
    while rows := connection.execute(read, {"after": after, "page": _PAGE}).all():
        for row in rows:
            facts, decision = json.loads(row.facts), json.loads(row.decision)
            facts.pop("missing", None)
            for part in (*facts["matters"], decision):
                part["priority"] = _PRIORITIES.get(part["priority"], part["priority"])
            connection.execute(write, {"id": row.id, "facts": _as_text(facts), "decision": _as_text(decision)})
        after = rows[-1].id


def _as_text(data: dict[str, Any]) -> str:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))

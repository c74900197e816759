"""What is deleted after a while: rows that nobody can ask for any more, a bounded number in each transaction."""

from dataclasses import asdict
from datetime import datetime, timedelta

from sqlalchemy import Connection, TextClause, text

from conversation.model.ids import first_id
from conversation.ports.storage.retention import Keep
from storage.database.run import Run
from storage.schema.types import to_micros

EARLY_REPORTS = timedelta(days=7)
_TOKENS = timedelta(days=1)


_FORGET: tuple[tuple[str, TextClause], ...] = tuple(
    (name, text(f"DELETE FROM {name} WHERE {key} IN (SELECT {key} FROM {which})"))  # noqa: S608 all written here
    for name, key, which in (
        ("events", "cursor", "(SELECT cursor, at FROM events ORDER BY cursor LIMIT :limit) AS f WHERE at < :events"),
        (
            "outbox",
            "id",
            "outbox WHERE id < :outbox_id AND state IN ('sent', 'failed') AND finished_at < :outbox ORDER BY id LIMIT :limit",
        ),
        ("quarantine", "id", "quarantine WHERE id < :quarantine_id AND last_at < :quarantine ORDER BY id LIMIT :limit"),
        ("decisions", "id", "decisions WHERE id < :decisions_id ORDER BY id LIMIT :limit"),
        ("audit", "id", "audit WHERE id < :audit_id ORDER BY id LIMIT :limit"),
        ("visitor_sessions", "digest", "visitor_sessions WHERE until < :now LIMIT :limit"),
        ("call_codes", "id", "call_codes WHERE until < :tokens LIMIT :limit"),
        ("agent_tokens", "digest", "agent_tokens WHERE until < :tokens OR used_at < :tokens LIMIT :limit"),
    )
)
# named meanwhile: the row is not NULL any more when its lock is free
_FORGET_UPLOADS = text(
    "DELETE FROM attachments WHERE conversation_id IS NULL AND id IN (SELECT id FROM attachments AS a"
    " WHERE conversation_id IS NULL AND created_at < :uploads AND (created_at < :brought"
    " OR EXISTS (SELECT 1 FROM identities AS i WHERE i.id = a.owner)"
    " OR EXISTS (SELECT 1 FROM agents AS g WHERE g.id = a.owner))"
    " ORDER BY created_at LIMIT :limit) RETURNING key"
)
# files that an account brought with a message that was not stored yet: it is read again, and finds them
_BROUGHT = timedelta(days=7)
# what came before its message, and is not awaited any more; files that are here, or given up
_FORGET_EARLY: tuple[tuple[str, TextClause], ...] = (
    ("early_reports", text("DELETE FROM early_reports WHERE at < :reports")),
    ("early_marks", text("DELETE FROM early_marks WHERE at < :reports")),
    ("fetches", text("DELETE FROM fetches WHERE at IS NULL AND created_at < :reports")),
)


def _prune(c: Connection, now: datetime, limit: int, keep: Keep) -> dict[str, int]:
    before = {name: now - span for name, span in asdict(keep).items()} | {"now": now, "tokens": now - _TOKENS}
    old = {"reports": to_micros(now - EARLY_REPORTS)}
    forgotten = {name: c.execute(forget, old).rowcount for name, forget in _FORGET_EARLY}
    bounds: dict[str, int | str] = {"limit": limit}
    for name, instant in before.items():
        bounds |= {name: to_micros(instant), f"{name}_id": first_id(instant)}
    for name, forget in _FORGET:
        asked = {bind: bounds[bind] for bind in forget.compile().params}
        forgotten[name] = c.execute(forget, asked).rowcount
    return forgotten


def _prune_uploads(c: Connection, now: datetime, limit: int, keep: Keep) -> list[str]:
    before = {"uploads": to_micros(now - keep.uploads), "brought": to_micros(now - max(keep.uploads, _BROUGHT))}
    return list(c.execute(_FORGET_UPLOADS, {**before, "limit": limit}).scalars())


class Retention:
    """The port `Retention`."""

    def __init__(self, run: Run, dialect: str) -> None:  # noqa: ARG002 every repository is made alike
        self._run = run

    async def prune(self, now: datetime, limit: int, keep: Keep) -> dict[str, int]:
        """Forget at most `limit` rows of each table; how many were, by table."""
        return await self._run(lambda c: _prune(c, now, limit, keep))

    async def prune_uploads(self, now: datetime, limit: int, keep: Keep) -> list[str]:
        """Forget at most `limit` uploads that no message names; the keys of their bytes, to be deleted after the commit."""
        return await self._run(lambda c: _prune_uploads(c, now, limit, keep))

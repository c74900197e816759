"""Indexes of tables in use, for migrations: others go on writing while one is created.

A migration with such an index has nothing else in it, for PostgreSQL creates it outside of any transaction.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import sqlalchemy as sa
from alembic import op

_INVALID = sa.text("SELECT NOT indisvalid FROM pg_index WHERE indexrelid = to_regclass(quote_ident(:name))")


def create_index_concurrently(
    name: str, table: str, columns: Sequence[str | sa.TextClause], *, unique: bool = False, where: str | None = None
) -> None:
    """`CREATE INDEX CONCURRENTLY` on PostgreSQL, and a plain one on SQLite, where nobody else writes.

    It may be repeated: an index that is there stays, and what a broken attempt left is dropped first.
    """
    condition = None if where is None else sa.text(where)
    if op.get_bind().dialect.name != "postgresql":
        op.create_index(name, table, columns, unique=unique, if_not_exists=True, sqlite_where=condition)
        return
    with op.get_context().autocommit_block(), _unlimited_wait():
        _drop_invalid(name, table)
        op.create_index(
            name, table, columns, unique=unique, if_not_exists=True,
            postgresql_concurrently=True, postgresql_where=condition,
        )  # fmt: skip


@contextmanager
def _unlimited_wait() -> Iterator[None]:
    """It waits for older transactions, and nobody queues behind it: a time-out would discard an index that is nearly ready."""
    op.execute("SET lock_timeout = 0")
    try:
        yield
    finally:
        op.execute("RESET lock_timeout")


def _drop_invalid(name: str, table: str) -> None:
    """An index whose creation was cut off stays: it is used by no query, and slows down every write."""
    if op.get_bind().execute(_INVALID, {"name": name}).scalar():
        op.drop_index(name, table, postgresql_concurrently=True, if_exists=True)

"""`INSERT ... ON CONFLICT` in the dialect at hand, and instants as the database or an injected clock gives them."""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, ColumnElement, Connection, Table, case, literal, literal_column, select
from sqlalchemy.dialects import postgresql, sqlite

from storage.schema.types import Instant, from_micros, to_micros

Now = Callable[[], datetime]
_DATABASE_NOW = {
    "postgresql": "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)",
    "sqlite": "CAST((julianday('now') - 2440587.5) * 86400000000.0 AS INTEGER)",
}


def insert_into(dialect: str, table: Table) -> postgresql.Insert:
    """An insert that knows `on_conflict_do_nothing` and `on_conflict_do_update`; both dialects spell them alike."""
    if dialect == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)  # type: ignore[return-value]  # the same two methods


def instant(dialect: str, now: Now | None) -> ColumnElement[int]:
    """The instant as stored: the injected clock's where there is one, else the database's."""
    if now is not None:
        return literal(to_micros(now()), BigInteger)
    return literal_column(_DATABASE_NOW[dialect], BigInteger)


def ask_instant(connection: Connection, dialect: str, now: Now | None) -> datetime:
    """The same as a datetime."""
    return now() if now is not None else from_micros(connection.execute(select(instant(dialect, None))).scalar_one())


def later_of(column: ColumnElement[datetime], at: datetime) -> ColumnElement[datetime]:
    """The later of what stands there and this: what is written last need not have happened last."""
    return case((column < at, literal(at, Instant)), else_=column)


def span_micros(span: timedelta) -> int:
    """A span in the unit that instants are stored in."""
    return span // timedelta(microseconds=1)

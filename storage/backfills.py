"""Backfills: what a release declares, one batch of it, and which are finished.

A backfill is for an expanded schema: new rows are written whole by the nodes of this release, and older rows get what they lack
while these nodes serve. A migration that contracts the schema names the backfills that it needs.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, Table, func, inspect, select, text, update

from conversation.errors import NotFound
from conversation.ports.storage.backfills import BackfillProgress
from storage.database.run import Run
from storage.database.upsert import Now, insert_into
from storage.schema.backfills import backfills
from storage.schema.types import EPOCH

_ESTIMATE = text("SELECT CAST(reltuples AS bigint) FROM pg_class WHERE oid = to_regclass(:name)")
_NEW_PASS: Mapping[str, Any] = {"cursor": "", "examined": 0, "changed": 0}


@dataclass(frozen=True, slots=True)
class Backfill:
    """`fill` changes the rows whose key is after the first one given, up to the second one; it returns how many it changed.

    It changes only what lacks something: a pass that changes nothing is the last one. The table has one key, of text.
    """

    name: str
    table: Table
    fill: Callable[[Connection, str, str], int]


DECLARED: tuple[Backfill, ...] = ()


def unfinished(connection: Connection, names: Iterable[str]) -> list[str]:
    """Those of these backfills that are not finished, in words."""
    stored = _stored(connection)
    known = {name: stored.get(name) for name in names}
    open_ones = {name: one for name, one in known.items() if one is None or one.finished_at is None}
    return [str(one) if one else f"{name}: not begun" for name, one in open_ones.items()]


def _stored(connection: Connection) -> dict[str, BackfillProgress]:
    if not inspect(connection).has_table(backfills.name):  # an older schema, which this release serves as it is
        return {}
    return {str(row["name"]): _progress_of(row) for row in connection.execute(select(backfills)).mappings()}


def _progress_of(row: RowMapping) -> BackfillProgress:
    return BackfillProgress(**{key: value for key, value in row.items() if key not in ("cursor", "batch_at")})


def _progress(connection: Connection) -> list[BackfillProgress]:
    if not DECLARED or not inspect(connection).has_table(backfills.name):
        return []
    stored = _stored(connection)
    return [stored.get(one.name, BackfillProgress(name=one.name)) for one in DECLARED]


def _fill(connection: Connection, dialect: str, now: Now, name: str, limit: int) -> BackfillProgress:
    """One batch, and how far it came, in one transaction. The row is locked first: two nodes never fill at once."""
    backfill = next((one for one in DECLARED if one.name == name), None)
    if backfill is None:
        raise NotFound(f"no backfill {name!r} is declared")
    new = {"name": name, **_NEW_PASS, "passes": 0, "total": _rows(connection, backfill.table), "batch_at": EPOCH}
    connection.execute(insert_into(dialect, backfills).values(new).on_conflict_do_nothing())
    mine = backfills.c.name == name
    row = connection.execute(select(backfills).where(mine).with_for_update()).mappings().one()
    if row["finished_at"] is not None:
        return _progress_of(row)
    values = _batch(connection, backfill, row, limit) or _end_of_pass(connection, backfill, row, now)
    changed = update(backfills).where(mine).values(**values, batch_at=now()).returning(*backfills.c)
    return _progress_of(connection.execute(changed).mappings().one())


def _batch(connection: Connection, backfill: Backfill, row: RowMapping, limit: int) -> Mapping[str, Any] | None:
    """What is noted after the next batch; None where there is no row after the last one."""
    (key,) = backfill.table.primary_key.columns
    page = select(key).where(key > row["cursor"]).order_by(key).limit(limit).subquery()
    until, examined = connection.execute(select(func.max(page.c[key.name]), func.count()).select_from(page)).one()
    if until is None:
        return None
    changed = backfill.fill(connection, row["cursor"], until)
    return {"cursor": until, "examined": row["examined"] + examined, "changed": row["changed"] + changed}


def _end_of_pass(connection: Connection, backfill: Backfill, row: RowMapping, now: Now) -> Mapping[str, Any]:
    """A pass that found something is followed by one more: a node of an older release may have written behind it."""
    passes = {"passes": row["passes"] + 1}
    if row["changed"]:
        return {**_NEW_PASS, **passes, "total": _rows(connection, backfill.table)}
    return {**passes, "finished_at": now()}


def _rows(connection: Connection, table: Table) -> int | None:
    """As the planner knows it: to count a large table takes longer than a statement may."""
    if connection.dialect.name == "postgresql":
        found = connection.execute(_ESTIMATE, {"name": table.name}).scalar()
        return int(found) if found and found > 0 else None
    return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


class Backfills:
    """The port `Backfills`."""

    def __init__(self, run: Run, dialect: str, now: Now) -> None:
        self._run = run
        self._dialect = dialect
        self._now = now

    async def progress(self) -> Sequence[BackfillProgress]:
        """How far each has come; none on an older schema."""
        return await self._run(_progress)

    async def fill(self, name: str, limit: int) -> BackfillProgress:
        """One batch; nothing where it is finished."""
        return await self._run(lambda c: _fill(c, self._dialect, self._now, name, limit))

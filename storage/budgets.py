"""What may happen so many times a day. One row of `counters` for each name holds the day and what was used of it."""

from collections.abc import Mapping
from datetime import date

from sqlalchemy import Connection, case, update

from storage.database.run import Run
from storage.database.upsert import insert_into
from storage.schema.events import counters

_PREFIX = "budget:"
_A_DAY = 10**9  # above any budget: the digits below it count, those above it are the day


class Budgets:
    """The port `Budgets`."""

    def __init__(self, run: Run, dialect: str) -> None:
        self._run = run
        self._dialect = dialect

    async def take(self, wanted: Mapping[str, int], limits: Mapping[str, int], *, day: date) -> Mapping[str, int]:
        """How many of those wanted are granted under each name; sorted, so that nobody waits in a circle."""
        return await self._run(
            lambda c: {
                name: _take(c, name, _locked(c, self._dialect, name, day), wanted, limits) for name in sorted(wanted)
            }
        )


def _take(c: Connection, name: str, used: int, wanted: Mapping[str, int], limits: Mapping[str, int]) -> int:
    granted = max(0, min(wanted[name], limits[name] - used))
    if granted:
        mine = counters.c.name == _PREFIX + name
        c.execute(update(counters).where(mine).values(value=counters.c.value + granted))
    return granted


def _locked(c: Connection, dialect: str, name: str, day: date) -> int:
    """What was used of this day, read by the statement that locks the row. A clock that is behind counts on the later day."""
    begin = day.toordinal() * _A_DAY
    row = counters.c.value
    new = insert_into(dialect, counters).values(name=_PREFIX + name, value=begin)
    kept = case((row < begin, begin), else_=row)
    locked = new.on_conflict_do_update(index_elements=["name"], set_={"value": kept})
    return int(c.execute(locked.returning(row)).scalar_one()) % _A_DAY

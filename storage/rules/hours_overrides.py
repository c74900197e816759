"""Emergency overrides of hours: at most one stands for each calendar; those that ended stay for the record."""

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, insert, or_, select, update

from conversation.ports.storage.hours_overrides import Override
from storage.database.run import Run
from storage.schema.rules import overrides

_ROW = overrides.c


def _found(c: Connection, *conditions: ColumnElement[bool]) -> list[Override]:
    rows = c.execute(select(overrides).where(*conditions).order_by(_ROW.since, _ROW.id)).mappings()
    return [Override(**{str(name): value for name, value in row.items()}) for row in rows]


def _clear(c: Connection, calendar: str, now: datetime) -> bool:
    in_force = (_ROW.calendar == calendar, _ROW.cleared_at.is_(None), _ROW.until > now)
    return c.execute(update(overrides).where(*in_force).values(cleared_at=now)).rowcount > 0


def _put(c: Connection, override: Override) -> None:
    _clear(c, override.calendar, override.since)
    row = {name: getattr(override, name) for name in Override.__dataclass_fields__}
    c.execute(insert(overrides).values(row))


class Overrides:
    """The port `Overrides` of `conversation.ports.storage`."""

    def __init__(self, run: Run, dialect: str) -> None:
        self._run = run
        self._dialect = dialect

    async def active(self, now: datetime) -> list[Override]:
        """Those that neither ended nor were cleared, oldest first."""
        return await self._run(lambda c: _found(c, _ROW.until > now, _ROW.cleared_at.is_(None)))

    async def since(self, start: datetime) -> list[Override]:
        """All that stood at any time from then on, oldest first."""
        ended = or_(_ROW.cleared_at.is_(None), _ROW.cleared_at > start)
        return await self._run(lambda c: _found(c, _ROW.until > start, ended))

    async def put(self, override: Override) -> None:
        """Add it; the calendar's earlier one is cleared."""
        await self._run(lambda c: _put(c, override))

    async def clear(self, calendar: str, *, now: datetime) -> bool:
        """End the calendar's override now; False where there was none."""
        return await self._run(lambda c: _clear(c, calendar, now))

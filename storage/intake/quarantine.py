"""What could not be read, with its raw bytes."""

from datetime import datetime

from sqlalchemy import Connection, RowMapping, func, select, update

from conversation.errors import NotFound
from conversation.ports.storage.quarantine import Quarantined
from storage.database.bulk_sql import Insert
from storage.database.run import Run
from storage.schema.intake import quarantine

_insert = Insert(
    quarantine,
    conflict="(channel, sha256) DO UPDATE SET times = quarantine.times + 1, last_at = excluded.last_at,"
    " code = excluded.code, reason = excluded.reason",
)
_LISTED = tuple(column for column in quarantine.columns if column.name != "raw")


def _quarantined(row: RowMapping) -> Quarantined:
    return Quarantined(**{**row, "raw": row.get("raw", b"")})


def _add(connection: Connection, row: Quarantined) -> str:
    names = [column.name for column in quarantine.columns]
    _insert(connection, [{name: getattr(row, name) for name in names}])
    same = (quarantine.c.channel == row.channel, quarantine.c.sha256 == row.sha256)
    return str(connection.execute(select(quarantine.c.id).where(*same)).scalar_one())


def _page(connection: Connection, cursor: str | None, limit: int) -> tuple[list[Quarantined], str | None]:
    wanted = select(*_LISTED).order_by(quarantine.c.id.desc()).limit(limit + 1)
    if cursor is not None:
        wanted = wanted.where(quarantine.c.id < cursor)
    found = [_quarantined(row) for row in connection.execute(wanted).mappings()]
    return found[:limit], found[limit - 1].id if len(found) > limit else None


def _get(connection: Connection, row: str) -> Quarantined:
    found = connection.execute(select(quarantine).where(quarantine.c.id == row)).mappings().first()
    if found is None:
        raise NotFound("there is no such row in quarantine")
    return _quarantined(found)


def _mark(connection: Connection, row: str, now: datetime) -> None:
    connection.execute(update(quarantine).where(quarantine.c.id == row).values(replayed_at=now))


def _count(connection: Connection) -> int:
    waiting = select(func.count()).select_from(quarantine).where(quarantine.c.replayed_at.is_(None))
    return int(connection.execute(waiting).scalar_one())


class Quarantine:
    """The port `Quarantine`."""

    def __init__(self, run: Run, dialect: str) -> None:  # noqa: ARG002 every repository is made alike
        self._run = run

    async def add(self, row: Quarantined) -> str:
        """The row's id; the same bytes on the same channel count up the first row."""
        return await self._run(lambda c: _add(c, row))

    async def page(self, *, cursor: str | None, limit: int) -> tuple[list[Quarantined], str | None]:
        """Newest first, without the bytes."""
        return await self._run(lambda c: _page(c, cursor, limit))

    async def get(self, row: str) -> Quarantined:
        """With the bytes. Raises `NotFound`."""
        return await self._run(lambda c: _get(c, row))

    async def mark_replayed(self, row: str, now: datetime) -> None:
        """It was tried again and went through."""
        await self._run(lambda c: _mark(c, row, now))

    async def count(self) -> int:
        """Rows not yet replayed."""
        return await self._run(_count)

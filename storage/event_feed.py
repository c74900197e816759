"""The event feed: kept until just before the commit, then numbered by one counter row, so that commit order is cursor order."""

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import Connection, RowMapping, TextClause, select, text

from conversation.model.events import Event, EventType, NewEvent
from storage.database.bulk_sql import to_json
from storage.database.run import Run
from storage.schema.events import counters, events
from storage.schema.types import to_micros

_BUMP = text("UPDATE counters SET value = value + :n WHERE name = 'feed' RETURNING value")
_INSERT_SQLITE = (
    "INSERT INTO events (cursor, at, type, conversation_id, message_id, queue, was_queue, owner_id, agent_id, data)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
# one trip: the counter's row lock is held from here to the commit, so the next transaction is numbered after this one
_INSERT_POSTGRESQL: TextClause = text(
    "WITH counted AS (UPDATE counters SET value = value + :n WHERE name = 'feed' RETURNING value)"
    " INSERT INTO events (cursor, at, type, conversation_id, message_id, queue, was_queue, owner_id, agent_id, data)"
    " SELECT counted.value - :n + e.place, e.at, e.type, e.conversation, e.message, e.queue, e.was, e.owner, e.agent, e.data"
    " FROM counted, unnest(CAST(:at AS bigint[]), CAST(:type AS text[]), CAST(:conversation AS text[]),"
    " CAST(:message AS text[]), CAST(:queue AS text[]), CAST(:was AS text[]), CAST(:owner AS text[]),"
    " CAST(:agent AS text[]), CAST(:data AS jsonb[])) WITH ORDINALITY"
    " AS e (at, type, conversation, message, queue, was, owner, agent, data, place)"
)
_NAMES = ("at", "type", "conversation", "message", "queue", "was", "owner", "agent", "data")
_Row = tuple[int, str, str | None, str | None, str | None, str | None, str | None, str | None, str]


def _row(event: NewEvent, at: datetime) -> _Row:
    data = to_json(dict(event.data)) if event.data else "{}"
    return (
        to_micros(at),
        event.type.value,
        event.conversation,
        event.message,
        event.queue,
        event.was_queue,
        event.owner,
        event.agent,
        data,
    )


def _event(row: RowMapping) -> Event:
    return Event(
        cursor=row["cursor"],
        at=row["at"],
        type=EventType(row["type"]),
        conversation=row["conversation_id"],
        message=row["message_id"],
        queue=row["queue"],
        was_queue=row["was_queue"],
        owner=row["owner_id"],
        agent=row["agent_id"],
        data=row["data"],
    )


def _after(connection: Connection, cursor: int, limit: int) -> list[Event]:
    wanted = select(events).where(events.c.cursor > cursor).order_by(events.c.cursor).limit(limit)
    return [_event(row) for row in connection.execute(wanted).mappings()]


def _head(connection: Connection) -> int:
    return int(connection.execute(select(counters.c.value).where(counters.c.name == "feed")).scalar_one())


def _oldest(connection: Connection) -> int:
    kept = connection.execute(select(events.c.cursor).order_by(events.c.cursor).limit(1)).scalar()
    return _head(connection) + 1 if kept is None else int(kept)


class EventFeed:
    """The port `Events`."""

    def __init__(self, run: Run, dialect: str) -> None:
        self._run = run
        self._dialect = dialect
        self._kept: list[tuple[NewEvent, datetime]] = []

    async def add(self, events: Sequence[NewEvent], *, now: datetime) -> None:
        """Keep them until just before the commit."""
        self.keep(events, now=now)

    def keep(self, events: Sequence[NewEvent], *, now: datetime) -> None:
        """The same without a wait."""
        self._kept += [(event, now) for event in events]

    def numbering(self) -> Callable[[Connection], None] | None:
        """The last statements of the transaction, if anything happened in it."""
        if not self._kept:
            return None
        insert = _insert_sqlite if self._dialect == "sqlite" else _insert_postgresql
        return lambda c: insert(c, [_row(event, at) for event, at in self._kept])

    async def after(self, cursor: int, *, limit: int) -> list[Event]:
        """Events with a cursor above this, in order."""
        return await self._run(lambda c: _after(c, cursor, limit))

    async def head(self) -> int:
        """The newest cursor."""
        return await self._run(_head)

    async def oldest(self) -> int:
        """The oldest cursor still kept; one above the newest when nothing is."""
        return await self._run(_oldest)


def _insert_sqlite(connection: Connection, rows: Sequence[_Row]) -> None:
    top = int(connection.execute(_BUMP, {"n": len(rows)}).scalar_one())
    first = top - len(rows) + 1
    connection.exec_driver_sql(_INSERT_SQLITE, [(first + place, *row) for place, row in enumerate(rows)])


def _insert_postgresql(connection: Connection, rows: Sequence[_Row]) -> None:
    columns = dict(zip(_NAMES, map(list, zip(*rows, strict=True)), strict=True))
    connection.execute(_INSERT_POSTGRESQL, {"n": len(rows), **columns})

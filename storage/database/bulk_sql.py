"""The hot path's SQL, written for each dialect: one statement for each table and batch.

PostgreSQL is given one array for each column and unfolds them with `unnest`. SQLite has no round trips: many rows go as one
prepared statement executed for all of them, and lists of keys as one JSON parameter read with `json_each`.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import pydantic_core
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Float,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    TextClause,
    text,
)
from sqlalchemy.sql.selectable import TextualSelect

from conversation.errors import Refused
from storage.schema.conversations import conversations
from storage.schema.customers import identities
from storage.schema.messages import messages
from storage.schema.types import Instant, Json, to_micros

POSTGRESQL = "postgresql"
Values = Mapping[str, Any]


def _plainly(value: object) -> object:
    """What the encoder does not know: any mapping as a dict, anything else as its words."""
    return dict(value) if isinstance(value, Mapping) else str(value)


_encode = msgspec.json.Encoder(enc_hook=_plainly).encode


def to_json(value: Any) -> str:
    """Compact JSON, of data classes too; a text that no encoding can carry is refused. Ten times as fast as the standard library's."""
    try:
        return _encode(value).decode()
    except UnicodeEncodeError as error:
        raise Refused("a text that no encoding can carry") from error
    except OverflowError:  # a whole number of more than 64 bits
        return pydantic_core.to_json(value, fallback=_plainly).decode()


def from_json(text: str | bytes) -> Any:
    """The way back, several times as fast as the standard library's, which reads what this one refuses: very deep nesting."""
    try:
        return pydantic_core.from_json(text)
    except ValueError:
        return json.loads(text)


def _json(value: Any) -> str | None:
    if value is None or value.__class__ is str:  # text is JSON already
        return value
    if not value:
        return "[]" if value.__class__ is list or value.__class__ is tuple else "{}"
    return to_json(value)


def _instant(value: datetime | None) -> int | None:
    return None if value is None else to_micros(value)


# first match wins: SmallInteger is an Integer
_ARRAYS = (
    (SmallInteger, "smallint"),
    (BigInteger, "bigint"),
    (Instant, "bigint"),
    (Integer, "integer"),
    (Float, "double precision"),
    (Boolean, "boolean"),
    (LargeBinary, "bytea"),
)


def _element(column: Column[Any]) -> str:
    """The element type of the array that carries this column."""
    if column.type is Json:
        return "jsonb"
    return next((name for kind, name in _ARRAYS if isinstance(column.type, kind)), "text")


def _converter(column: Column[Any]) -> Callable[[Any], Any] | None:
    if column.type is Json:
        return _json
    return _instant if isinstance(column.type, Instant) else None


class Rows:
    """Some columns of a table, ready to carry many rows in one statement."""

    def __init__(self, table: Table, columns: Sequence[str] | None = None) -> None:
        self.table = table
        self.names = tuple(columns or (column.name for column in table.columns))
        self._converters = tuple((name, _converter(table.c[name])) for name in self.names)

    def encode(self, rows: Iterable[Values]) -> list[tuple[Any, ...]]:
        """Rows as the drivers bind them."""
        return [
            tuple([row[n] if convert is None else convert(row[n]) for n, convert in self._converters]) for row in rows
        ]

    def unnest(self) -> str:
        """`unnest(...) AS u (columns)`: the rows as a table on PostgreSQL."""
        arrays = ", ".join(f"CAST(:{name} AS {_element(self.table.c[name])}[])" for name in self.names)
        return f"unnest({arrays}) AS u ({', '.join(self.names)})"

    def arrays(self, rows: Sequence[tuple[Any, ...]]) -> dict[str, list[Any]]:
        """The parameters of `unnest`."""
        return dict(zip(self.names, map(list, zip(*rows, strict=True)), strict=True))


class Insert:
    """Insert many rows. `conflict` is what stands after ON CONFLICT."""

    def __init__(self, table: Table, columns: Sequence[str] | None = None, *, conflict: str = "") -> None:
        self._rows = Rows(table, columns)
        names = ", ".join(self._rows.names)
        after = f" ON CONFLICT {conflict}" if conflict else ""
        placeholders = ", ".join("?" * len(self._rows.names))
        self._many = f"INSERT INTO {table.name} ({names}) VALUES ({placeholders}){after}"
        source = self._rows.unnest()
        self._set: TextClause = text(f"INSERT INTO {table.name} ({names}) SELECT u.* FROM {source}{after}")

    def __call__(self, connection: Connection, rows: Iterable[Values]) -> None:
        """One statement for all rows; nothing for none."""
        _execute(connection, self._rows, rows, self._set, self._many)


class Update:
    """Update many rows by id."""

    def __init__(self, table: Table, columns: Sequence[str]) -> None:
        self._rows = Rows(table, (*columns, "id"))
        self._many = f"UPDATE {table.name} SET {', '.join(f'{name} = ?' for name in columns)} WHERE id = ?"
        sets = ", ".join(f"{name} = u.{name}" for name in columns)
        self._set: TextClause = text(
            # the list besides the join: so the rows are found by it, however small the planner believes the table to be
            f"UPDATE {table.name} AS t SET {sets} FROM {self._rows.unnest()}"
            " WHERE t.id = u.id AND t.id = ANY(CAST(:id AS text[]))"
        )

    def __call__(self, connection: Connection, rows: Iterable[Values]) -> None:
        """One statement for all rows; nothing for none."""
        _execute(connection, self._rows, rows, self._set, self._many)


def _execute(connection: Connection, kind: Rows, rows: Iterable[Values], as_set: TextClause, many: str) -> None:
    encoded = kind.encode(rows)
    if not encoded:
        return
    if connection.dialect.name == POSTGRESQL:
        connection.execute(as_set, kind.arrays(encoded))
    else:
        connection.exec_driver_sql(many, encoded)


# -- lists of keys as parameters ---------------------------------------------------------------------------------------

_IDS = {POSTGRESQL: "= ANY(CAST(:ids AS text[]))", "sqlite": "IN (SELECT value FROM json_each(:ids))"}
_PAIRS = {
    POSTGRESQL: "unnest(CAST(:first AS text[]), CAST(:second AS text[])) AS k (first, second)",
    "sqlite": "(SELECT json_extract(value, '$[0]') AS first, json_extract(value, '$[1]') AS second"
    " FROM json_each(:pairs)) AS k",
}


def ids(dialect: str, values: Iterable[str]) -> dict[str, Any]:
    """A list of ids as a parameter."""
    listed = list(values)
    return {"ids": listed if dialect == POSTGRESQL else to_json(listed)}


def pairs(dialect: str, keys: Sequence[tuple[str, str]] | Sequence[tuple[str, int]]) -> dict[str, Any]:
    """A list of two-part keys as parameters."""
    if dialect == POSTGRESQL:
        return {"first": [key[0] for key in keys], "second": [key[1] for key in keys]}
    return {"pairs": to_json(keys)}


class Given:
    """Rows that belong to no table, given to a statement as a table `name` with these columns and PostgreSQL's types for them.

    Parameters are called by table and column, so that one statement can be given several.
    """

    def __init__(self, name: str, columns: Mapping[str, str]) -> None:
        self._name = name
        self._columns = columns

    def table(self, dialect: str) -> str:
        """What stands after FROM: arrays unfolded on PostgreSQL, one JSON list of lists on SQLite."""
        if dialect == POSTGRESQL:
            arrays = ", ".join(f"CAST(:{self._name}_{name} AS {kind}[])" for name, kind in self._columns.items())
            return f"unnest({arrays}) AS {self._name} ({', '.join(self._columns)})"
        parts = ", ".join(f"json_extract(value, '$[{place}]') AS {name}" for place, name in enumerate(self._columns))
        return f"(SELECT {parts} FROM json_each(:{self._name})) AS {self._name}"

    def parameters(self, dialect: str, rows: Sequence[tuple[Any, ...]]) -> dict[str, Any]:
        """The rows as `table` wants them."""
        if dialect == POSTGRESQL:
            return {f"{self._name}_{name}": [row[at] for row in rows] for at, name in enumerate(self._columns)}
        return {self._name: to_json(rows)}


@dataclass(frozen=True, slots=True)
class Statements:
    """What the hot path reads, in one dialect. `introduce` answers which of the new identities were really new."""

    known: TextClause
    introduce: TextClause
    locked: TextClause
    stored: TextualSelect
    living: TextClause
    named: TextClause
    reported: TextualSelect
    fed: TextClause
    settled: TextClause
    whose: TextClause
    named_messages: TextualSelect
    read_messages: TextualSelect


NEW_IDENTITY = Rows(
    identities,
    (
        "id",
        "channel",
        "address",
        "customer_id",
        "name",
        "email",
        "phone",
        "verified",
        "reply_until",
        "reply_token",
        "created_at",
    ),
)
# a further address leads to the identity it belongs to, whatever else is known by it
_WHOSE = (
    "COALESCE((SELECT a.identity_id FROM identity_aliases AS a WHERE a.channel = k.first AND a.address = k.second),"
    " (SELECT o.id FROM identities AS o WHERE o.channel = k.first AND o.address = k.second))"
)
_KEY_COLUMNS = (Column("key_channel", Text), Column("key_external_id", Text))
_COUNTS = {
    POSTGRESQL: "unnest(CAST(:first AS text[]), CAST(:second AS integer[])) AS k (first, second)",
    "sqlite": _PAIRS["sqlite"],
}


def _all(table: Table, alias: str, rest: str) -> TextualSelect:
    """Every column of the table, by name and typed."""
    names = ", ".join(f"{alias}.{column.name}" for column in table.columns)
    return text(f"SELECT {names} {rest}").columns(*table.columns)


def _raw(table: Table, alias: str, rest: str) -> TextClause:
    """Every column of the table in its order, as the driver gives it: for readers that take whole rows apart."""
    return text(f"SELECT {', '.join(f'{alias}.{column.name}' for column in table.columns)} {rest}")


# A plan is kept for as long as a connection lives, and most were made while the tables were small: then it looked cheaper to read all of
# `messages` and hash it. LIMIT and FOR UPDATE inside LATERAL are what the planner does not look through: one probe of an index for each key,
# whatever the statistics say, or whether there are any.


def _locked(dialect: str, lock: str) -> TextClause:
    """Identities and customers of these keys, locked in the order of the customers' ids. Who was joined to somebody else meanwhile is left out."""
    columns = (
        "SELECT {first}, {second}, i.id, i.channel, i.address, i.name, i.email, i.phone, i.verified, i.reply_until, i.reply_token, i.blocked_at,"
        " c.id, c.name, c.language, c.language_source, c.verified, c.attributes, c.created_at"
    )
    if dialect != POSTGRESQL:
        return text(
            f"{columns.format(first='k.first', second='k.second')} FROM {_PAIRS[dialect]} JOIN identities AS i ON i.id = {_WHOSE}"
            " JOIN customers AS c ON c.id = i.customer_id ORDER BY c.id, i.id"
        )
    return text(
        f"{columns.format(first='w.first', second='w.second')} FROM (SELECT k.first, k.second, o.id, o.customer_id FROM {_PAIRS[dialect]}"
        f" CROSS JOIN LATERAL (SELECT id, customer_id FROM identities WHERE id = {_WHOSE} LIMIT 1) AS o ORDER BY o.customer_id, o.id) AS w"
        f" CROSS JOIN LATERAL (SELECT * FROM customers WHERE id = w.customer_id{lock}) AS c"
        f" CROSS JOIN LATERAL (SELECT * FROM identities WHERE id = w.id AND customer_id = c.id{lock}) AS i"
    )


_OPEN = "customer_id = k.value AND (state <> 'closed' OR closed_at > :since)"
_LIVING = {
    # in order, but not by the index of the ids: a plan made for an empty table would read all of it for each customer
    POSTGRESQL: "FROM unnest(CAST(:ids AS text[])) AS k (value)"
    f" CROSS JOIN LATERAL (SELECT * FROM conversations WHERE {_OPEN} ORDER BY id || '' FOR UPDATE) AS c",
    "sqlite": f"FROM json_each(:ids) AS k JOIN conversations AS c ON {_OPEN}",
}
_EXTERNAL = "channel = k.first AND external_id = k.second"


def _reported(dialect: str, lock: str) -> TextualSelect:
    """Messages of ours by their external id, their own id, or the id of one of their parts."""
    keys = _PAIRS[dialect]
    if dialect == POSTGRESQL:
        ways = (
            f"SELECT id FROM messages WHERE {_EXTERNAL}",
            "SELECT id FROM messages WHERE id = k.second AND channel = k.first",
            f"SELECT message_id AS id FROM message_parts WHERE {_EXTERNAL}",
        )
        found = " UNION ".join(f"SELECT b.id FROM {keys} CROSS JOIN LATERAL ({way} LIMIT 1) AS b" for way in ways)
        one = f"SELECT * FROM messages WHERE id = f.id AND direction = 'out'{lock}"
        return _all(messages, "m", f"FROM ({found} ORDER BY 1) AS f CROSS JOIN LATERAL ({one}) AS m")
    return _all(
        messages,
        "m",
        f"FROM messages AS m WHERE m.direction = 'out' AND m.id IN ("
        f"SELECT b.id FROM {keys} JOIN messages AS b ON b.channel = k.first AND b.external_id = k.second"
        f" UNION SELECT b.id FROM {keys} JOIN messages AS b ON b.id = k.second AND b.channel = k.first"
        f" UNION SELECT p.message_id FROM {keys} JOIN message_parts AS p"
        " ON p.channel = k.first AND p.external_id = k.second) ORDER BY m.id",
    )


def _stored(dialect: str) -> TextualSelect:
    """Messages of these keys, and keys of which something was reported before they come (`early`)."""
    names = ", ".join(f"m.{column.name}" for column in messages.columns)
    if dialect == POSTGRESQL:
        early = "e.one IS NOT NULL"
        joined = (
            f"{_PAIRS[dialect]} LEFT JOIN LATERAL (SELECT * FROM messages WHERE {_EXTERNAL} LIMIT 1) AS m ON true"
            f" LEFT JOIN LATERAL (SELECT 1 AS one FROM early_marks WHERE {_EXTERNAL} LIMIT 1) AS e ON true"
        )
    else:
        early = f"EXISTS (SELECT 1 FROM early_marks WHERE {_EXTERNAL})"
        joined = f"{_PAIRS[dialect]} LEFT JOIN messages AS m ON m.channel = k.first AND m.external_id = k.second"
    return text(
        f"SELECT * FROM (SELECT {names}, k.first AS key_channel, k.second AS key_external_id, {early} AS early"
        f" FROM {joined}) AS found WHERE found.id IS NOT NULL OR found.early"
    ).columns(*messages.columns, *_KEY_COLUMNS, Column("early", Boolean))


def _named_messages(dialect: str, lock: str) -> TextualSelect:
    """Messages by their own external id or by that of one of their parts."""
    names = ", ".join(f"m.{column.name}" for column in messages.columns)
    parts = "SELECT p.message_id FROM message_parts AS p WHERE p.channel = k.first AND p.external_id = k.second"
    whole = "SELECT w.id FROM messages AS w WHERE w.channel = k.first AND w.external_id = k.second"
    found = f"SELECT k.first, k.second, COALESCE(({whole}), ({parts})) AS id FROM {_PAIRS[dialect]}"
    joined = f"({found} ORDER BY 3) AS f JOIN messages AS m ON m.id = f.id ORDER BY m.id"
    if dialect == POSTGRESQL:
        one = f"SELECT * FROM messages WHERE id = f.id{lock or ' LIMIT 1'}"
        joined = f"({found} ORDER BY 3) AS f CROSS JOIN LATERAL ({one}) AS m"
    return text(f"SELECT {names}, f.first AS key_channel, f.second AS key_external_id FROM {joined}").columns(
        *messages.columns, *_KEY_COLUMNS
    )


def _whose(dialect: str) -> TextClause:
    """The identities that these addresses lead to."""
    joined = f"JOIN identities AS i ON i.id = {_WHOSE}"
    if dialect == POSTGRESQL:
        joined = f"CROSS JOIN LATERAL (SELECT * FROM identities WHERE id = {_WHOSE} LIMIT 1) AS i"
    return text(f"SELECT k.first, k.second, i.id, i.customer_id FROM {_PAIRS[dialect]} {joined}")


def _statements(dialect: str) -> Statements:
    keys, postgres = _PAIRS[dialect], dialect == POSTGRESQL
    lock, listed = (" FOR UPDATE", " AND id = ANY(CAST(:first AS text[]))") if postgres else ("", "")
    return Statements(
        known=text(f"SELECT k.first, k.second FROM {keys} WHERE {_WHOSE} IS NOT NULL"),
        introduce=text(
            f"INSERT INTO identities ({', '.join(NEW_IDENTITY.names)}) SELECT u.* FROM {NEW_IDENTITY.unnest()}"
            " ON CONFLICT (channel, address) DO NOTHING RETURNING id"
        ),
        locked=_locked(dialect, lock),
        stored=_stored(dialect),
        living=_raw(conversations, "c", _LIVING[dialect]),
        named=_raw(conversations, "c", f"FROM conversations AS c WHERE c.id {_IDS[dialect]} ORDER BY c.id{lock}"),
        reported=_reported(dialect, lock),
        fed=text(
            "UPDATE identities SET feed_seq = feed_seq + k.second"
            f" FROM {_COUNTS[dialect]} WHERE id = k.first{listed} RETURNING id, feed_seq"
        ),
        settled=text(
            "UPDATE outbox SET state = :state, finished_at = :now"
            f" WHERE message_id {_IDS[dialect]} AND state = 'uncertain'"
        ),
        whose=_whose(dialect),
        named_messages=_named_messages(dialect, lock),
        read_messages=_named_messages(dialect, ""),
    )


STATEMENTS: Mapping[str, Statements] = {name: _statements(name) for name in (POSTGRESQL, "sqlite")}

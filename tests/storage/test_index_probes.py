"""What the intake asks for each batch is found by probing indexes, whatever PostgreSQL believes of the size of the tables.

A plan lives as long as its connection, and most are made while the tables are small: here all are made for empty tables.
"""

import re
from collections.abc import AsyncIterator, Sequence
from typing import Any

import asyncpg
import pytest

from storage.database.bulk_sql import POSTGRESQL, STATEMENTS, Update
from storage.database.postgresql import _SETTINGS, asyncpg_url
from storage.schema.messages import messages

MANY, ASKED = 20_000, 12
PAGES = 25  # that one key costs at most: a descent of each index is two or three
ROWS = {  # one of each for every number
    "customers": "(id, attributes, created_at) SELECT 'c'||n, '{}', 1",
    "identities": "(id, channel, address, customer_id, created_at) SELECT 'i'||n, 'app', 'a'||n, 'c'||n, 1",
    "conversations": "(id, reference, customer_id, state, queue, kind, channel, channels, priority, labels, attributes, said, passed,"
    " created_at, updated_at) SELECT 'v'||n, 'r'||n, 'c'||n, 'waiting', 'general', 'chat', 'app', '[]', 1, '[]', '{}', '{}', '[]', 1, 1",
    "messages": "(id, conversation_id, seq, direction, author_kind, text, status, created_at, channel, external_id)"
    " SELECT 'm'||n, 'v'||n, 1, 'out', 'agent', 'hello', 'sent', 1, 'app', 'e'||n",
    "early_marks": "(channel, external_id, kind, who, at) SELECT 'app', 'e'||n, 'reaction', '', 1",
}


def keys(prefix: str, count: int = ASKED) -> list[str]:
    return [f"{prefix}{number}" for number in range(1, count + 1)]


APP = ["app"] * ASKED
GIVEN: dict[str, Sequence[Any]] = {
    "stored": (APP, keys("e")),
    "known": (APP, keys("a")),
    "locked": (APP, keys("a")),
    "whose": (APP, keys("a")),
    "living": (keys("c"), 0),
    "reported": (APP, keys("e")),
    "named_messages": (APP, keys("e")),
    "read_messages": (APP, keys("e")),
    "fed": (keys("i"), [1] * ASKED),
    "update": (["read"] * ASKED, [""] * ASKED, keys("m")),
}


def numbered(name: str) -> str:
    """The statement with `$1` for its first parameter."""
    statement: Any = (
        Update(messages, ["status", "error"])._set if name == "update" else getattr(STATEMENTS[POSTGRESQL], name)
    )
    written = str(getattr(statement, "text", None) or statement.element.text)
    order: list[str] = []

    def number(found: re.Match[str]) -> str:
        if found[1] not in order:
            order.append(found[1])
        return f"${order.index(found[1]) + 1}"

    return re.sub(r"(?<!:):(\w+)", number, written)


@pytest.fixture(params=["never analyzed", "analyzed while empty"])
async def connection(request: pytest.FixtureRequest, postgres_url: str) -> AsyncIterator[asyncpg.Connection]:
    """Every statement planned for empty tables, which then grew."""
    url = asyncpg_url(postgres_url).set(drivername="postgresql").render_as_string(hide_password=False)
    opened = await asyncpg.connect(url, server_settings={**_SETTINGS, "plan_cache_mode": "force_generic_plan"})
    for table in ROWS:
        await opened.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
    if request.param == "analyzed while empty":
        await opened.execute("ANALYZE")
    for name, given in GIVEN.items():
        await opened.execute(f"PREPARE {name} AS {numbered(name)}")
        await explained(opened, name, given)
    for table, row in ROWS.items():
        await opened.execute(f"INSERT INTO {table} {row} FROM generate_series(1, {MANY}) AS n")
    yield opened
    await opened.close()


def literal(value: Any) -> str:
    if isinstance(value, list):
        return "ARRAY[" + ", ".join(map(literal, value)) + "]"
    return f"'{value}'" if isinstance(value, str) else str(value)


async def explained(connection: asyncpg.Connection, name: str, given: Sequence[Any]) -> str:
    run = f"EXECUTE {name} ({', '.join(map(literal, given))})"
    return "\n".join(
        row[0] for row in await connection.fetch(f"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF) {run}")
    )


async def test_a_batch_probes_indexes_whatever_the_statistics_say(connection: asyncpg.Connection) -> None:
    for name, given in GIVEN.items():
        plan = await explained(connection, name, given)
        (buffers, *_) = re.findall(r"Buffers: shared hit=(\d+)(?: read=(\d+))?", plan)
        assert sum(map(int, filter(None, buffers))) <= PAGES * ASKED, f"{name}\n{plan}"
        read = [int(float(rows)) for rows in re.findall(r"rows=([\d.]+)", plan)]
        assert max(read) <= 2 * ASKED, f"{name}\n{plan}"
    assert "Index Scan using uq_messages_channel_external_id on messages" in await explained(
        connection, "stored", GIVEN["stored"]
    )

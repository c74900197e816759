"""What is particular about a pooler in transaction mode: settings of a transaction, LISTEN, prepared statements, clear errors."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text

from conversation.errors import StoreUnavailable
from ops.configuration.service import Service
from ops.diagnostics.check_result import State
from ops.diagnostics.connections import connections
from ops.diagnostics.connections import pooler as pooler_finding
from storage.database.pool_settings import PoolSettings
from storage.migration import upgrade
from storage.signals import open_signals
from storage.signals.links import reach
from storage.signals.relay import Unreachable
from storage.store import Store, open_storage
from tests.fakes import FakeClock
from tests.pooler.pgbouncer import KINDS, Pooler, pgbouncer
from tests.postgres import Postgres

ASKED = "SELECT current_setting('enable_seqscan'), current_setting('statement_timeout'), current_setting('jit')"
OURS, THEIRS = ("off", "15s", "off"), ("on", "0", "on")


@asynccontextmanager
async def opened(url: str, pool: PoolSettings) -> AsyncIterator[Store]:
    signals = open_signals("local", database=url, clock=FakeClock())
    async with open_storage(url, clock=FakeClock(), signals=signals, pool=pool) as store:
        yield store


@pytest.fixture(scope="module", params=KINDS)
def narrow(request: pytest.FixtureRequest, postgres: Postgres) -> Iterator[Pooler]:
    """One session of the server for everybody."""
    with pgbouncer(
        request.param, postgres, "default_pool_size = 1\nignore_startup_parameters = extra_float_digits"
    ) as it:
        yield it


async def asked(url: str, query: str) -> tuple[object, ...]:
    """By a stranger, in whichever session of the server the pooler gives them."""
    connection = await asyncpg.connect(url, statement_cache_size=0)
    try:
        return tuple(await connection.fetchrow(query))
    finally:
        await connection.close()


async def test_settings_hold_in_our_transactions_and_nowhere_else(narrow: Pooler, postgres_url: str) -> None:
    url = narrow.url(postgres_url)
    async with opened(url, narrow.pool) as store:
        for transaction in (store.begin, store.read, store.begin):
            async with transaction("look") as work:
                found = await work._run(lambda c: tuple(c.execute(text(ASKED)).one()))
                session = await work._run(lambda c: c.execute(text("SELECT pg_backend_pid()")).scalar())
            assert found == OURS
            assert await asked(url, f"{ASKED}, pg_backend_pid()") == (*THEIRS, session)
        with pytest.raises(ZeroDivisionError):
            async with store.begin("break") as work:
                await work._run(lambda c: c.execute(text(ASKED)).one())
                raise ZeroDivisionError
        assert await asked(url, ASKED) == THEIRS


async def test_no_lock_and_no_channel_outlives_its_transaction(narrow: Pooler, postgres_url: str) -> None:
    url = narrow.url(postgres_url)
    async with opened(url, narrow.pool) as store:
        async with store.begin("lock") as work:
            await work.call_codes.alone("+4930123456")
            assert await asked(postgres_url, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == (1,)
        assert await asked(url, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == (0,)
        assert await asked(url, "SELECT count(*) FROM pg_listening_channels()") == (0,)


async def test_many_transactions_share_one_session(narrow: Pooler, postgres_url: str) -> None:
    async with opened(narrow.url(postgres_url), narrow.pool) as store:

        async def one(number: int) -> int:
            async with store.begin("count") as work:
                return int(
                    await work._run(lambda c: c.execute(text("SELECT CAST(:n AS int)"), {"n": number}).scalar_one())
                )

        assert await asyncio.gather(*map(one, range(50))) == list(range(50))


@pytest.mark.parametrize("more", ["", "ignore_startup_parameters = " + ", ".join(sorted({
    "statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "enable_seqscan", "random_page_cost", "jit",
    "client_min_messages", "synchronous_commit",
}))])  # fmt: skip
@pytest.mark.parametrize("kind", KINDS)
async def test_a_pooler_that_nobody_named_is_refused_with_what_to_do(
    kind: str, more: str, postgres: Postgres, postgres_url: str
) -> None:
    """Also where the pooler drops our settings without a word: the time-outs would be gone, and every LISTEN."""
    with pgbouncer(kind, postgres, more) as it:
        url = it.url(postgres_url)
        async with opened(url, PoolSettings()) as store:
            with pytest.raises(StoreUnavailable, match="`database_direct` in"):
                await store.ping()
        with pytest.raises(Unreachable, match="`database_direct` in"):
            await reach("postgres", database=url)
        with pytest.raises(StoreUnavailable, match="`database_direct` in"):
            await upgrade(url)


async def test_a_pooler_that_keeps_no_prepared_statements_is_found_at_once(
    postgres: Postgres, postgres_url: str
) -> None:
    with pgbouncer("older", postgres) as it:
        service = Service(database=it.url(postgres_url), database_direct=postgres_url)
        async with opened(service.database, service.pool) as store:
            with pytest.raises(StoreUnavailable, match="prepared_statements = false"):
                await store.ping()
        (found,) = await pooler_finding(service)
        assert (found.state, "prepared_statements = false" in found.words) == (State.BAD, True)


async def test_doctor_finds_a_pooler_of_another_database(pooler: Pooler, postgres: Postgres, postgres_url: str) -> None:
    through: dict[str, Any] = {"database": pooler.url(postgres_url), "prepared_statements": pooler.keeps_statements}
    service = Service(database_direct=postgres_url, signals="postgres", **through)
    (found,) = await pooler_finding(service)
    assert found.state is State.OK
    (found,) = await connections(service)
    assert found.words.startswith(
        "a node opens up to 12 (8 + 4) to the pooler and 1 to the server, the server takes 197"
    )
    (found,) = await pooler_finding(Service(database_direct=postgres.url("postgres"), **through))
    assert (found.state, "two databases" in found.words) == (State.BAD, True)

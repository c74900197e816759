"""Fixtures of the storage tests, through a pooler: `store` and `database_url` mean a database behind PgBouncer."""

from collections.abc import AsyncIterator, Iterator

import pytest

from storage.signals import open_signals
from storage.store import Store, open_storage
from tests.fakes import FakeClock
from tests.pooler.pgbouncer import KINDS, Pooler, pgbouncer
from tests.postgres import Postgres


@pytest.fixture(scope="session", params=KINDS)
def pooler(request: pytest.FixtureRequest, postgres: Postgres) -> Iterator[Pooler]:
    """Each release in turn."""
    with pgbouncer(request.param, postgres) as found:
        yield found


@pytest.fixture
def database_url(pooler: Pooler, postgres_url: str) -> str:
    """A fresh migrated database through the pooler."""
    return pooler.url(postgres_url)


@pytest.fixture
async def store(pooler: Pooler, database_url: str, clock: FakeClock) -> AsyncIterator[Store]:
    """An opened store through the pooler, with local signals."""
    signals = open_signals("local", database=database_url, clock=clock)
    await signals.start()
    async with open_storage(database_url, clock=clock, signals=signals, pool=pooler.pool, durable=False) as opened:
        yield opened
    await signals.stop()

"""The flows on a fresh database of each kind."""

from collections.abc import AsyncIterator

import pytest

from storage.signals import open_signals
from storage.store import open_storage
from tests.fakes import FakeClock
from tests.router.flows.stage import Stage


@pytest.fixture
async def stage(database_url: str, clock: FakeClock) -> AsyncIterator[Stage]:
    signals = open_signals("local", database=database_url, clock=clock)
    await signals.start()
    shards = 1 if database_url.startswith("sqlite") else 2
    async with open_storage(database_url, clock=clock, signals=signals, durable=False) as storage:
        yield Stage(storage, signals, clock, shards=shards)
    await signals.stop()

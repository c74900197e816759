"""Programs serve a window of schemas: the release before and the release after, on both databases."""

import asyncio
import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import aiohttp
import pytest
from sqlalchemy import Connection, text

from conversation.errors import StoreUnavailable
from storage.migration import head_revision, pending, schema_at, upgrade
from storage.schema_window import OLDEST, SchemaState, fault_of
from storage.signals import open_signals
from storage.store import Store, open_storage
from tests.fakes import FakeClock
from tests.faults.ledger import signed, written
from tests.serving import ROOT, Api, environment, furnished, huntgroup, start, write_config
from tests.storage.next_release import HEAD, NEXT, next_release, running_as
from tests.storage.test_migrations import _made_by, empty_url

__all__ = ["empty_url"]


@pytest.mark.parametrize(
    ("state", "serves"),
    [
        (SchemaState(None), False),
        (SchemaState("0008"), False),
        (SchemaState("0009"), True),
        (SchemaState("0010", "0009"), True),
        (SchemaState("0011", "0010"), True),
        (SchemaState("0011", "0011"), False),
        (SchemaState("0011"), False),
    ],
)
def test_a_program_that_knows_0010_serves_what_it_understands_and_what_says_so(
    state: SchemaState, *, serves: bool
) -> None:
    assert (fault_of(state, "0010", oldest="0009") is None) == serves


def opened(url: str, clock: FakeClock) -> Store:
    return open_storage(url, clock=clock, signals=open_signals("local", database=url, clock=clock))


async def test_this_release_serves_what_the_next_one_made_of_the_schema(
    empty_url: str, clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await upgrade(empty_url)
    applied: list[str] = []
    with running_as(next_release(tmp_path, oldest_program=HEAD), monkeypatch):
        assert [(step.revision, step.title) for step in pending(await schema_at(empty_url))] == [
            (NEXT, "Nothing, one release later.")
        ]
        await upgrade(empty_url, progress=applied.append)
    assert applied == [f"{NEXT}: Nothing, one release later."]
    async with opened(empty_url, clock) as store:
        assert await store.schema() == SchemaState(NEXT, HEAD)
        assert fault_of(await store.schema(), head_revision()) is None
        assert await upgrade(empty_url) == NEXT  # by this release: it has nothing to add, and takes nothing away
        assert pending(await schema_at(empty_url)) == []
        assert (await store.schema()).revision == NEXT
        async with store.begin("write") as work:
            assert await work.events.head() == 0


async def test_a_schema_that_needs_a_newer_program_is_refused_in_words(
    empty_url: str, clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_as(next_release(tmp_path, oldest_program=NEXT), monkeypatch):
        await upgrade(empty_url)
    words = f"the schema is at {NEXT}, newer than this program ({HEAD}): it needs a huntgroup that knows {NEXT}"
    async with opened(empty_url, clock) as store:
        assert fault_of(await store.schema(), head_revision()) == words
    with pytest.raises(StoreUnavailable, match="newer than this program"):
        await upgrade(empty_url)
    with pytest.raises(StoreUnavailable, match="newer than this program"):
        pending(await schema_at(empty_url))


async def test_this_release_serves_the_oldest_schema_of_its_window(empty_url: str, clock: FakeClock) -> None:
    async with opened(empty_url, clock) as store:
        async with store.begin("the release before") as work:
            await work._run(lambda c: _made_by(c, OLDEST))
        assert fault_of(await store.schema(), head_revision()) is None
        async with store.begin("write") as work:
            assert await work.events.head() == 42
        later = [step.revision for step in pending(await schema_at(empty_url))]
        assert (later[0] > OLDEST, later[-1]) == (True, HEAD)
        await upgrade(empty_url)
        assert (await store.schema()).revision == HEAD


async def test_an_upgrade_that_meets_a_locked_table_waits_its_turn(postgres_url: str, clock: FakeClock) -> None:
    """Asking for ever would hold up all who come after; giving up would leave a release half rolled out."""
    said: list[str] = []
    async with opened(postgres_url, clock) as store:
        async with store.begin("somebody else") as work:
            await work._run(_lock)
            waiting = asyncio.create_task(upgrade(postgres_url, progress=said.append))
            async with asyncio.timeout(60):
                while not said:
                    await asyncio.sleep(0.05)
            assert not waiting.done()
        async with asyncio.timeout(60):
            await waiting
    assert said[0].startswith("a table is locked by others, attempt 1 of")


def _lock(connection: Connection) -> None:
    connection.execute(text("LOCK TABLE alembic_version"))


def test_a_dry_run_lists_what_would_be_applied_and_changes_nothing(tmp_path: Path) -> None:
    config = write_config(tmp_path, f"sqlite:///{tmp_path / 'new.db'}")
    listed = huntgroup(config, "migrate", "--dry-run").splitlines()
    assert (listed[0], listed[-1]) == (
        "0001: The first schema: everything the service remembers.",
        f"would be applied: {int(HEAD)}",
    )
    assert not (tmp_path / "new.db").exists()
    with closing(sqlite3.connect(tmp_path / "new.db")) as connection:
        connection.execute("CREATE TABLE somebody (id)")
    before = (tmp_path / "new.db").read_bytes()
    huntgroup(config, "migrate", "--dry-run")
    assert (tmp_path / "new.db").read_bytes() == before
    huntgroup(config, "migrate")
    assert huntgroup(config, "migrate", "--dry-run") == f"the schema is at {HEAD}, nothing to do\n"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_a_node_of_this_release_serves_beside_nodes_of_the_next(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Migrated by a process of the next release, served by one of this: ready, and a message is taken."""
    url = (
        f"sqlite:///{tmp_path / 'house.db'}" if kind == "sqlite" else str(request.getfixturevalue("postgres").create())
    )
    token = await furnished(url)
    config = write_config(tmp_path, url)
    next_release(tmp_path / "next", oldest_program=HEAD)
    newer = environment() | {"PYTHONPATH": f"{tmp_path / 'next'}:{ROOT}"}
    command = [sys.executable, "-m", "ops", "--config", str(config), "migrate"]
    done = subprocess.run(
        command, env=newer, cwd=tmp_path / "next", capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (0, f"the schema is at {NEXT}\n"), done.stderr
    assert huntgroup(config, "migrate", "--dry-run") == f"the schema is at {NEXT}, nothing to do\n"
    await _serves(config, tmp_path, token)


async def _serves(config: Path, folder: Path, token: str) -> None:
    """`serve` of this checkout: ready, and what is written is in the API."""
    serving = await start(config, "serve", module="ops", log=folder / "log")
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{serving.url}/readyz") as answer:
            assert (answer.status, (await answer.json())["parts"]["schema"]) == (200, "ok")
        body = json.dumps(written("one", "customer-1")).encode()
        async with session.post(f"{serving.url}/hooks/app", data=body, headers=signed("one", body)) as answer:
            assert answer.status < 300, await answer.text()
        found = [one async for one in Api(session, serving.url, token).conversations()]
    assert len(found) == 1
    assert await serving.stop() == 0
    assert f'"schema": "{NEXT}"' in (folder / "log").read_text()

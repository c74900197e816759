"""Which nodes serve a database; one whose hints stay in its process serves alone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

import ops.composition.node_registry as module
from ops.__main__ import main
from ops.commands.serve import Options, serve
from ops.composition.node_identity import NodeIdentity
from ops.composition.node_registry import LocalSignalsRefused, NodeRegistry
from ops.system_clock import SystemClock
from storage.schema.events import leases
from storage.signals import open_signals
from storage.store import Store, open_storage
from tests.desk.conftest import until
from tests.serving import environment, write_config


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A node that does not renew is dead after two seconds; one that lives renews ten times in that time."""
    monkeypatch.setattr(module, "_SPAN", timedelta(seconds=2))
    monkeypatch.setattr(module, "_RENEW", 0.2)
    monkeypatch.setattr(module, "_LOOK", 0.05)


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    clock = SystemClock()
    async with open_storage(
        database_url, clock=clock, signals=open_signals("local", database=database_url, clock=clock)
    ) as one:
        yield one


def registry(store: Store, key: str = "web-1", *, process: str = "a", is_alone: bool = True) -> NodeRegistry:
    return NodeRegistry(store, NodeIdentity(name=key, key=key, process=process), is_alone=is_alone)


async def killed(store: Store, owner: str, span: timedelta) -> None:
    """What a process leaves that could not give its entry back."""
    async with store.begin("test") as work:
        await work.leases.take(f"node/{owner.partition(':')[0]}", owner, span)


@asynccontextmanager
async def living(store: Store, key: str) -> AsyncIterator[None]:
    one = registry(store, key, is_alone=False)
    async with one.registered():
        task = asyncio.ensure_future(one.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_beside_a_living_node_one_with_local_signals_does_not_start_and_leaves_no_entry(store: Store) -> None:
    async with living(store, "web-2"):
        with pytest.raises(LocalSignalsRefused, match="web-2"):
            async with registry(store).registered():
                raise AssertionError("it started")
        async with store.read("test") as work:
            assert set(await work.leases.living("node/")) == {"node/web-2"}
        async with registry(store, is_alone=False).registered():
            pass
    async with registry(store).registered():  # the other one went
        pass


async def test_what_a_killed_node_left_is_waited_for(store: Store) -> None:
    await killed(store, "web-2:a", timedelta(seconds=2))
    async with asyncio.timeout(60), registry(store).registered(), store.read("test") as work:
        assert set(await work.leases.living("node/")) == {"node/web-1"}


async def test_an_earlier_process_of_the_same_node_is_no_other(store: Store) -> None:
    await killed(store, "web-1:a", timedelta(hours=1))
    async with asyncio.timeout(30), registry(store, process="b").registered():
        pass


async def test_a_node_that_comes_later_is_in_the_log_once(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    alone = registry(store)
    async with alone.registered():
        task = asyncio.ensure_future(alone.run())
        async with living(store, "web-2"):
            await until(lambda: "signals_are_local" in caplog.text)
            await asyncio.sleep(0.7)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert [vars(one)["nodes"] for one in caplog.records if one.getMessage() == "signals_are_local"] == [["web-2"]]


async def test_names_that_are_new_at_every_start_do_not_pile_up(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FORGOTTEN", timedelta(0))
    for number in range(5):
        async with registry(store, f"pod-{number}").registered():
            pass
        await asyncio.sleep(0.01)
    async with store.read("test") as work:
        count = await work._run(lambda c: c.execute(select(func.count()).select_from(leases)).scalar_one())
    assert count <= 2


async def test_serve_says_so_in_a_line(
    postgres_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SystemClock()
    config = write_config(tmp_path, postgres_url)
    signals = open_signals("local", database=postgres_url, clock=clock)
    async with open_storage(postgres_url, clock=clock, signals=signals) as store, living(store, "web-2"):
        assert await serve(Options(config=config, environment=environment())) == 1
    (line,) = [one for one in capsys.readouterr().err.splitlines() if one.startswith("huntgroup: ")]
    assert "another node serves this database (web-2" in line
    assert 'signals = "postgres"' in line


def test_check_warns_before_there_is_a_second_node(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAULT_SECRET", environment()["FAULT_SECRET"])
    for database, signals, warned in (
        ("postgresql://a@localhost/b", "local", True),
        ("postgresql://a@localhost/b", "postgres", False),
        ("sqlite:///a.db", "local", False),
    ):
        main(["--config", str(write_config(tmp_path, database, signals=signals)), "check"])
        assert ('signals = "local" is for one node' in capsys.readouterr().out) == warned

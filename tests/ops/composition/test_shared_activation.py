"""On a shared database nothing but an explicit activation changes the rules of all nodes."""

import asyncio
from pathlib import Path

import pytest

from ops.composition.reload import first_rules
from ops.configuration.settings import load
from router.flows.maintenance.rulebook_activation import put_in_force, roll_back
from storage.store import Store
from tests.fakes import FakeClock
from tests.ops.commands.test_check import GOOD
from tests.ops.composition.test_reload import Stage, detector, stage  # noqa: F401 fixtures

OTHER = GOOD.replace('reopen_within = "72h"', "") + '\n[queues.second]\nhours = "always"\n'


@pytest.fixture
def shared(stage: Stage) -> Stage:  # noqa: F811 the fixture
    stage.is_shared = True
    return stage


def differs(stage: Stage) -> float | None:  # noqa: F811 an argument
    return stage.meters.registry.get_sample_value("huntgroup_rules_file_differs")


async def active(store: Store) -> str | None:
    async with store.read("test") as work:
        found = await work.rulebooks.active()
    return found.id if found else None


async def test_the_first_node_of_an_empty_database_brings_its_rules(shared: Stage) -> None:
    await shared.reloader()

    assert await active(shared.store) == shared.rules.rulebook.revision


async def test_a_start_with_another_file_serves_the_active_rules_and_says_so(
    shared: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    await shared.reloader()
    first = shared.rules.rulebook.revision
    shared.path.write_text(OTHER)
    await shared.reloader()

    assert (shared.rules.rulebook.revision, await active(shared.store)) == (first, first)
    assert [one.__dict__["active"] for one in caplog.records if one.msg == "rules_kept"] == [first]


async def test_a_start_that_activates_brings_its_file_in_force(shared: Stage, clock: FakeClock) -> None:
    await shared.reloader()
    shared.path.write_text(OTHER)
    rules = await first_rules(shared.store, load(shared.path, {}), clock, is_shared=True, activates=True)

    assert "second" in rules.rulebook.queues
    assert await active(shared.store) == rules.rulebook.revision


async def test_a_changed_file_activates_nothing_and_shows_that_it_differs(shared: Stage) -> None:
    reloader = await shared.reloader()
    first = shared.rules.rulebook.revision
    following = asyncio.ensure_future(reloader.follow())
    watching = asyncio.ensure_future(reloader.watch())
    try:
        async with asyncio.timeout(60):
            while differs(shared) is None:
                await asyncio.sleep(0.01)
            while not differs(shared):
                shared.path.write_text(OTHER)
                await asyncio.sleep(0.1)
    finally:
        following.cancel()
        watching.cancel()

    assert (shared.rules.rulebook.revision, await active(shared.store)) == (first, first)


async def test_an_explicit_reload_activates_and_nothing_differs_any_more(shared: Stage) -> None:
    reloader = await shared.reloader()
    shared.path.write_text(OTHER)
    done = await reloader.reload("anna")

    assert (done.applied, await active(shared.store), differs(shared)) == (True, done.revision, 0)


async def test_a_node_whose_deploy_was_rolled_back_rolls_its_rules_back(
    shared: Stage, clock: FakeClock, tmp_path: Path
) -> None:
    await shared.reloader()
    first = shared.rules.rulebook.revision
    shared.path.write_text(OTHER)
    second = await first_rules(shared.store, load(shared.path, {}), clock, is_shared=True, activates=True)
    (tmp_path / "third.toml").write_text(OTHER.replace("second", "third"))
    third = await first_rules(shared.store, load(tmp_path / "third.toml", {}), clock, is_shared=True, activates=True)
    async with shared.store.begin("test") as work:
        one_back = await roll_back(work, channels={}, actor="anna", clock=clock)
    async with shared.store.begin("test") as work:
        two_back = await roll_back(work, channels={}, actor="anna", clock=clock)

    assert third.rulebook.revision not in (one_back.id, two_back.id)
    assert (one_back.id, two_back.id) == (second.rulebook.revision, first)


async def test_activations_at_once_come_one_after_the_other(shared: Stage, clock: FakeClock) -> None:
    await shared.reloader()
    first = shared.rules.rulebook.revision
    settings = load(shared.path, {})

    async def activated(name: str) -> str:
        source = settings.source.replace('"queues":{', f'"queues":{{"{name}":{{"hours":"always"}},', 1)
        async with shared.store.begin("test") as work:
            made = await put_in_force(work, digest=name, source=source, actor=name, clock=clock)
        return made.id

    made = await asyncio.gather(activated("one"), activated("two"))
    async with shared.store.read("test") as work:
        before = {one: await work.rulebooks.before(one) for one in made}
    (last,) = [one for one in made if one == await active(shared.store)]
    (earlier,) = [one for one in made if one != last]

    assert before == {earlier: first, last: earlier}

"""`huntgroup rules`: what was in force is listed, compared and made active again, with an entry in the record."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from conversation.errors import NotFound
from ops.__main__ import main
from ops.commands.rules import difference
from ops.configuration.settings import Settings, load
from router.flows.maintenance.rulebook_activation import activate, found
from router.rules.rulebook import ChannelHints, RuleFaults
from storage.schema.events import audit
from storage.store import Store
from tests.fakes import FakeClock
from tests.ops.commands.test_check import GOOD

EXAMPLE = Path("config.example.toml")


@pytest.fixture(scope="module")
def settings() -> Settings:
    return load(EXAMPLE, {}, make_secrets=False)


async def put(store: Store, clock: FakeClock, digest: str, source: str) -> str:
    clock.advance(timedelta(minutes=1))
    async with store.begin("test") as work:
        made = await work.rulebooks.activate(
            digest=digest, source=source, author="t", now=clock.now(), only_if_new=False
        )
    return made.id


async def test_back_to_an_earlier_revision_with_an_entry_in_the_record(
    store: Store, clock: FakeClock, settings: Settings
) -> None:
    first = await put(store, clock, "aaa1", settings.source)
    second = await put(store, clock, "bbb2", settings.source.replace('"queue":"vip"', '"queue":"general"'))
    async with store.begin("test") as work:
        assert [one.id for one in await work.rulebooks.newest(10)] == [second, first]
        made = await activate(work, "aaa", channels=settings.hints, actor="anna", clock=clock)
    assert (made.id, made.active) == (first, True)
    async with store.read("test") as work:
        active = await work.rulebooks.active()
        row = await work._run(lambda c: c.execute(select(audit)).mappings().one())
        old, new = await found(work, first), await found(work, "bbb2")
    assert active is not None
    assert active.id == first
    assert (row["actor"], row["subject"], row["data"]["before"]) == ("anna", first, second)
    changed = [line for line in difference(old, new) if line[0] in "+-" and line[:3] not in ("+++", "---")]
    assert {line[1:].strip() for line in changed} == {'"queue": "vip",', '"queue": "general",'}


async def test_one_that_does_not_exist_or_no_longer_fits_changes_nothing(
    store: Store, clock: FakeClock, settings: Settings
) -> None:
    await put(store, clock, "aaa1", settings.source)
    kept = await put(store, clock, "aaa2", settings.source.replace("Stolen money", "Money"))
    for name in ("zzz", "aaa", ""):
        with pytest.raises(NotFound):
            async with store.begin("test") as work:
                await activate(work, name, channels=settings.hints, actor="anna", clock=clock)
    with pytest.raises(RuleFaults):
        async with store.begin("test") as work:
            await activate(work, "aaa1", channels={"x": ChannelHints(kind="webchat")}, actor="anna", clock=clock)
    async with store.read("test") as work:
        active = await work.rulebooks.active()
    assert active is not None
    assert active.id == kept


def test_the_command(sqlite_url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUNTGROUP_SERVICE__DATABASE", sqlite_url)
    rules = ["--config", str(EXAMPLE), "rules"]
    assert main([*rules, "list", "--json"]) == 0
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == []
    assert main([*rules, "activate", "nothing"]) == 1
    assert "no revision 'nothing'" in capsys.readouterr().err
    assert main([*rules, "diff", "nothing"]) == 1


def test_a_file_is_activated_after_its_check_and_rolled_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, other, bad = tmp_path / "config.toml", tmp_path / "other.toml", tmp_path / "bad.toml"
    served = f'[service]\ndatabase = "sqlite:///{tmp_path}/rules.db"\n'
    config.write_text(served + GOOD)
    other.write_text(served + GOOD.replace("payments", "cash"))
    bad.write_text(served + GOOD + "nonsense = 1\n")

    def done(*words: str) -> tuple[int, str, str]:
        code = main(["--config", str(config), "rules", *words])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    assert [done("activate", str(file))[0] for file in (config, other)] == [0, 0]
    code, _, errors = done("activate", str(bad))
    assert (code, "nothing was activated" in errors, "nonsense" in errors) == (1, True, True)
    listed = done("list")[1].splitlines()
    assert [line[0] for line in listed] == ["*", " "]
    assert done("rollback")[1][1:].split()[0] == listed[1].split()[0]
    code, _, errors = done("rollback")
    assert (code, "not known" in errors) == (1, True)

"""`huntgroup erase`, as an operator runs it."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ops.__main__ import main
from storage.signals import open_signals
from storage.store import Store, open_storage
from tests.fakes import FakeClock
from tests.ops.commands.test_check import GOOD
from tests.storage.makers import conversation, meet, put, say


@pytest.fixture
def config(tmp_path: Path, database_url: str) -> Path:
    path = tmp_path / "config.toml"
    service = f'[service]\ndatabase = "{database_url}"\nattachments = "{tmp_path / "attachments"}"\n'
    path.write_text(service + GOOD)
    return path


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    clock = FakeClock()
    signals = open_signals("local", database=database_url, clock=clock)
    async with open_storage(database_url, clock=clock, signals=signals) as opened:
        yield opened


async def _erase(config: Path, *arguments: str) -> int:
    return await asyncio.to_thread(main, ["--config", str(config), "erase", *arguments])


async def _anna(store: Store) -> str:
    known = await meet(store, address="anna", name="Anna")
    talk = conversation(customer=known.customer, identity=known.id)
    await put(store, talk)
    await say(store, talk, count=3, text="my top-up is lost")
    return known.customer


async def test_by_address_and_in_numbers(config: Path, store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    anna = await _anna(store)
    assert await _erase(config, "site:anna", "--yes", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["customer"], told["erased"]["messages"]) == (anna, 3)
    assert await _erase(config, "site:anna", "--yes") == 1  # nobody is known by this address any more
    assert await _erase(config, anna, "--yes") == 0
    assert "is erased: " in capsys.readouterr().out


async def test_nobody_is_erased_unasked(
    config: Path, store: Store, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = await _anna(store)
    assert await _erase(config, anna) == 2  # there is no terminal
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    for typed, code in (("y", 1), (anna, 0)):
        monkeypatch.setattr("sys.stdin.readline", lambda typed=typed: f"{typed}\n", raising=False)
        assert await _erase(config, anna) == code
    said = capsys.readouterr().err
    assert "Anna (site:anna)" in said
    assert "nothing was erased" in said

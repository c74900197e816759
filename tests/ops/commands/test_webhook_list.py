"""`huntgroup webhook list`: calls that nobody acknowledged, beside a house whose webhooks lack their secrets."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from conversation.id_generator import new_id
from conversation.model.outbound import Effect, OutboxRow
from ops.__main__ import main
from storage.migration import upgrade
from storage.signals.local import LocalSignals
from storage.store import open_storage
from tests.fakes import FakeClock
from tests.ops.configuration.test_settings import GOOD


def row(minutes: int) -> OutboxRow:
    made = datetime.now(UTC) - timedelta(minutes=minutes)
    payload = {"type": "rule.matched", "text": "nothing of this is printed"}
    return OutboxRow(
        id=new_id(), effect=Effect.WEBHOOK, target="freeze", created_at=made, conversation=None, payload=payload
    )


async def fill(database: str) -> None:
    await upgrade(database)
    clock = FakeClock(datetime.now(UTC))
    async with open_storage(database, clock=clock, signals=LocalSignals()) as store:
        async with store.begin("test") as work:
            for minutes in (20, 1):
                await work.outbox.add(row(minutes), at=clock.now())
        async with store.begin("test") as work:
            (old,) = await work.outbox.expired_calls(clock.now(), 10)
            await work.outbox.give_up_call(old, "expired: no secret")


@pytest.mark.parametrize("form", [["--json"], []])
def test_what_waits_and_what_expired_is_listed_although_a_secret_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], form: list[str]
) -> None:
    database = f"sqlite:///{tmp_path / 'h.db'}"
    config = tmp_path / "config.toml"
    hook = '[webhooks.freeze]\nurl = "https://x.example"\nsecret = { env = "NOBODY_SET_THIS" }\n'
    config.write_text(GOOD.replace('name = "Try"', f'name = "Try"\ndatabase = "{database}"') + hook)
    asyncio.run(fill(database))
    assert main(["--config", str(config), "webhook", "list", *form]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert not any("nothing of this" in line for line in lines)
    if form:
        told = [json.loads(line) for line in lines]
        assert [(one["webhook"], one["state"], one["error"]) for one in told] == [
            ("freeze", "waiting", None),
            ("freeze", "expired", "expired: no secret"),
        ]
    else:
        assert "waiting" in lines[0]
        assert "expired: no secret" in lines[1]

"""A node that dials is killed at any moment: no try is dialed twice, and nobody who was promised a call is forgotten."""

import asyncio
import sys
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import Connection, select

from conversation.model.callback import FINAL, CallOutcome
from storage.migration import upgrade
from storage.schema.callbacks import callback_attempts, callbacks
from storage.signals import open_signals
from storage.store import open_storage
from tests.fakes import FakeClock
from tests.faults.dialing import Ledger

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
ROOT = Path(__file__).parents[2]


def _rows(c: Connection) -> tuple[dict[str, str], list[tuple[str, str, bool, str | None]]]:
    one, each = callbacks.c, callback_attempts.c
    requests = {row.id: row.state for row in c.execute(select(one.id, one.state))}
    tries = c.execute(select(each.id, each.callback_id, each.ended_at.is_not(None), each.outcome))
    return requests, [tuple(row) for row in tries]


async def test_no_try_is_dialed_twice_and_no_promise_is_forgotten(
    durable_url: str, tmp_path: Path, long_form: bool
) -> None:
    kills = 200 if long_form else 12
    await upgrade(durable_url)
    arguments = [sys.executable, "-m", "tests.faults.dialing", durable_url, str(tmp_path), str(kills)]
    with (tmp_path / "log").open("wb") as log:
        lives = await asyncio.create_subprocess_exec(*arguments, cwd=ROOT, stdout=log, stderr=log)
        assert await lives.wait() == 0, (tmp_path / "log").read_text()[-3000:]

    clock = FakeClock()
    signals = open_signals("local", database=durable_url, clock=clock)
    async with open_storage(durable_url, clock=clock, signals=signals) as store, store.read("test") as work:
        requests, tries = await work._run(_rows)
    ledger = Ledger(tmp_path)
    promised, dialed = ledger.read("asked"), Counter(ledger.read("dialed"))
    ends = Counter(outcome for *_, outcome in tries)
    print(
        f"\n{kills} kills: {len(promised)} promised, {len(tries)} tries, {len(dialed)} dialed, ends {dict(sorted(ends.items()))}"
    )

    assert promised
    assert {requests.get(one) for one in promised} <= {state.value for state in FINAL}
    assert max(dialed.values()) == 1
    assert {*dialed} <= {attempt for attempt, *_ in tries}  # nothing was dialed that had not been written down
    assert all(ended for _, _, ended, _ in tries)
    assert max(Counter(callback for _, callback, *_ in tries).values()) <= 4
    assert ends[CallOutcome.LOST.value] > 0  # kills met calls on the line
    assert ends[CallOutcome.DONE.value] > 0

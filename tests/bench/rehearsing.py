"""P9: `rehearse` of a hundred thousand stored decisions, with its progress: the same file must change nothing, another one counts."""

import time
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import insert, select

from conversation.id_generator import new_id
from ops.commands.rehearse import rehearse
from ops.configuration.settings import Settings, load
from ops.system_clock import SystemClock
from router.understanding.language_detector import load_detector
from storage.migration import upgrade
from storage.schema.conversations import decisions
from storage.signals import open_signals
from storage.store import Store, open_storage
from tests.bench.measure import Results, Row
from tests.example import EXAMPLE, copied
from tests.ops.rule_analysis.month import Month
from tests.storage.makers import execute

START = datetime(2026, 11, 1, tzinfo=UTC)
_MADE = 1_000  # decided for real; the rest are the same ones under new ids
_AT_ONCE = 5_000


async def p9(folder: Path, results: Results, *, quick: bool) -> None:
    """The rate, under the same file and under one that moves a matter to another queue."""
    count = 2_000 if quick else 100_000
    settings = load(EXAMPLE, {}, make_secrets=False)
    swap = ('[issues.topup]\nqueue = "payments"', '[issues.topup]\nqueue = "cards"')
    other = copied(folder, swap, name="other.toml")
    database, clock = f"sqlite:///{folder / 'rehearse.db'}", SystemClock()
    await upgrade(database)
    signals = open_signals("local", database=database, clock=clock)
    async with open_storage(database, clock=clock, signals=signals) as store:
        await _filled(store, settings, count)
        for name, changed in (("the same file", settings), ("a matter moved", load(other, {}, make_secrets=False))):
            began, spent = time.perf_counter(), time.process_time()
            found = await rehearse(store, settings, changed, START)
            wall, cpu = time.perf_counter() - began, time.process_time() - spent
            assert found.decided == count
            assert (found.changed == 0) is (name == "the same file"), found.as_json()
            note = f"{found.changed:,} of {count:,} would come out otherwise; {cpu * 1e6 / count:.0f} CPU us each"
            results.add(Row(f"P9 rehearse, {name}", count / wall, "decisions/s", "itself", 1.0, note=note))


async def _filled(store: Store, settings: Settings, count: int) -> None:
    await Month(settings, load_detector(settings.document.languages.offered), START).store(store, _MADE)
    rows = [dict(row) for row in (await execute(store, select(decisions))).mappings()]
    for first in range(_MADE, count, _AT_ONCE):
        several = [rows[at % _MADE] | {"id": new_id()} for at in range(first, min(first + _AT_ONCE, count))]
        await execute(store, insert(decisions), several)

"""A loop never ends the house: whatever a database or a driver raises is logged, and the loop goes on."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from conversation.errors import StoreUnavailable
from conversation.model.callback import CallReport
from conversation.ports.storage import Work
from ops.composition.application import built
from ops.composition.infrastructure import Replacements
from ops.configuration.settings import load
from router.flows.callbacks.attempts import CallAttempts
from storage.store import Store
from tests.desk.conftest import until
from tests.serving import environment, write_config

CALLS = """
[channels.phone]
kind = "callback"
"""


class _Unheard(RuntimeError):
    """What no driver has raised before."""


@pytest.mark.parametrize("failure", [StoreUnavailable("gone", reason="read-only"), _Unheard("never seen")])
async def test_no_loop_ends_when_every_transaction_fails(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    config = write_config(tmp_path, sqlite_url, more=CALLS)
    settings = load(config, environment(), overrides={})
    purposes: set[str] = set()

    def failing(_store: Store, purpose: str) -> AbstractAsyncContextManager[Work]:
        purposes.add(purpose)
        raise failure

    async with built(settings, config, environment(), Replacements()) as house:
        with monkeypatch.context() as patch:
            patch.setattr(Store, "begin", failing)
            patch.setattr(Store, "read", failing)
            patch.setattr("ops.composition.classifier_loading._HEAL", 0.01)
            tasks = {asyncio.ensure_future(one()): getattr(one, "__qualname__", "") for one in house.runs}
            try:
                wanted = {"levels", "on_duty", "lapsed", "follow_ups_due", "housekeeping", "claim_files"}
                wanted |= {"next_due", "models.follow", "rules.follow", "stranded"}
                await until(lambda: wanted <= purposes)
                await asyncio.sleep(0)
                failed = {name: task.exception() for task, name in tasks.items() if task.done()}
                assert {name: error for name, error in failed.items() if error} == {}
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)


class _Dialer:
    """An exchange that reports twice."""

    def __init__(self, reports: Sequence[Any]) -> None:
        self._reports = reports

    async def reports(self) -> AsyncIterator[Any]:
        for report in self._reports:
            yield report


async def test_a_report_that_cannot_be_kept_does_not_silence_the_exchange(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []

    async def progressed(_ends: CallAttempts, attempt: str, **_more: object) -> None:
        heard.append(attempt)
        raise _Unheard(attempt)

    monkeypatch.setattr(CallAttempts, "progressed", progressed)
    ends = CallAttempts.__new__(CallAttempts)
    await ends._hear(_Dialer([CallReport(attempt="1"), CallReport(attempt="2")]))  # type: ignore[arg-type]
    assert heard == ["1", "2"]

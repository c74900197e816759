"""Whether this node can serve here and now: the database can be written, its schema fits, rules are loaded."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from channels.supervisor import AccountHealth
from conversation.errors import StoreUnavailable
from conversation.ports.channel import Clock
from desk.http.readiness import OK, Ready
from router.flows.active_rules import RulesInForce
from storage.migration import head_revision
from storage.schema_window import fault_of
from storage.store import Store

log = logging.getLogger(__name__)
_FRESH = 1.0  # seconds for which one check answers everybody: strangers who ask often do not load the database
_PATIENCE = 3.0  # seconds that anybody waits for a check; load balancers rarely wait longer
_TOO_SLOW = {"database": "does not answer in time"}
Parts = Mapping[str, str]


class Readiness:
    """One check at a time, shared by all who ask while it runs and for a second after it."""

    def __init__(
        self,
        store: Store,
        rules: RulesInForce,
        health: Callable[[], Sequence[AccountHealth]],
        clock: Clock,
        *,
        background: Callable[[Coroutine[Any, Any, None]], object],
        loops: Callable[[], Mapping[str, str]] = dict,
        skew: Callable[[], str | None] = lambda: None,
        patience: float = _PATIENCE,
    ) -> None:
        self._store = store
        self._rules = rules
        self._health = health
        self._clock = clock
        self._background = background
        self._loops = loops
        self._skew = skew
        self._patience = patience
        self._check: asyncio.Future[Parts] | None = None
        self._began = self._ended = 0.0
        self._logged: Parts = {}

    async def check(self) -> Ready:
        """Accounts are named with their state, but a mailbox that is away keeps nobody else from being served."""
        parts = {**await self.database(), "rules": OK if self._rules.rulebook.queues else "not loaded"}
        channels = {one.name: one.state.value for one in self._health()}
        return Ready(parts=parts, channels=channels, loops=self._loops(), clock=self._skew() or OK)

    async def database(self) -> Parts:
        """A word for the database and its schema; a check that takes too long goes on for those who ask later."""
        check = self._current()
        left = self._began + self._patience - self._clock.monotonic()
        done, _ = await asyncio.wait({check}, timeout=max(0.0, left))
        found = check.result() if done else _TOO_SLOW
        self._log(found)
        return found

    def _current(self) -> "asyncio.Future[Parts]":
        now, check = self._clock.monotonic(), self._check
        if check is None or (check.done() and now - self._ended >= _FRESH):
            check = self._check = asyncio.get_running_loop().create_future()
            self._began = now
            self._background(self._run(check))
        return check

    async def _run(self, check: "asyncio.Future[Parts]") -> None:
        found: Parts = {"database": "cannot be checked"}
        try:
            found = await self._checked()
        except StoreUnavailable as error:
            found = {"database": error.reason}
        except Exception:
            log.exception("readiness_bug")
        finally:
            self._ended = self._clock.monotonic()
            check.set_result(found)

    async def _checked(self) -> Parts:
        schema = {"schema": fault_of(await self._store.schema(), head_revision()) or OK}
        try:
            await self._store.check_writable()
        except StoreUnavailable as error:
            return {"database": error.reason, **schema}
        return {"database": OK, **schema}

    def _log(self, found: Parts) -> None:
        """Once for each change: this address is asked every few seconds."""
        if found == self._logged:
            return
        before, self._logged = self._logged, found
        if any(word != OK for word in found.values()):
            log.error("not_ready", extra={"parts": dict(found)})
        elif before:
            log.warning("ready_again")

"""Loops that run as long as the process: one that fails is restarted with growing pauses, and seen; it never ends the process."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from channels.supervisor import back_off
from conversation.errors import HuntgroupError
from conversation.ports.channel import Clock
from conversation.ports.metrics import Count, CountedEvent, no_count

log = logging.getLogger(__name__)
STEADY_AFTER = 60.0  # seconds that a restarted loop has to run before it counts as well
Loop = Callable[[], Coroutine[Any, Any, None]]


@dataclass(slots=True)
class _State:
    """Of one loop: how often it failed since it was steady, what it failed with, and since when it runs; None while it waits."""

    failures: int = 0
    error: str = ""
    began: float | None = None


class LoopSupervisor:
    """The one mechanism that keeps loops running. Every loop of `serve` goes through it."""

    def __init__(
        self,
        clock: Clock,
        *,
        count: Count = no_count,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._clock = clock
        self._count = count
        self._sleep = sleep
        self._chance = chance
        self._states: dict[str, _State] = {}

    def supervised(self, name: str, run: Loop) -> Loop:
        """The same loop, which ends only when it is cancelled, or returns by itself. `name` is what operators see."""

        async def kept() -> None:
            state = self._states.setdefault(name, _State())
            while (error := await self._failure(run, state)) is not None:
                await self._rest(name, state, error)

        return kept

    def failing(self) -> Mapping[str, str]:
        """Loops that wait to be restarted, or were lately: by name, what they failed with."""
        return {name: state.error for name, state in self._states.items() if self._is_failing(state)}

    def levels(self) -> Mapping[str, float]:
        """1 for a loop that runs, 0 for one that is failing."""
        return {name: float(not self._is_failing(state)) for name, state in self._states.items()}

    def _is_failing(self, state: _State) -> bool:
        return state.failures > 0 and not self._is_steady(state)

    def _is_steady(self, state: _State) -> bool:
        return state.began is not None and self._clock.monotonic() - state.began >= STEADY_AFTER

    async def _failure(self, run: Loop, state: _State) -> BaseException | None:
        """One life of the loop: what ended it, None where it was done."""
        state.began = self._clock.monotonic()
        try:
            await run()
        except Exception as error:  # noqa: BLE001 whatever it is, the loop is restarted
            return error
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            return error  # nobody cancelled this loop: a driver let a cancellation of its own out
        return None

    async def _rest(self, name: str, state: _State, error: BaseException) -> None:
        if self._is_steady(state):
            state.failures = 0
        state.failures, state.error, state.began = state.failures + 1, type(error).__name__, None
        pause = back_off(state.failures - 1, self._chance())
        self._count(CountedEvent.LOOPS_RESTARTED)
        known = isinstance(error, HuntgroupError)
        details = {"loop": name, "error": state.error, "failures": state.failures, "seconds": round(pause, 1)}
        log.log(
            logging.WARNING if known else logging.ERROR,
            "loop_restarted",
            exc_info=None if known else error,
            extra=details,
        )
        await self._sleep(pause)

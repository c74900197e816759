"""How busy the event loop is: a task asks to be woken at a time, and measures how late that happens."""

import asyncio
from collections.abc import Callable

from conversation.ports.channel import Clock

_EVERY = 0.5


class EventLoopLag:
    """Observes the lag twice a second. All work of a node waits as long as this."""

    def __init__(self, observe: Callable[[float], None], clock: Clock, *, every: float = _EVERY) -> None:
        self._observe = observe
        self._clock = clock
        self._every = every

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            due = self._clock.monotonic() + self._every
            await asyncio.sleep(self._every)
            self._observe(max(0.0, self._clock.monotonic() - due))

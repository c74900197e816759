"""Background tasks: kept until they end, logged when they fail, awaited at the end."""

import asyncio
import logging
from collections.abc import Awaitable, Coroutine
from typing import Any

from ops.composition.supervised_loops import Loop, LoopSupervisor

log = logging.getLogger(__name__)


class TaskKeeper:
    """Holds references to background tasks; `close` cancels what is left and waits for it."""

    def __init__(self, loops: LoopSupervisor) -> None:
        self._loops = loops
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Awaitable[None] | Coroutine[Any, Any, None], *, name: str = "background") -> None:
        """Run it; its failure is logged once with its trace."""
        task = asyncio.ensure_future(self._run(work, name))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def keep(self, name: str, run: Loop) -> None:
        """Run this loop until `close`, and restart it when it fails."""
        self.start(self._loops.supervised(name, run)(), name=name)

    async def _run(self, work: Awaitable[None], name: str) -> None:
        try:
            await work
        except Exception:
            log.exception("background_task_failed", extra={"task": name})

    async def close(self) -> None:
        """Cancel what still runs and wait until it has ended."""
        await asyncio.sleep(0)  # what was started just now has begun: a coroutine that never ran would complain
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

"""The lag of the event loop is measured, and a loop that was held up shows it."""

import asyncio
import time

from ops.observability.event_loop import EventLoopLag
from ops.system_clock import SystemClock


async def test_a_loop_that_was_held_up_shows_how_late_it_woke() -> None:
    seen: list[float] = []
    enough = asyncio.Event()

    def observe(lag: float) -> None:
        seen.append(lag)
        enough.set()

    task = asyncio.ensure_future(EventLoopLag(observe, SystemClock(), every=0.01).run())
    await asyncio.sleep(0)
    held = time.monotonic() + 0.1
    while time.monotonic() < held:
        pass
    await asyncio.wait_for(enough.wait(), 10)
    task.cancel()

    assert seen[0] > 0.05

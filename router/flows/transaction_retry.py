"""Transactions that met another one: the database ended them, and they may be run again."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from conversation.errors import Conflict

_TRIES = 4
T = TypeVar("T")


async def retried(step: Callable[[], Awaitable[T]], *, tries: int = _TRIES) -> T:
    """What `step` returns, which is one transaction: run again where it lost to another, a few times. Raises `Conflict` "retry"."""
    for attempt in range(1, tries):
        try:
            return await step()
        except Conflict as conflict:
            if conflict.code != "retry":
                raise
        await asyncio.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311 jitter, no secret
    return await step()

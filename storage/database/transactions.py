"""What the two databases have in common: a transaction is begun, run and ended; what must end is never cut short."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeVar

from sqlalchemy import Connection, text

T = TypeVar("T")
Last = Callable[[Connection], None]
# always the same row: asked for ever, it leaves nothing that grows
WRITE_PROBE = text(
    "INSERT INTO counters (name, value) VALUES ('write_probe', 1) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)


class Transaction(Protocol):
    """One transaction of either database."""

    def run(self, verb: Callable[[Connection], T], /) -> Awaitable[T]:
        """Run a verb in it."""
        ...

    def commit(self, last: Last | None) -> Awaitable[None]:
        """Do `last` as the last statements, then commit."""
        ...


class Database(Protocol):
    """Where transactions come from. Leaving a context without `commit` rolls back."""

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        ...

    def writing(self) -> AbstractAsyncContextManager[Transaction]:
        """A transaction that may write."""
        ...

    def reading(self) -> AbstractAsyncContextManager[Transaction]:
        """A snapshot that does not wait for writers."""
        ...

    async def check_writable(self) -> None:
        """Write one row and commit it."""
        ...

    def connections(self) -> Mapping[str, int]:
        """How many are used, idle, and not opened yet; empty where there is no pool."""
        ...

    async def close(self) -> None:
        """Let go of every connection; harmless twice."""
        ...


async def to_the_end(work: Awaitable[T]) -> T:
    """Await to the end even when cancelled meanwhile: a commit half waited for has no known outcome."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as stop:
            cancelled = stop
    if cancelled is not None:
        task.exception()  # whoever cancelled learns of the cancellation only
        raise cancelled
    return task.result()

"""How long the body of an upload may take: one that stalls would keep its reservation of bytes from everybody else."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from channels.webchat.responses import Problem

PATIENCE = 30.0  # seconds that are waited besides those that the bytes give
SLOWEST = 4096  # bytes a second over the whole file

T = TypeVar("T")


class UploadDeadline:
    """The seconds that are still waited for one body. Only waiting counts, not the time that storing takes."""

    def __init__(self) -> None:
        self.left = PATIENCE

    def arrived(self, size: int) -> None:
        """So many bytes more are here."""
        self.left += size / SLOWEST

    async def wait(self, arriving: Awaitable[T]) -> T:
        """What arrives. Raises `Problem` where it does not come in time."""
        now = asyncio.get_running_loop().time
        began = now()
        try:
            async with asyncio.timeout(self.left):
                return await arriving
        except TimeoutError:
            raise Problem(status=408, code="too_slow", detail="the file did not arrive in time") from None
        finally:
            self.left -= now() - began

"""Passwords: Argon2id in threads of its own, and the same time for a person who does not exist."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from conversation.errors import Overloaded

T = TypeVar("T")
SHORTEST = 12
LONGEST = 1024
_HASHER = PasswordHasher()  # the library's defaults follow RFC 9106
_WAITING = 16  # that may wait to be compared; as many again for devices that are known


class Hashing:
    """A pool of its own: one hash uses four cores and 64 MiB, and a flood of logins must not take the threads of everything else."""

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="argon2")
        self._most = threads + _WAITING
        self._inside = 0

    async def run(self, call: Callable[[], T], *, most: int | None = None) -> T:
        """What the call returns. Raises `Overloaded` where `most` are inside already."""
        if most is not None and self._inside >= most:
            raise Overloaded("too many logins at once", retry_after=2)
        self._inside += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, call)
        finally:
            self._inside -= 1

    async def compare(self, call: Callable[[], T], *, known: bool) -> T:
        """The same for strangers, of whom few may wait; a known device finds room where they do not."""
        return await self.run(call, most=self._most + (_WAITING if known else 0))


_HASHING = Hashing(max(1, (os.cpu_count() or 1) // _HASHER.parallelism))


@cache
def _decoy() -> str:
    return _HASHER.hash("nobody has this password")


def _fits(stored: str, password: str) -> bool:
    try:
        return _HASHER.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False


async def hash_password(password: str) -> str:
    """The hash to store."""
    return await _HASHING.run(lambda: _HASHER.hash(password))


async def password_fits(stored: str | None, password: str, *, known: bool = False) -> bool:
    """Whether the password is right. Without a stored hash it takes as long and is wrong.

    `known` says that the device logged in before. Raises `Overloaded` where too many wait.
    """

    def compare() -> bool:
        fits = _fits(stored or _decoy(), password)
        return fits and stored is not None

    return await _HASHING.compare(compare, known=known)

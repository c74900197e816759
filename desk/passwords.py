"""Passwords: Argon2id in a thread, and the same time for a person who does not exist."""

import asyncio
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST = 12
LONGEST = 1024
_HASHER = PasswordHasher()  # the library's defaults follow RFC 9106


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
    return await asyncio.to_thread(_HASHER.hash, password)


async def password_fits(stored: str | None, password: str) -> bool:
    """Whether the password is right. Without a stored hash it takes as long and is wrong."""

    def compare() -> bool:
        fits = _fits(stored or _decoy(), password)
        return fits and stored is not None

    return await asyncio.to_thread(compare)

"""Keys of attachments' bytes: random hexadecimal made here; whatever looks otherwise names nothing."""

import hashlib
import secrets
import string
from collections.abc import AsyncIterator

from conversation.errors import Refused

_LENGTH = 32
_LETTERS = frozenset(string.hexdigits.lower())


def new_key() -> str:
    """One that nobody guesses, and that is nobody else's."""
    return secrets.token_hex(_LENGTH // 2)


def is_key(key: str) -> bool:
    """Whether one of ours looks so."""
    return len(key) == _LENGTH and _LETTERS.issuperset(key)


async def bounded(data: AsyncIterator[bytes], limit: int) -> AsyncIterator[bytes]:
    """The same bytes. Raises `Refused` beyond the limit."""
    left = limit
    async for chunk in data:
        left -= len(chunk)
        if left < 0:
            raise Refused(f"larger than {limit} bytes")
        yield chunk


async def hash_of(data: AsyncIterator[bytes]) -> str:
    """The sha256 of a stream, in hexadecimal."""
    digest = hashlib.sha256()
    async for chunk in data:
        digest.update(chunk)
    return digest.hexdigest()

"""What a medium does that is told a file's address instead of its bytes: it gets the file, and looks at what it got."""

from collections.abc import Sequence

import aiohttp


async def fetched(url: str, *, types: Sequence[str] = (), bytes_: int | None = None) -> bytes | None:
    """The file as a stranger gets it; None where there is none, or not of these types, or larger."""
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        data = await answer.read()
        fits = (not types or answer.content_type in types) and (bytes_ is None or len(data) <= bytes_)
        return data if answer.status == 200 and fits else None

"""Whether a pooler answers, and leads to the database that is named directly."""

from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from storage.database.driver_errors import translated
from storage.database.pool_settings import PoolSettings
from storage.database.postgresql import make_engine

# a server starts at one instant, and numbers its databases
_WHICH = text("SELECT pg_postmaster_start_time(), oid FROM pg_database WHERE datname = current_database()")


async def leads_to(pooled: str, direct: str, pool: PoolSettings) -> bool:
    """Whether both addresses are of one database. Raises `StoreUnavailable`, in words, where one of them does not answer."""
    there = await _which(make_engine(pooled, pool=pool))
    return there == await _which(make_engine(direct))


async def _which(engine: AsyncEngine) -> tuple[Any, ...]:
    try:
        with translated():
            async with engine.connect() as connection:
                return tuple((await connection.execute(_WHICH)).one())
    finally:
        await engine.dispose()

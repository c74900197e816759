"""The newest files of all nodes of a PostgreSQL database, for a look that changes nothing."""

from sqlalchemy import select, text

from storage.database.driver_errors import translated
from storage.database.postgresql import make_engine
from storage.schema.messages import attachments

_newest = select(attachments.c.key).order_by(attachments.c.created_at.desc())


async def newest_keys(url: str, *, count: int) -> list[str]:
    """Their keys; none where there is no schema yet, nor on SQLite, which has one node. Raises `StoreUnavailable`."""
    if url.startswith("sqlite"):
        return []
    engine = make_engine(url)
    try:
        with translated():
            async with engine.execution_options(postgresql_readonly=True).connect() as connection:
                if await connection.scalar(text("SELECT to_regclass('attachments')")) is None:
                    return []
                return [str(key) for key in (await connection.execute(_newest.limit(count))).scalars()]
    finally:
        await engine.dispose()

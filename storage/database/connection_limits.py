"""How many connections a PostgreSQL server takes from us, and how many nodes are connected now."""

from dataclasses import dataclass

from sqlalchemy import text

from storage.database import postgresql
from storage.database.driver_errors import translated
from storage.database.pool_settings import PoolSettings
from storage.database.sessions import LISTENING, POOLED

# the limits of the role and of the database are -1 where there are none; PostgreSQL before 16 has no `reserved_connections`
_LIMITS = text(
    "SELECT current_setting('max_connections')::int,"
    " current_setting('superuser_reserved_connections')::int"
    " + coalesce(current_setting('reserved_connections', true), '0')::int,"
    " (SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user),"
    " (SELECT datconnlimit FROM pg_database WHERE datname = current_database())"
)
_SESSIONS = text(
    "SELECT application_name, count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid() GROUP BY application_name"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """`usable` leaves out what the server keeps for administrators, and obeys the limits of our role and database."""

    usable: int
    pooled: int
    listening: int

    def nodes(self, pool: PoolSettings) -> int:
        """How many nodes are connected, as far as their connections show it."""
        return max(self.listening, -(-self.pooled // pool.most))


async def connection_limits(url: str) -> ConnectionLimits:
    """Those of the server at a `postgresql://` address. Raises `StoreUnavailable`, in words."""
    engine = postgresql.make_engine(url)
    try:
        with translated():
            async with engine.execution_options(postgresql_readonly=True).connect() as connection:
                most, reserved, role, database = (await connection.execute(_LIMITS)).one()
                sessions = {str(name): int(count) for name, count in await connection.execute(_SESSIONS)}
    finally:
        await engine.dispose()
    return ConnectionLimits(
        usable=min([int(most) - int(reserved), *(int(limit) for limit in (role, database) if limit >= 0)]),
        pooled=sessions.get(POOLED, 0),
        listening=sessions.get(LISTENING, 0),
    )

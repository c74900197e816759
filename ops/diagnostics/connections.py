"""Whether the database server takes the connections of all nodes, and what a pooler in between must do."""

from collections.abc import Sequence

from conversation.errors import StoreUnavailable
from ops.configuration.service import Service
from ops.diagnostics.check_result import Finding, bad, ok, warn
from storage.database.connection_limits import ConnectionLimits, connection_limits
from storage.database.pooler_check import leads_to

_MIGRATION = 1
_NAME, _POOLER = "connections", "pooler"


async def connections(service: Service) -> Sequence[Finding]:
    """The server's limit against what our nodes open at most; nothing on SQLite."""
    if service.database.startswith("sqlite"):
        return []
    try:
        return [limit(service, await connection_limits(service.direct))]
    except StoreUnavailable as error:
        return [bad(_NAME, str(error), "start the database, or correct `database` in [service]")]


async def pooler(service: Service) -> Sequence[Finding]:
    """Whether it answers, keeps what we ask of it, and leads to the database of `database_direct`; nothing without one."""
    if service.database_direct is None:
        return []
    try:
        same = await leads_to(service.database, service.database_direct, service.pool)
    except StoreUnavailable as error:
        return [bad(_POOLER, str(error), "start it, or correct `database` and `database_direct` in [service]")]
    if not same:
        words = "`database` and `database_direct` are two databases: hints and migrations would go elsewhere"
        return [bad(_POOLER, words, "name the server behind the pooler as `database_direct` in [service]")]
    kept = "are kept" if service.prepared_statements else "are not used"
    return [ok(_POOLER, f"answers, and leads to the database of database_direct; prepared statements {kept}")]


def limit(service: Service, limits: ConnectionLimits) -> Finding:
    """How many nodes like this one the server has place for. This one counts, whether it runs or not."""
    hints = 1 if service.signals == "postgres" else 0
    pool = 0 if service.pool.pooler else service.pool.most
    nodes = max(1, limits.listening if service.pool.pooler else limits.nodes(service.pool))
    words = f"{_a_node(service, hints)}, the server takes {limits.usable} of us"
    if pool + hints == 0:
        return ok(_NAME, f"{words}: those of the pooler and of migrations")
    places = max(0, limits.usable - _MIGRATION) // (pool + hints)
    words += f": place for nodes {places}, connected {nodes}"
    if nodes > places:
        advice = "raise max_connections (or the limit of the role or database), or lower pool_size and pool_overflow"
        return warn(_NAME, words, f"{advice} in [service]")
    return ok(_NAME, words)


def _a_node(service: Service, hints: int) -> str:
    most, pool = service.pool.most, f"{service.pool_size} + {service.pool_overflow}"
    if service.pool.pooler:
        return f"a node opens up to {most} ({pool}) to the pooler and {hints} to the server"
    return f"a node opens up to {most + hints} ({pool} in the pool{', 1 for hints' if hints else ''})"

"""Whether the database server takes the connections of all nodes: one that is refused makes a node stop in the busiest hour."""

from collections.abc import Sequence

from conversation.errors import StoreUnavailable
from ops.configuration.settings import Service
from ops.diagnostics.check_result import Finding, bad, ok, warn
from storage.database.connection_limits import ConnectionLimits, connection_limits

_MIGRATION = 1
_NAME = "connections"


async def connections(service: Service) -> Sequence[Finding]:
    """The server's limit against what our nodes open at most; nothing on SQLite."""
    if service.database.startswith("sqlite"):
        return []
    try:
        return [room(service, await connection_limits(service.database))]
    except StoreUnavailable as error:
        return [bad(_NAME, str(error), "start the database, or correct `database` in [service]")]


def room(service: Service, limits: ConnectionLimits) -> Finding:
    """How many nodes like this one the server has room for. This one counts, whether it runs or not."""
    hints = 1 if service.signals == "postgres" else 0
    a_node = service.pool.most + hints
    places = max(0, limits.usable - _MIGRATION) // a_node
    nodes = max(1, limits.nodes(service.pool))
    words = (
        f"a node opens up to {a_node} ({service.pool_size} + {service.pool_overflow} in the pool"
        f"{', 1 for hints' if hints else ''}), the server takes {limits.usable} of us:"
        f" room for nodes {places}, connected {nodes}"
    )
    if nodes > places:
        advice = "raise max_connections (or the limit of the role or database), or lower pool_size and pool_overflow"
        return warn(_NAME, words, f"{advice} in [service]")
    return ok(_NAME, words)

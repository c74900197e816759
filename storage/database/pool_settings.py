"""How a node connects to PostgreSQL: how many connections its pool holds, and whether a pooler stands in between."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSettings:
    """The pool of one node. `wait` is in seconds: how long a transaction waits for a free connection.

    Through a `pooler` each transaction may run in another session of the server. `prepared_statements` is whether the pooler keeps them.
    """

    size: int = 8  # more connections than this gained nothing where it was measured
    overflow: int = 4
    wait: float = 5.0
    pooler: bool = False
    prepared_statements: bool = True

    @property
    def most(self) -> int:
        """How many connections the pool opens at most."""
        return self.size + self.overflow

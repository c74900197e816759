"""How a node connects to PostgreSQL: how many connections its pool holds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSettings:
    """The pool of one node. `wait` is in seconds: how long a transaction waits for a free connection."""

    size: int = 8  # more connections than this gained nothing where it was measured
    overflow: int = 4
    wait: float = 5.0

    @property
    def most(self) -> int:
        """How many connections the pool opens at most."""
        return self.size + self.overflow

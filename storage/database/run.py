"""How a repository reaches its transaction: plain functions over a connection, one hop for each verb."""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")


class Run(Protocol):
    """Run a function on the transaction's connection and await what it returns."""

    def __call__(self, call: Callable[[Connection], T], /) -> Awaitable[T]:
        """One hop: into the greenlet on PostgreSQL, into the writer's thread on SQLite."""
        ...

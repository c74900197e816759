"""The database's clock, asked by a node that corrects its own."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from conversation.errors import StoreUnavailable

_ASKED = 3  # times; the quickest answer is the most exact
_HALF = 2
_NOW = text("SELECT clock_timestamp()")


@dataclass(frozen=True, slots=True)
class ServerTime:
    """What the database's clock showed when this node's monotonic clock stood at `monotonic`, half the `round_trip` in doubt."""

    instant: datetime
    monotonic: float
    round_trip: timedelta


def server_time(connection: Connection, monotonic: Callable[[], float]) -> ServerTime:
    """The quickest of a few answers of PostgreSQL."""
    connection.execute(_NOW)  # begins the transaction: that is no part of any answer's way
    return min((_once(connection, monotonic) for _ in range(_ASKED)), key=lambda one: one.round_trip)


def _once(connection: Connection, monotonic: Callable[[], float]) -> ServerTime:
    before = monotonic()
    instant = connection.execute(_NOW).scalar()
    after = monotonic()
    if not isinstance(instant, datetime):
        raise StoreUnavailable("the server does not give the time")
    return ServerTime(instant, (before + after) / _HALF, timedelta(seconds=after - before))

"""What a driver's error means to the rest of the house, said once for both databases."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from conversation.errors import Conflict, HuntgroupError, NoConnectionFree, Refused, StoreUnavailable

_RETRY = ("40001", "40P01")  # serialization failure, deadlock
_REFUSED = ("22", "23")  # data exceptions, integrity constraints
# connection, authorization, catalog, resources, lock and idle time-outs, operator intervention, system errors
_UNAVAILABLE = ("08", "25P03", "28", "3D", "53", "55P03", "57", "58")
_SQLITE_REFUSED = ("SQLITE_CONSTRAINT", "SQLITE_TOOBIG", "SQLITE_MISMATCH")
_SQLITE_UNAVAILABLE = (
    "SQLITE_BUSY",
    "SQLITE_LOCKED",
    "SQLITE_IOERR",
    "SQLITE_FULL",
    "SQLITE_CANTOPEN",
    "SQLITE_CORRUPT",
    "SQLITE_NOTADB",
    "SQLITE_NOMEM",
    "SQLITE_READONLY",
)


def _of_postgresql(state: str, detail: str) -> HuntgroupError | None:
    if state in _RETRY:
        return Conflict(detail, code="retry")
    if state.startswith(_REFUSED):
        return Refused(detail)
    return StoreUnavailable(detail) if state.startswith(_UNAVAILABLE) else None


def _of_sqlite(name: str, detail: str) -> HuntgroupError | None:
    if name.startswith(_SQLITE_REFUSED):
        return Refused(detail)
    return StoreUnavailable(detail) if name.startswith(_SQLITE_UNAVAILABLE) else None


def _detail(error: DBAPIError) -> str:
    """The driver's first line only: the rest may quote the row, which holds what customers wrote."""
    first = str(error.orig).split("\n", 1)[0]
    return first.rsplit(": ", 1)[0][:200] if "invalid input for query argument" in first else first[:300]


def meaning(error: DBAPIError) -> Exception:
    """The house's error for a driver's; the driver's own where it can only be a bug."""
    orig, detail = error.orig, _detail(error)
    if isinstance(getattr(orig, "__cause__", None), asyncpg.DataError):
        return Refused("a value does not fit its column")
    told = _of_postgresql(getattr(orig, "sqlstate", None) or "", detail)
    told = told or _of_sqlite(getattr(orig, "sqlite_errorname", ""), detail)
    if told is None and (error.connection_invalidated or isinstance(orig, TimeoutError)):
        return StoreUnavailable(detail)
    return told or error


@contextmanager
def translated() -> Iterator[None]:
    """Turn the driver's errors into the house's inside this block."""
    try:
        yield
    except DBAPIError as error:
        told = meaning(error)
        if told is error:
            raise
        raise told from error
    except (UnicodeEncodeError, OverflowError) as error:
        raise Refused("a value does not fit its column") from error
    except PoolTimeout as error:
        raise NoConnectionFree("no connection to the database is free") from error
    except (TimeoutError, OSError) as error:
        raise StoreUnavailable(f"the database does not answer: {type(error).__name__}") from error

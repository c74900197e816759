"""What a driver's error means to the rest of the service, for both databases."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_dbapi as driver
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from conversation.errors import Conflict, HuntgroupError, NoConnectionFree, Refused, StoreUnavailable

_RETRY = ("40001", "40P01")  # serialization failure, deadlock
_REFUSED = ("22", "23")  # data exceptions, integrity constraints
# connection, read-only, idle time-out, lost statement of a pooler, authorization, catalog, unknown outcome, resources, object state
# and locks, operator intervention, system errors, configuration file, internal errors: no statement of ours is wrong
_UNAVAILABLE = ("08", "25006", "25P03", "26", "28", "3D", "40", "42501", "53", "55", "57", "58", "F0", "XX")
_READ_ONLY = ("25006", "SQLITE_READONLY")
_FULL = ("53100", "SQLITE_FULL")
_REASONS = {
    **dict.fromkeys(_READ_ONLY, "read-only"),
    **dict.fromkeys(_FULL, "disk full"),
    **dict.fromkeys(("55P03", "SQLITE_BUSY", "SQLITE_LOCKED"), "locked"),
    "53300": "too many connections",
    "42501": "permission denied",
}
# the driver's own, without a state: a connection that lost its place, a plan that a migration made void
_OF_CONNECTION = (driver.InterfaceError, driver.InternalClientError, driver.InvalidCachedStatementError)
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
    "SQLITE_PERM",
    "SQLITE_PROTOCOL",
    "SQLITE_SCHEMA",
    "SQLITE_INTERRUPT",
)


def _of_postgresql(state: str, detail: str) -> HuntgroupError | None:
    if state in _RETRY:
        return Conflict(detail, code="retry")
    if state.startswith(_REFUSED):
        return Refused(detail)
    return _unavailable(state, detail) if state.startswith(_UNAVAILABLE) else None


def _unavailable(code: str, detail: str) -> StoreUnavailable:
    reason = next((words for known, words in _REASONS.items() if code.startswith(known)), None)
    return StoreUnavailable(detail, reason=reason) if reason else StoreUnavailable(detail)


def _of_sqlite(name: str, detail: str) -> HuntgroupError | None:
    if name.startswith(_SQLITE_REFUSED):
        return Refused(detail)
    return _unavailable(name, detail) if name.startswith(_SQLITE_UNAVAILABLE) else None


def _detail(error: DBAPIError) -> str:
    """The driver's first line only: the rest may quote the row, which holds what customers wrote."""
    first = str(error.orig).split("\n", 1)[0]
    return first.rsplit(": ", 1)[0][:200] if "invalid input for query argument" in first else first[:300]


def meaning(error: DBAPIError) -> Exception:
    """Our error for a driver's; the driver's own where it can only be a bug."""
    orig, detail = error.orig, _detail(error)
    if isinstance(getattr(orig, "__cause__", None), asyncpg.DataError):
        return Refused("a value does not fit its column")
    known = _of_postgresql(getattr(orig, "sqlstate", None) or "", detail)
    known = known or _of_sqlite(getattr(orig, "sqlite_errorname", ""), detail)
    if known is None and (error.connection_invalidated or isinstance(orig, (TimeoutError, *_OF_CONNECTION))):
        return StoreUnavailable(detail)
    return known or error


def is_read_only(error: BaseException | None) -> bool:
    """Whether the server takes no writes on this connection; another one may lead to a server that does."""
    return getattr(error, "sqlstate", None) in _READ_ONLY


@contextmanager
def translated() -> Iterator[None]:
    """Turn the driver's errors into ours inside this block."""
    try:
        yield
    except DBAPIError as error:
        known = meaning(error)
        if known is error:
            raise
        raise known from error
    except (UnicodeEncodeError, OverflowError) as error:
        raise Refused("a value does not fit its column") from error
    except PoolTimeout as error:
        raise NoConnectionFree("no connection to the database is free") from error
    except (TimeoutError, OSError) as error:
        raise StoreUnavailable(f"the database does not answer: {type(error).__name__}") from error

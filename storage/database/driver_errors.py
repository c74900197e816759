"""What a driver's error means to the rest of the service, for both databases."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_dbapi as driver
from sqlalchemy.exc import DBAPIError, PendingRollbackError, ResourceClosedError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from conversation.errors import Conflict, HuntgroupError, NoConnectionFree, Refused, StoreUnavailable

_RETRY = ("40001", "40P01")  # serialization failure, deadlock
_REFUSED = (
    "22",
    "23",
    "44",
    "54",
)  # data exceptions, integrity constraints, check options of views, limits of a value's size
# connection, read-only, idle time-out, lost or doubled statement of a pooler, authorization, catalog, unknown outcome, resources, object
# state and locks, operator intervention, system errors, configuration file, internal errors: no statement of ours is wrong
_UNAVAILABLE = (
    "08", "25006", "25P03", "26", "28", "3D", "40", "42501", "42P05", "53", "55", "57", "58", "F0", "XX",
)  # fmt: skip
# of what the standard and PostgreSQL name, the rest is a fault of the statement; a state that neither names is a pooler's, or a successor's
_BUGS = (
    "01", "02", "03", "09", "0A", "0B", "0F", "0L", "0P", "0Z", "20", "21", "24", "25", "27", "2B", "2D", "2F",
    "34", "38", "39", "3B", "3F", "42", "HV", "P0",
)  # fmt: skip
_READ_ONLY = ("25006", "SQLITE_READONLY")
_FULL = ("53100", "SQLITE_FULL")
_UNKNOWN = "unknown error"
_TOO_MANY = "too many connections"
_REASONS = {
    **dict.fromkeys(_READ_ONLY, "read-only"),
    **dict.fromkeys(_FULL, "disk full"),
    **dict.fromkeys(("55P03", "SQLITE_BUSY", "SQLITE_LOCKED"), "locked"),
    "53300": _TOO_MANY,
    "42501": "permission denied",
}
# poolers refuse with the state of a broken protocol, and say in words what it is
POOLER_IS_FULL = ("max_client_conn", "max_db_connections", "max_user_connections", "query_wait_timeout")
# the driver's own, without a state: a connection that lost its place, a plan that a migration made void
_OF_CONNECTION = (driver.InterfaceError, driver.InternalClientError, driver.InvalidCachedStatementError)
_SQLITE_REFUSED = ("SQLITE_CONSTRAINT", "SQLITE_TOOBIG", "SQLITE_MISMATCH")
_SQLITE_BUGS = ("SQLITE_ERROR", "SQLITE_MISUSE", "SQLITE_RANGE", "SQLITE_AUTH")


def _of_postgresql(state: str, detail: str) -> HuntgroupError | None:
    if state in _RETRY:
        return Conflict(detail, code="retry")
    if state.startswith(_REFUSED):
        return Refused(detail)
    if state.startswith(_UNAVAILABLE):
        return _unavailable(state, detail)
    return None if state.startswith(_BUGS) else _unknown(state, detail)


def _of_sqlite(name: str, detail: str) -> HuntgroupError | None:
    if name.startswith(_SQLITE_REFUSED):
        return Refused(detail)
    return None if name.startswith(_SQLITE_BUGS) else _unavailable(name, detail)


def _unavailable(code: str, detail: str) -> StoreUnavailable:
    reason = next((words for known, words in _REASONS.items() if code.startswith(known)), None)
    if reason is None and any(words in detail for words in POOLER_IS_FULL):
        reason = _TOO_MANY
    return StoreUnavailable(detail, reason=reason) if reason else StoreUnavailable(detail)


def _unknown(code: str, detail: str) -> StoreUnavailable:
    return StoreUnavailable(f"{detail} ({code or 'no code'})", reason=_UNKNOWN)


def _detail(error: DBAPIError) -> str:
    """The driver's first line only: the rest may quote the row, which holds what customers wrote."""
    first = str(error.orig).split("\n", 1)[0]
    return first.rsplit(": ", 1)[0][:200] if "invalid input for query argument" in first else first[:300]


def meaning(error: DBAPIError) -> Exception:
    """Our error for a driver's; the driver's own where it can only be a bug."""
    orig, detail = error.orig, _detail(error)
    if isinstance(getattr(orig, "__cause__", None), asyncpg.DataError):
        return Refused("a value does not fit its column")
    is_lost = error.connection_invalidated or isinstance(orig, (TimeoutError, *_OF_CONNECTION))
    lost = StoreUnavailable(detail) if is_lost else None
    if state := getattr(orig, "sqlstate", None):
        return _of_postgresql(state, detail) or lost or error
    if name := getattr(orig, "sqlite_errorname", None):
        return _of_sqlite(name, detail) or lost or error
    return lost or (_unknown("", detail) if isinstance(orig, driver.Error) else error)


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
    except (PendingRollbackError, ResourceClosedError) as error:
        raise StoreUnavailable("the connection was lost in the middle of a transaction") from error
    except (TimeoutError, OSError) as error:
        raise StoreUnavailable(f"the database does not answer: {type(error).__name__}") from error


@contextmanager
def connecting() -> Iterator[None]:
    """The same where nothing of ours was executed yet: whatever a server or a pooler refuses with, the database is not to be had."""
    try:
        with translated():
            yield
    except DBAPIError as error:
        raise _unknown(getattr(error.orig, "sqlstate", None) or "", _detail(error)) from error
    except (Conflict, Refused) as error:
        raise StoreUnavailable(str(error), reason=_UNKNOWN) from error

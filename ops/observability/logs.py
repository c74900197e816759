"""Logs: one line an event with key=value pairs on a terminal, JSON elsewhere; never message text, never a secret."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def _extras(record: logging.LogRecord) -> dict[str, Any]:
    return {key: value for key, value in vars(record).items() if key not in _PLAIN}


def _one_line(value: object) -> str:
    """Control characters escaped, so that a value can never forge a second line."""
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if not text.isprintable() or " " in text or not text else text


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Time, level, event, logger, then the caller's fields."""
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "logger": record.name,
            **_extras(record),
        }
        if record.exc_info:
            entry["trace"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False, default=str)


class Console(logging.Formatter):
    """For eyes: time, level, event, key=value."""

    def format(self, record: logging.LogRecord) -> str:
        """The trace follows on lines of its own."""
        at = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S.%f")[:-3]
        pairs = " ".join(f"{key}={_one_line(value)}" for key, value in _extras(record).items())
        line = f"{at} {record.levelname.lower():7} {_one_line(record.getMessage())} {pairs}".rstrip()
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def _without_trace_of_a_lost_connection(record: logging.LogRecord) -> bool:
    """The pool logs with a trace that it could not say goodbye to a server that is gone: the line is enough."""
    error = record.exc_info[1] if record.exc_info else None
    of_a_driver = type(error).__module__.partition(".")[0] in ("asyncpg", "sqlalchemy")
    if record.name.startswith("sqlalchemy.pool") and (of_a_driver or isinstance(error, OSError)):
        record.exc_info = record.exc_text = None
    return True


def set_up(*, level: str = "info", form: str = "auto", stream: TextIO | None = None) -> None:
    """Send all logs to standard error. `form`: auto, console or json; auto is console on a terminal."""
    out = stream or sys.stderr
    handler = logging.StreamHandler(out)
    console = form == "console" or (form == "auto" and out.isatty())
    handler.setFormatter(Console() if console else JsonLines())
    handler.addFilter(_without_trace_of_a_lost_connection)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # some of these would log secrets and whole mails at debug level
    for chatty in ("aiohttp.access", "aioimaplib", "httpx", "alembic", "sqlalchemy.engine", "watchfiles"):
        logging.getLogger(chatty).setLevel(logging.WARNING)

"""What operators read: a server that is gone is a line, a bug keeps its trace."""

import io
import json
import logging

import pytest
from asyncpg import InterfaceError

from ops.observability import logs


@pytest.mark.parametrize(
    ("name", "error", "traced"),
    [
        ("sqlalchemy.pool.impl.AsyncAdaptedQueuePool", BrokenPipeError(32, "Broken pipe"), False),
        ("sqlalchemy.pool.impl.AsyncAdaptedQueuePool", InterfaceError("another operation is in progress"), False),
        ("sqlalchemy.pool.impl.AsyncAdaptedQueuePool", ZeroDivisionError("a bug"), True),
        ("router.flows.distribution.timers", BrokenPipeError(32, "Broken pipe"), True),
    ],
)
def test_a_connection_that_is_gone_is_a_line_without_a_trace(name: str, error: Exception, traced: bool) -> None:
    root = logging.getLogger()
    before, level, stream = root.handlers[:], root.level, io.StringIO()
    try:
        logs.set_up(form="json", stream=stream)
        logging.getLogger(name).error("Exception closing connection", exc_info=error)
    finally:
        root.handlers[:] = before
        root.setLevel(level)
    line = json.loads(stream.getvalue())
    assert (line["event"], "trace" in line) == ("Exception closing connection", traced)

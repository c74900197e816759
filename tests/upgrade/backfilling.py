"""A backfill of messages, as a release could declare one, and a node of that release: `python -m tests.upgrade.backfilling`.

The column is added by the tests themselves: it is the length of a message's text.
"""

import argparse
import asyncio
import os
import sys
from datetime import timedelta
from pathlib import Path

from sqlalchemy import BigInteger, Column, Connection, MetaData, Table, Text, func, update

from ops.commands.serve import Options, serve
from router.flows.maintenance import backfill_runner
from storage import backfills
from storage.backfills import Backfill

_messages = Table(
    "messages", MetaData(), Column("id", Text, primary_key=True), Column("text", Text), Column("length", BigInteger)
)
EXPAND = "ALTER TABLE messages ADD COLUMN length BIGINT"
MISSING = "SELECT count(*) FROM messages WHERE length IS NULL"
NAME = "message_lengths"


def _fill(connection: Connection, after: str, until: str) -> int:
    row = _messages.c
    missing = update(_messages).where(row.id > after, row.id <= until, row.length.is_(None))
    return connection.execute(missing.values(length=func.coalesce(func.length(row.text), 0))).rowcount


LENGTHS = Backfill(NAME, _messages, _fill)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", type=Path, required=True)
    args = parser.parse_args()
    backfills.DECLARED = (LENGTHS,)
    # a lease that a killed node left is free within seconds, so that tests need not wait for half a minute
    backfill_runner._SPAN, backfill_runner._TURN = timedelta(seconds=4), 0.5
    return asyncio.run(serve(Options(config=args.config, environment=dict(os.environ), watch=False)))


if __name__ == "__main__":
    sys.exit(main())

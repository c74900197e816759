"""The house as it is, with places to crash and, on request, one promise broken on purpose: `python -m tests.faults.house`.

Only tests run this. `--crash-at POINT:N` ends the process at the N-th passing of a checkpoint; `--mutant NAME` breaks a promise.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

from conversation.id_generator import new_id
from conversation.model.message import Accepted, InboundEvent, MessageReceived
from ops.commands.serve import Options, serve
from ops.composition.infrastructure import Replacements
from ops.system_clock import SystemClock
from router.flows.delivery import sender as dispatch
from router.flows.intake.inbox import IntakeFlow, Limits
from storage.database import bulk_sql as dialect
from storage.schema.conversations import conversations


def crash_at(spec: str | None) -> Callable[[str], None]:
    """Ends the process, as a power cut does, when `POINT` is passed for the N-th time."""
    if spec is None:
        return lambda _point: None
    point, _, count = spec.partition(":")
    left = [int(count or "1")]

    def check(passed: str) -> None:
        if passed == point:
            left[0] -= 1
            if left[0] == 0:
                os._exit(137)

    return check


class AcknowledgesFirst(IntakeFlow):
    """Mutant: says "stored" at once and stores later."""

    async def accept(
        self, events: Sequence[InboundEvent], *, cursor: Mapping[str, object] | None = None
    ) -> list[Accepted]:
        task = asyncio.ensure_future(super().accept(events, cursor=cursor))
        _LATER.add(task)
        task.add_done_callback(_LATER.discard)
        return [
            Accepted(external_id=e.external_id, conversation=new_id(), message=new_id(), queue="general")
            for e in events
        ]


_LATER: set[asyncio.Future[list[Accepted]]] = set()


class RepeatsAreNew(IntakeFlow):
    """Mutant: the key (channel, external id) means nothing, so a repeat is a new message."""

    async def accept(
        self, events: Sequence[InboundEvent], *, cursor: Mapping[str, object] | None = None
    ) -> list[Accepted]:
        renamed = [
            replace(e, external_id=f"{e.external_id}#{new_id()}") if isinstance(e, MessageReceived) else e
            for e in events
        ]
        return await super().accept(renamed, cursor=cursor)


def without_customer_lock() -> None:
    """Mutant: customers and their conversations are read, not locked."""
    locking = dialect.STATEMENTS[dialect.POSTGRESQL]
    living = dialect._LIVING[dialect.POSTGRESQL].replace(" FOR UPDATE", "")
    statements = cast("dict[str, dialect.Statements]", dialect.STATEMENTS)
    statements[dialect.POSTGRESQL] = replace(
        locking, locked=dialect._locked(dialect.POSTGRESQL, ""), living=dialect._raw(conversations, "c", living)
    )


class OneByOne(IntakeFlow):
    """No mutant: every message is a batch of its own, so that two at once are never decided together."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named, limits=Limits(batch=1))


def impatient() -> None:
    """No mutant: what a sender that died has left is found within seconds, so that tests need not wait for a minute."""
    dispatch._LEASE, dispatch._SEND_LIMIT = timedelta(seconds=4), 3.0


class MovedClock(SystemClock):
    """No mutant: the system's clock, put forward by as many seconds as stand in a file that a test writes."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=float(self._file.read_text()))


MUTANTS: dict[str, type[IntakeFlow]] = {"acknowledge-first": AcknowledgesFirst, "no-unique-key": RepeatsAreNew}


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--listen")
    parser.add_argument("--crash-at")
    parser.add_argument("--mutant", choices=[*MUTANTS, "no-customer-lock"])
    parser.add_argument("--one-by-one", action="store_true")
    parser.add_argument("--impatient", action="store_true")
    parser.add_argument("--clock", type=Path)
    args = parser.parse_args()
    if args.impatient:
        impatient()
    if args.mutant == "no-customer-lock":
        without_customer_lock()
    usual = OneByOne if args.one_by_one else IntakeFlow
    clock = MovedClock(args.clock) if args.clock else SystemClock()
    replaced = Replacements(
        clock=clock,
        follows_database=args.clock is None,
        intake=MUTANTS.get(args.mutant, usual),
        checkpoint=crash_at(args.crash_at),
    )
    options = Options(config=args.config, listen=args.listen, environment=dict(os.environ), watch=False)
    return asyncio.run(serve(options, replaced=replaced))


if __name__ == "__main__":
    sys.exit(main())

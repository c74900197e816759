"""`huntgroup restored`: the first command on a restored database, before any node serves it."""

import argparse

from ops.cli.database_session import actor, run_on_store
from ops.configuration.settings import Settings
from ops.system_clock import SystemClock
from router.flows.delivery.hold_unsent import hold_unsent
from storage.store import Store


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """No arguments of its own."""


def run(args: argparse.Namespace) -> int:
    """0 done, 1 the database cannot be used."""
    return run_on_store(args, _hold)


async def _hold(store: Store, _settings: Settings) -> int:
    clock = SystemClock()
    held = await hold_unsent(store, clock)
    async with store.begin("restored") as work:
        await work.rulebooks.audit(
            actor=actor(), action="database.restored", subject="", data={"held": held}, now=clock.now()
        )
    print(
        f"{held} messages waited to leave when the backup was made. They are uncertain now and not sent by themselves:"
    )
    print("agents see them in their conversations, and send again what did not arrive.")
    return 0

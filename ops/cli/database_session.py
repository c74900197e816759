"""For commands that work on the database while a server runs: open it, wait up to five seconds, let it go."""

import asyncio
import getpass
import os
import sys
from argparse import Namespace
from collections.abc import Awaitable, Callable

from conversation.errors import HuntgroupError
from ops.configuration.settings import Settings, load
from ops.configuration.sources import SettingsFaults
from ops.system_clock import SystemClock
from storage.migration import head_revision, upgrade
from storage.schema_window import fault_of
from storage.signals import open_signals
from storage.store import Store, open_storage

Doing = Callable[[Store, Settings], Awaitable[int]]


class UnfitSchema(HuntgroupError):
    """The schema is older or newer than this program can serve."""


def actor() -> str:
    """Who stands in the record for what a command did."""
    return f"{getpass.getuser()} (command line)"


async def opened(settings: Settings, doing: Doing) -> int:
    """Do it on the configured database. A SQLite file is migrated; a PostgreSQL schema outside this program's window is refused."""
    clock = SystemClock()
    service = settings.service
    database = service.database
    if database.startswith("sqlite"):
        await upgrade(database)
    signals = open_signals(service.signals, database=service.direct, clock=clock, nats=service.nats.options())
    await signals.start()
    try:
        async with open_storage(database, clock=clock, signals=signals, pool=service.pool) as store:
            fault = fault_of(await store.schema(), head_revision())
            if fault is not None:
                raise UnfitSchema(fault)
            return await doing(store, settings)
    finally:
        await signals.stop()


def run_on_store(args: Namespace, doing: Doing, *, need_secrets: bool = False) -> int:
    """Read the configuration, do it, and turn what people can mend into words; the exit code.

    In an emergency no command is stopped by a secret that it does not use: another account's, missing from this shell.
    """
    try:
        settings = load(args.config, os.environ, make_secrets=False, need_secrets=need_secrets)
    except SettingsFaults as faults:
        print(faults, file=sys.stderr)
        return 2
    try:
        return asyncio.run(opened(settings, doing))
    except HuntgroupError as error:
        print(f"huntgroup: {error}", file=sys.stderr)
        return 1

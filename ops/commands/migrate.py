"""`huntgroup migrate`: bring the database's schema up to date."""

import argparse
import asyncio
import os
import sys

from conversation.errors import HuntgroupError
from ops.cli.database_session import opened
from ops.configuration.settings import Settings, load
from ops.configuration.sources import SettingsFaults
from storage.migration import pending, schema_at, upgrade
from storage.schema_window import SchemaState
from storage.store import Store


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its own arguments."""
    parser.add_argument("--database", metavar="URL", help="instead of the configuration's")
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--dry-run", action="store_true", help="list the migrations that would be applied; change nothing"
    )
    what.add_argument("--status", action="store_true", help="show how far backfills have come; change nothing")


def run(args: argparse.Namespace) -> int:
    """Migrate; 0 when the schema is at its newest."""
    overrides = {"service.database": args.database, "service.database_direct": None} if args.database else {}
    try:
        settings = load(args.config, os.environ, overrides=overrides, make_secrets=False, need_secrets=False)
    except SettingsFaults as faults:
        print(faults, file=sys.stderr)
        return 2
    try:
        if args.dry_run:
            return _print_pending(asyncio.run(schema_at(settings.service.direct)))
        if args.status:
            return asyncio.run(opened(settings, _print_status))
        stands = asyncio.run(upgrade(settings.service.direct, progress=_print_progress))
    except HuntgroupError as error:
        print(f"huntgroup: {error}", file=sys.stderr)
        return 1
    print(f"the schema is at {stands}")
    return 0


async def _print_status(store: Store, _settings: Settings) -> int:
    print(f"the schema is at {(await store.schema()).revision}")
    async with store.read("backfills") as work:
        for one in await work.backfills.progress():
            print(one)
    return 0


def _print_progress(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def _print_pending(state: SchemaState) -> int:
    steps = pending(state)
    for step in steps:
        needs = f" (needs the backfill {', '.join(step.backfills)})" if step.backfills else ""
        print(f"{step.revision}: {step.title}{needs}")
    print(f"would be applied: {len(steps)}" if steps else f"the schema is at {state.revision}, nothing to do")
    return 0

"""`huntgroup migrate`: bring the database's schema up to date."""

import argparse
import asyncio
import os
import sys

from conversation.errors import HuntgroupError
from ops.configuration.settings import load
from ops.configuration.sources import SettingsFaults
from storage.store import head_revision, upgrade


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its own arguments."""
    parser.add_argument("--database", metavar="URL", help="instead of the configuration's")


def run(args: argparse.Namespace) -> int:
    """Migrate; 0 when the schema is at its newest."""
    overrides = {"service.database": args.database} if args.database else {}
    try:
        settings = load(args.config, os.environ, overrides=overrides, make_secrets=False, need_secrets=False)
    except SettingsFaults as faults:
        print(faults, file=sys.stderr)
        return 2
    try:
        asyncio.run(upgrade(settings.service.database))
    except HuntgroupError as error:
        print(f"huntgroup: {error}", file=sys.stderr)
        return 1
    print(f"the schema is at {head_revision()}")
    return 0

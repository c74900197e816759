"""`huntgroup do-not-call`: numbers that are never called, listed, added and removed."""

import argparse
import json
import sys

from conversation.errors import NotFound
from conversation.ports.storage.callbacks import BlockedNumber
from ops.cli.database_session import Doing, actor, run_on_store
from ops.configuration.settings import Settings
from ops.system_clock import SystemClock
from router.flows.callbacks.do_not_call import BadNumber, put_down, take_off
from storage.store import Store

_AT_ONCE = 500


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`do-not-call list`, `do-not-call add NUMBER --reason TEXT`, `do-not-call remove NUMBER`."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    listing = verbs.add_parser("list", help="all of them, by number")
    listing.add_argument("--json", action="store_true", help="print one JSON object a line")
    add = verbs.add_parser("add", help="never call it from now on")
    add.add_argument("number", metavar="NUMBER", help="with its country: +49 30 555000199")
    add.add_argument("--reason", required=True, metavar="TEXT", help="why: stands in the record")
    remove = verbs.add_parser("remove", help="it may be called again")
    remove.add_argument("number", metavar="NUMBER")


def run(args: argparse.Namespace) -> int:
    """0 done, 1 there was nothing to remove or the database cannot be used, 2 wrong usage."""
    verbs = {"list": _list, "add": _add, "remove": _remove}
    try:
        return run_on_store(args, verbs[args.verb](args))
    except BadNumber as error:
        print(f"huntgroup do-not-call: {error}", file=sys.stderr)
        return 2


def _list(args: argparse.Namespace) -> Doing:
    async def doing(store: Store, _: Settings) -> int:
        last = ""
        while True:
            async with store.read("do_not_call.list") as work:
                found = await work.callbacks.blocked(after=last, limit=_AT_ONCE)
            for one in found:
                print(json.dumps(_as_json(one), ensure_ascii=False) if args.json else _line(one))
            if len(found) < _AT_ONCE:
                return 0
            last = found[-1].number

    return doing


def _add(args: argparse.Namespace) -> Doing:
    async def doing(store: Store, _: Settings) -> int:
        async with store.begin("do_not_call.add") as work:
            now = SystemClock().now()
            number = await put_down(work, args.number, reason=args.reason, actor=actor(), now=now)
        print(f"{number} is not called any more")
        return 0

    return doing


def _remove(args: argparse.Namespace) -> Doing:
    async def doing(store: Store, _: Settings) -> int:
        try:
            async with store.begin("do_not_call.remove") as work:
                await take_off(work, args.number, actor=actor(), now=SystemClock().now())
        except NotFound as error:
            print(f"huntgroup do-not-call: {error}", file=sys.stderr)
            return 1
        return 0

    return doing


def _as_json(one: BlockedNumber) -> dict[str, object]:
    return {"number": one.number, "reason": one.reason, "at": one.at.isoformat()}


def _line(one: BlockedNumber) -> str:
    return f"{one.number} since {one.at:%Y-%m-%d %H:%M %Z}: {one.reason}"

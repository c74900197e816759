"""`huntgroup rules`: the revisions that were in force, what differs between them, and back to one of them."""

import argparse
import difflib
import json
import sys
from collections.abc import Iterator

from conversation.errors import NotFound
from conversation.ports.storage.rulebooks import Revision
from ops.cli.database_session import Doing, actor, run_on_store
from ops.configuration.settings import Settings
from ops.system_clock import SystemClock
from router.flows.maintenance.rulebook_activation import activate, found
from router.rules.rulebook import RuleFaults
from storage.store import Store

_LISTED = 50


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`rules list`, `rules diff REVISION [REVISION]`, `rules activate REVISION`."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    listing = verbs.add_parser("list", help="newest first; * is in force")
    listing.add_argument("--json", action="store_true", help="print one JSON object a line")
    diff = verbs.add_parser("diff", help="what differs from the rules in force, or between two revisions")
    diff.add_argument("revision", metavar="REVISION", help="an id, its end, or the beginning of a digest")
    diff.add_argument("other", nargs="?", metavar="REVISION")
    back = verbs.add_parser("activate", help="make it the one in force on every node")
    back.add_argument("revision", metavar="REVISION")


def run(args: argparse.Namespace) -> int:
    """0 done, 1 there is no such revision or it no longer fits the channels."""
    verbs = {"list": _list, "diff": _diff, "activate": _activate}
    try:
        return run_on_store(args, verbs[args.verb](args))
    except RuleFaults as faults:
        print(f"huntgroup rules: nothing was activated: {faults}", file=sys.stderr)
        return 1


def _list(args: argparse.Namespace) -> Doing:
    async def doing(store: Store, _: Settings) -> int:
        async with store.read("rules.list") as work:
            known = await work.rulebooks.newest(_LISTED)
        for one in known:
            print(json.dumps(_as_json(one), ensure_ascii=False) if args.json else _line(one))
        return 0

    return doing


def _diff(args: argparse.Namespace) -> Doing:
    async def doing(store: Store, _: Settings) -> int:
        async with store.read("rules.diff") as work:
            one = await found(work, args.revision)
            other = await found(work, args.other) if args.other else await work.rulebooks.active()
        if other is None:
            raise NotFound("no rules are in force")
        print("\n".join(difference(one, other)) or "nothing differs")
        return 0

    return doing


def _activate(args: argparse.Namespace) -> Doing:
    async def doing(store: Store, settings: Settings) -> int:
        async with store.begin("rules.activate") as work:
            made = await activate(work, args.revision, channels=settings.hints, actor=actor(), clock=SystemClock())
        print(_line(made))
        return 0

    return doing


def difference(one: Revision, other: Revision) -> Iterator[str]:
    """The lines that differ, as `diff -u` shows them."""
    return difflib.unified_diff(_lines(one), _lines(other), fromfile=one.id, tofile=other.id, lineterm="")


def _lines(revision: Revision) -> list[str]:
    return json.dumps(json.loads(revision.source), ensure_ascii=False, indent=1).splitlines()


def _as_json(one: Revision) -> dict[str, object]:
    return {
        "id": one.id,
        "digest": one.digest,
        "author": one.author,
        "at": one.at.isoformat(),
        "active": one.active,
    }


def _line(one: Revision) -> str:
    return f"{'*' if one.active else ' '} {one.id}  {one.at:%Y-%m-%d %H:%M:%S}Z  {one.digest[:12]}  {one.author}"

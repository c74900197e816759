"""`huntgroup rules`: the revisions that were in force, what differs between them, another one in force, and back again."""

import argparse
import asyncio
import difflib
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from conversation.errors import NotFound
from conversation.ports.storage.rulebooks import Revision
from ops.cli.database_session import Doing, actor, run_on_store
from ops.composition.node_registry import nodes_without
from ops.configuration.settings import Settings
from ops.rule_analysis.checking import check
from ops.system_clock import SystemClock
from router.flows.maintenance.rulebook_activation import activate, found, put_in_force, roll_back
from router.rules.durations import parse_duration
from router.rules.rulebook import RuleFaults
from storage.store import Store

_LISTED = 50
_LOOK = 0.5  # seconds between two looks at who follows


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`rules list`, `rules diff REVISION [REVISION]`, `rules activate FILE|REVISION`, `rules apply FILE`, `rules rollback`."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    listing = verbs.add_parser("list", help="newest first; * is in force")
    listing.add_argument("--json", action="store_true", help="print one JSON object a line")
    diff = verbs.add_parser("diff", help="what differs from the rules in force, or between two revisions")
    diff.add_argument("revision", metavar="REVISION", help="an id, its end, or the beginning of a digest")
    diff.add_argument("other", nargs="?", metavar="REVISION")
    into = verbs.add_parser("activate", help="bring a file's rules, or a known revision, in force on every node")
    into.add_argument("rules", metavar="FILE|REVISION", help="a file is checked, and its own tests are run, before")
    apply = verbs.add_parser("apply", help="activate a file's rules, for a job that deploys; see --wait")
    apply.add_argument("rules", metavar="FILE")
    apply.add_argument("--wait", action="store_true", help="until every living node decides by them")
    apply.add_argument("--timeout", metavar="SPAN", default="60s", help="how long to wait at most (%(default)s)")
    verbs.add_parser("rollback", help="back to the rules that were in force before; again: one step further back")


def run(args: argparse.Namespace) -> int:
    """0 done; 1 there is no such revision, it no longer fits the channels, the file has a fault, or a node does not follow in time."""
    verbs = {"list": _list, "diff": _diff, "activate": _activate, "apply": _apply, "rollback": _roll_back}
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
    path = Path(args.rules)
    is_file = path.suffix == ".toml" or path.is_file()

    async def doing(store: Store, settings: Settings) -> int:
        if is_file:
            return 0 if await _activate_file(store, path) else 1
        async with store.begin("rules.activate") as work:
            made = await activate(work, args.rules, channels=settings.hints, actor=actor(), clock=SystemClock())
        print(_line(made))
        return 0

    return doing


async def _activate_file(store: Store, path: Path) -> Revision | None:
    """What is in force now; None where the file has faults, which are printed."""
    result = await asyncio.to_thread(check, path, dict(os.environ))
    if not result.ok or result.settings is None:
        for problem in result.problems:
            print(problem, file=sys.stderr)
        print(f"huntgroup rules: nothing was activated: {path} has {len(result.problems)} faults", file=sys.stderr)
        return None
    given = result.settings
    async with store.begin("rules.activate") as work:
        made = await put_in_force(work, digest=given.digest, source=given.source, actor=actor(), clock=SystemClock())
    print(_line(made))
    return made


def _apply(args: argparse.Namespace) -> Doing:
    path, patience = Path(args.rules), parse_duration(args.timeout).total_seconds()

    async def doing(store: Store, _: Settings) -> int:
        made = await _activate_file(store, path)
        if made is None:
            return 1
        return await _wait_for_nodes(store, made, patience) if args.wait else 0

    return doing


async def _wait_for_nodes(store: Store, revision: Revision, patience: float) -> int:
    until, shown = time.monotonic() + patience, -1
    while True:
        nodes, behind = await nodes_without(store, revision.id)
        if not behind:
            print(f"{len(nodes)} of {len(nodes)} nodes decide by it")
            return 0
        if time.monotonic() > until:
            words = f"after {patience:g} s these nodes do not decide by it: {', '.join(sorted(behind))}"
            print(f"huntgroup rules: {words}", file=sys.stderr)
            return 1
        if len(behind) != shown:
            print(f"{len(nodes) - len(behind)} of {len(nodes)} nodes decide by it", flush=True)
        shown = len(behind)
        await asyncio.sleep(_LOOK)


def _roll_back(_args: argparse.Namespace) -> Doing:
    async def doing(store: Store, settings: Settings) -> int:
        async with store.begin("rules.rollback") as work:
            made = await roll_back(work, channels=settings.hints, actor=actor(), clock=SystemClock())
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

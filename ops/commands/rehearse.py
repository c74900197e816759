"""`rehearse NEW.toml`: replay stored traffic under a new file, and report what would have gone elsewhere."""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from conversation.model.decision import StoredDecision
from conversation.ports.storage import Storage, Work
from ops.cli.database_session import run_on_store
from ops.cli.progress import Progress
from ops.cli.time_arguments import moment
from ops.configuration.settings import Settings, load
from ops.configuration.sources import SettingsFaults
from ops.rule_analysis.replay import Found, Rehearsal
from ops.system_clock import SystemClock
from router.understanding.language_detector import load_detector
from storage.store import Store

_PAGE = 1_000
_DAY = 86_400
_HOUR = 3_600
_MINUTE = 60


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`rehearse [--since 30d] [--json] NEW.toml`."""
    parser.add_argument("file", type=Path, metavar="NEW.toml", help="the rules to try")
    parser.add_argument(
        "--since", default="30d", metavar="SPAN", help="how far back: 12h, 30d, or a time with its zone (default: 30d)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """0 printed, 1 the database cannot be used, 2 wrong usage or an unreadable configuration."""
    try:
        since = moment(args.since, SystemClock().now())
        new = load(args.file, os.environ, make_secrets=False, need_secrets=False)
    except (SettingsFaults, ValueError) as error:
        print(error if isinstance(error, SettingsFaults) else f"huntgroup rehearse: {error}", file=sys.stderr)
        return 2

    async def doing(store: Store, settings: Settings) -> int:
        found = await rehearse(store, settings, new, since)
        result = {"file": str(args.file), "since": since.isoformat(), **found.as_json()}
        print(json.dumps(result, ensure_ascii=False) if args.json else "\n".join(as_text(result)))
        return 0

    return run_on_store(args, doing)


async def rehearse(storage: Storage, settings: Settings, new: Settings, since: datetime) -> Found:
    """Everything decided since then, page by page, so that any number needs the memory of one page."""
    async with storage.read("rehearse.count") as work:
        total = await work.decisions.count(since)
        overrides = await work.overrides.since(since)
    rehearsal = Rehearsal(settings, new, load_detector(new.document.languages.offered), overrides)
    after: str | None = None
    with Progress("deciding again", total) as progress:
        while True:
            async with storage.read("rehearse") as work:
                page = await work.decisions.stream(since, after=after, limit=_PAGE)
                await _add_revisions(work, rehearsal, page)
            for stored in page:
                rehearsal.add(stored)
                progress.step()
            if len(page) < _PAGE:
                return rehearsal.found
            after = page[-1].id


async def _add_revisions(work: Work, rehearsal: Rehearsal, page: list[StoredDecision]) -> None:
    for revision in {stored.decision.revision for stored in page}:
        if not rehearsal.knows(revision):
            kept = await work.rulebooks.get(revision)
            rehearsal.add_revision(revision, None if kept is None else kept.source)


# -- for people --------------------------------------------------------------------------------------------------------


def as_text(result: Mapping[str, Any]) -> Iterator[str]:
    """The findings as lines to read."""
    decided, changed = result["decided"], result["changed"]
    yield f"{decided:,} decisions since {result['since'][:16]} decided again under {result['file']}"
    if result["unclear"]:
        yield f"{result['unclear']:,} cannot be compared: their text is gone and it mattered"
    if not changed:
        yield "nothing would change"
        return
    yield f"{changed:,} would come out otherwise ({_share(changed, decided)}), in {result['conversations']:,} conversations"
    yield from _moves(result["moves"])
    for label, pairs in (("priority", result["priorities"]), ("reply", result["replies"])):
        for one in pairs:
            yield f"{label}: {one['from']} -> {one['to']}: {one['count']:,}"
    yield from _promises(result["service_level"])
    rest = {
        name: count for name, count in result["changes"].items() if name in ("language", "issue", "open", "webhooks")
    }
    for name, count in rest.items():
        yield f"{name}: {count:,} differ"


def _moves(moves: list[Mapping[str, Any]]) -> Iterator[str]:
    for move in moves:
        yield f"{move['from']} -> {move['to']}: {move['count']:,}"
        for one in move["examples"]:
            yield f'    {one["reference"]}  "{one["text"]}"  ({one["was"]} -> {one["now"]})'


def _promises(level: Mapping[str, Any]) -> Iterator[str]:
    named = (
        ("earlier", "to be answered earlier"),
        ("later", "to be answered later"),
        ("promised", "promised an answer where none was"),
        ("dropped", "promised none any more"),
    )
    parts = [f"{level[key]:,} {words}" for key, words in named if level[key]]
    if parts:
        shift = level["median_shift_seconds"]
        half = "" if shift is None else f"; by the median {_span(abs(shift))} {'earlier' if shift < 0 else 'later'}"
        yield f"service level: {', '.join(parts)}{half}"


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %"


def _span(seconds: float) -> str:
    span = timedelta(seconds=round(seconds)).total_seconds()
    for size, unit in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if span >= size:
            return f"{span / size:.1f}".removesuffix(".0") + f" {unit}"
    return f"{span:.0f} s"

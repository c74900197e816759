"""`huntgroup hours`: open or close a calendar at once, until some time, whatever the file says."""

import argparse
import json
import sys
from datetime import datetime

from conversation.errors import NotFound
from conversation.ports.storage import Work
from conversation.ports.storage.hours_overrides import Override
from ops.cli.database_session import Doing, actor, run_on_store
from ops.configuration.settings import Settings, parse_rules
from ops.system_clock import SystemClock
from router.flows.maintenance.hours_override import BadOverride, declare, withdraw
from router.hours.calendars import Calendars
from router.rules.durations import parse_duration
from storage.store import Store


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`hours override CALENDAR open|closed --until TIME --reason TEXT`, `hours list`, `hours clear CALENDAR`."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    override = verbs.add_parser("override", help="from now on, until then")
    override.add_argument("calendar", metavar="CALENDAR")
    override.add_argument("state", choices=("open", "closed"))
    override.add_argument(
        "--until", required=True, metavar="TIME", help="a span (2h) or a time with its zone (2026-11-23T18:00:00+08:00)"
    )
    override.add_argument("--reason", required=True, metavar="TEXT", help="why: stands in the record")
    override.add_argument("--json", action="store_true", help="print JSON")
    listing = verbs.add_parser("list", help="those that stand")
    listing.add_argument("--json", action="store_true", help="print one JSON object a line")
    clear = verbs.add_parser("clear", help="the hours of the file count again")
    clear.add_argument("calendar", metavar="CALENDAR")


def run(args: argparse.Namespace) -> int:
    """0 done, 1 there was nothing to clear or the database cannot be used, 2 wrong usage."""
    verbs = {"override": _override, "list": _list, "clear": _clear}
    try:
        return run_on_store(args, verbs[args.verb](args))
    except BadOverride as error:
        print(f"huntgroup hours: {error}", file=sys.stderr)
        return 2


def _override(args: argparse.Namespace) -> Doing:
    async def doing(store: Store, settings: Settings) -> int:
        now = SystemClock().now()
        async with store.begin("hours.override") as work:
            made = await declare(
                work,
                await _calendars(work, settings),
                calendar=args.calendar,
                is_open=args.state == "open",
                until=_until(args.until, now),
                reason=args.reason,
                actor=actor(),
                now=now,
            )
        print(json.dumps(as_json(made), ensure_ascii=False) if args.json else _line(made))
        return 0

    return doing


def _list(args: argparse.Namespace) -> Doing:
    async def doing(store: Store, _: Settings) -> int:
        async with store.read("hours.list") as work:
            active = await work.overrides.active(SystemClock().now())
        for one in active:
            print(json.dumps(as_json(one), ensure_ascii=False) if args.json else _line(one))
        return 0

    return doing


def _clear(args: argparse.Namespace) -> Doing:
    async def doing(store: Store, _: Settings) -> int:
        try:
            async with store.begin("hours.clear") as work:
                await withdraw(work, calendar=args.calendar, actor=actor(), now=SystemClock().now())
        except NotFound as error:
            print(f"huntgroup hours: {error}", file=sys.stderr)
            return 1
        return 0

    return doing


async def _calendars(work: Work, settings: Settings) -> Calendars:
    """Those of the rules in force, which need not be those of the file."""
    active = await work.rulebooks.active()
    return parse_rules(settings.source if active is None else active.source, settings.hints).calendars


def _until(text: str, now: datetime) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        try:
            return now + parse_duration(text)
        except ValueError as error:
            raise BadOverride(f"--until: {error}; or a time with its zone") from error
    if at.tzinfo is None:
        raise BadOverride(f"--until: '{text}' has no zone: write it like 2026-11-23T18:00:00+08:00")
    return at


def as_json(one: Override) -> dict[str, object]:
    """One override."""
    return {
        "calendar": one.calendar,
        "open": one.open,
        "since": one.since.isoformat(),
        "until": one.until.isoformat(),
        "reason": one.reason,
        "author": one.author,
    }


def _line(one: Override) -> str:
    state = "open" if one.open else "closed"
    return f"{one.calendar} is {state} until {one.until:%Y-%m-%d %H:%M %Z}: {one.reason} ({one.author})"

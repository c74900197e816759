"""`report`: what happened on the channels, as tables, as JSON, or as one page with charts."""

import argparse
import json
import sys
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from conversation.ports.storage import Storage, Work
from conversation.ports.storage.figures import Calls, Unanswered, Waiting, Window
from ops.cli.database_session import run_on_store
from ops.cli.time_arguments import moment
from ops.configuration.settings import Settings, parse_rules
from ops.reporting.figures import SOON, UNKNOWN, Lives, Row, corrections, handled, talk
from ops.reporting.html import as_page
from ops.reporting.tables import as_text
from ops.reporting.translations import LANGUAGES
from ops.rule_analysis.with_overrides import under
from ops.system_clock import SystemClock
from storage.store import Store

_PAGE = 5_000
_REACHED = ("connected", "done")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`report [--since 7d] [--until TIME] [--timezone ZONE] [--language LANG] [--json] [--html FILE]`."""
    parser.add_argument("--since", default="7d", metavar="SPAN", help="12h, 30d, or a time with its zone (default: 7d)")
    parser.add_argument("--until", metavar="SPAN", help="the same (default: now)")
    parser.add_argument("--timezone", default="UTC", metavar="ZONE", help="whose days are counted (default: UTC)")
    parser.add_argument("--language", default="en", choices=LANGUAGES, help="of the tables and the page (default: en)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write one page with charts")


def run(args: argparse.Namespace) -> int:
    """0 printed, 1 the database cannot be used, 2 wrong usage or an unreadable configuration."""
    now = SystemClock().now()
    try:
        window, zone = _window(args, now), ZoneInfo(args.timezone)
    except (ValueError, ZoneInfoNotFoundError) as error:
        print(f"huntgroup report: {error}", file=sys.stderr)
        return 2

    async def doing(store: Store, settings: Settings) -> int:
        result = await report(store, settings, window, zone, now=now)
        return _print(result, args)

    return run_on_store(args, doing)


def _window(args: argparse.Namespace, now: datetime) -> Window:
    window = Window(moment(args.since, now), now if args.until is None else moment(args.until, now))
    if window.until <= window.since:
        raise ValueError("--until is not after --since")
    return window


def _print(result: Row, args: argparse.Namespace) -> int:
    if args.html is not None:
        try:
            args.html.write_text(as_page(result, args.language), encoding="utf-8")
        except OSError as error:
            print(f"huntgroup report: {error}", file=sys.stderr)
            return 2
    if args.json:
        print(json.dumps(result, ensure_ascii=False))
    elif args.html is None:
        print("\n".join(as_text(result, args.language)))
    return 0


async def report(storage: Storage, settings: Settings, window: Window, zone: ZoneInfo, *, now: datetime) -> Row:
    """All figures of the window under the names that `--json` promises; `waiting` and `webhooks` are of now."""
    lives = await _lives(storage, settings, window, zone)
    async with storage.read("report") as work:
        counted = await _counted(work, window, now)
    since, until = window.since.astimezone(zone).isoformat(), window.until.astimezone(zone).isoformat()
    volumes = lives.volumes()
    head: Row = {"since": since, "until": until, "timezone": zone.key, "handled_since": counted.pop("handled_since")}
    opened = sum(row["count"] for row in volumes["per_day"])
    return {**head, "opened": opened, **volumes, "times": lives.times(), "service_level": lives.levels(), **counted}


async def _lives(storage: Storage, settings: Settings, window: Window, zone: ZoneInfo) -> Lives:
    """Page by page, so that any number needs the memory of its times only."""
    async with storage.read("report.hours") as work:
        overrides = await work.overrides.since(window.since)
    lives = Lives(under(parse_rules(settings.source, settings.hints), overrides), window, zone)
    after: str | None = None
    while True:
        async with storage.read("report.conversations") as work:
            page = await work.figures.lived(window, after=after, limit=_PAGE)
        for lived in page:
            lives.add(lived)
        if len(page) < _PAGE:
            return lives
        after = page[-1].id


async def _counted(work: Work, window: Window, now: datetime) -> Row:
    figures = work.figures
    channels, troubles = talk(await figures.messages(window))
    feed = await figures.handled_since()
    wrong = corrections(await figures.transfers(window, SOON), await figures.relabels(window))
    return {
        "handled_since": None if feed is None else feed.isoformat(),
        "waiting": [
            {
                "queue": one.queue,
                "language": one.language or UNKNOWN,
                "count": one.count,
                "oldest_seconds": _age(one, now),
            }
            for one in await figures.waiting()
        ],
        "handled": handled(await figures.handled(window)),
        **wrong,
        "messages": channels,
        "troubles": troubles,
        "callbacks": _callbacks(await figures.calls(window)),
        "quarantine": [
            {"channel": channel, "code": code, "count": count}
            for (channel, code), count in sorted((await figures.quarantined(window)).items())
        ],
        "webhooks": [
            {"webhook": one.webhook, "count": one.count, "oldest_seconds": _age(one, now)}
            for one in await figures.unacknowledged()
        ],
    }


def _age(one: Waiting | Unanswered, now: datetime) -> int:
    return max(round((now - one.since).total_seconds()), 0)


def _callbacks(calls: list[Calls]) -> list[Row]:
    """By account: asked for, reached, tries, slots that passed with nobody on them."""
    channels: dict[str, Row] = {}
    for one in calls:
        row = channels.setdefault(
            one.channel, {"channel": one.channel, "asked": 0, "reached": 0, "attempts": 0, "missed": 0}
        )
        row["asked"] += one.count
        row["reached"] += one.count if one.state in _REACHED else 0
        row["attempts"] += one.attempts
        row["missed"] += one.missed
    return list(channels.values())

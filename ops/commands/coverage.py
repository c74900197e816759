"""`coverage`: for each language x issue x channel, who serves it in each quarter of an hour; the holes listed."""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from ops.configuration.settings import load, parse_rules
from ops.configuration.sources import SettingsFaults
from ops.rule_analysis.staff_coverage import QUARTER, Combination, Coverage, Timeline, holes, open_time
from ops.system_clock import SystemClock
from router.rules.rulebook import RuleBook

_MOST_DAYS = 366
_DAY = timedelta(days=1)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`coverage [--days 14] [--from TIME] [--grid] [--json]`."""
    parser.add_argument("--days", type=int, default=14, metavar="N", help="how many days to look ahead (default: 14)")
    parser.add_argument("--from", dest="start", metavar="TIME", help="from when, with a zone (default: now)")
    parser.add_argument(
        "--grid", action="store_true", help="a line a day: # served, . not, ~ in part of the quarter hour"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """0 printed, 1 there are combinations that nobody ever serves, 2 wrong usage or an unreadable configuration."""
    try:
        start = _start(args.start)
        settings = load(args.config, os.environ, make_secrets=False, need_secrets=False)
    except (SettingsFaults, ValueError) as error:
        print(error if isinstance(error, SettingsFaults) else f"huntgroup coverage: {error}", file=sys.stderr)
        return 2
    if not 1 <= args.days <= _MOST_DAYS:
        print(f"huntgroup coverage: --days is 1 to {_MOST_DAYS}", file=sys.stderr)
        return 2
    rulebook = parse_rules(settings.source, settings.hints)
    coverage = Coverage(rulebook, start, start + args.days * _DAY)
    report = as_json(coverage)
    if args.json:
        print(json.dumps(report, ensure_ascii=False))
    else:
        print("\n".join(as_text(coverage, rulebook, grid=args.grid)))
    return 1 if report["never_served"] else 0


def _start(text: str | None) -> datetime:
    """On the quarter hour. Raises `ValueError`."""
    at = SystemClock().now() if text is None else datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"'{text}' has no zone: write it like 2026-11-23T00:00:00+08:00")
    return at - timedelta(minutes=at.minute % 15, seconds=at.second, microseconds=at.microsecond)


def as_json(coverage: Coverage) -> dict[str, Any]:
    """Timelines once, combinations by their number."""
    groups = coverage.groups()
    numbers = {timeline: number for number, timeline in enumerate(groups)}
    return {
        "from": coverage.start.isoformat(),
        "to": coverage.end.isoformat(),
        "combinations": [
            {**_named(one), "timeline": numbers[timeline]} for one, timeline in coverage.timelines.items()
        ],
        "timelines": [_timeline(coverage, timeline) for timeline in groups],
        "never_served": [_named(one) for one in coverage.never_served()],
    }


def _named(one: Combination) -> dict[str, str]:
    return {"language": one.language, "issue": one.issue, "channel": one.channel}


def _timeline(coverage: Coverage, timeline: Timeline) -> dict[str, Any]:
    return {
        "spans": [
            {"start": span.start.isoformat(), "end": span.end.isoformat(), "queue": span.queue, "open": span.open}
            for span in timeline
        ],
        "holes": [{"start": start.isoformat(), "end": end.isoformat()} for start, end in holes(timeline)],
        "open_hours": round(open_time(timeline).total_seconds() / 3600, 2),
        "quarters": coverage.quarters(timeline),
    }


# -- for people --------------------------------------------------------------------------------------------------------


def as_text(coverage: Coverage, rulebook: RuleBook, *, grid: bool = False) -> Iterator[str]:
    """What has the same holes together: who has which work, then the holes, in the calendar's own zone."""
    days, number = (coverage.end - coverage.start).days, len(coverage.timelines)
    yield f"{days} days from {coverage.start:%Y-%m-%d %H:%M} UTC, {number} combinations of language, issue and channel"
    groups = coverage.groups()
    alike: dict[tuple[object, ...], list[Timeline]] = {}
    for timeline, combinations in groups.items():
        zone = _zone(rulebook, timeline, combinations)
        alike.setdefault((str(zone), *holes(timeline)), []).append(timeline)
    for (zone_name, *_), timelines in alike.items():
        yield ""
        for timeline in timelines:
            queues = ", ".join(dict.fromkeys(span.queue for span in timeline))
            yield from (f"{queues:12} {words}" for words in _names(groups[timeline]))
        share = open_time(timelines[0]) / (coverage.end - coverage.start)
        yield f"    open {100 * share:.0f} % of the time, shown in {zone_name}"
        zone = ZoneInfo(str(zone_name))
        yield from _grid(coverage, timelines[0], zone) if grid else _hole_lines(timelines[0], zone)
    never = coverage.never_served()
    if never:
        yield ""
        yield f"{len(never)} combinations are never served: {'; '.join(_names(never))}"


def _zone(rulebook: RuleBook, timeline: Timeline, combinations: Sequence[Combination]) -> ZoneInfo:
    queue = rulebook.queues[timeline[0].queue]
    return rulebook.calendars.zone(queue.hours, combinations[0].language)


def _names(combinations: Sequence[Combination]) -> Iterator[str]:
    """`zh, en · topup, card · site, app`: as few lines as the combinations allow."""
    channels: dict[tuple[str, str], list[str]] = {}
    for one in combinations:
        channels.setdefault((one.language, one.issue), []).append(one.channel)
    issues: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (language, issue), found in channels.items():
        issues.setdefault((language, tuple(found)), []).append(issue)
    languages: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for (language, reached), named in issues.items():
        languages.setdefault((tuple(named), reached), []).append(language)
    for (named_issues, reached), served_languages in languages.items():
        yield f"{', '.join(served_languages)} · {', '.join(named_issues)} · {', '.join(reached)}"


def _hole_lines(timeline: Timeline, zone: ZoneInfo) -> Iterator[str]:
    """The holes of each local day; days with the same ones share a line."""
    by_day: dict[datetime, list[str]] = {}
    for start, end in holes(timeline):
        for day, words in _cut(start, end, zone):
            by_day.setdefault(day, []).append(words)
    alike: dict[str, list[datetime]] = {}
    for day, parts in by_day.items():
        alike.setdefault(" ".join(parts), []).append(day)
    if not alike:
        yield "    no hole"
    for words, found in alike.items():
        yield f"    nobody {words} on {', '.join(f'{day:%a %m-%d}' for day in found)}"


def _cut(start: datetime, end: datetime, zone: ZoneInfo) -> Iterator[tuple[datetime, str]]:
    """A hole by local days; 24:00 is the end of one. Compared as instants: an hour may come twice."""
    while start < end:
        local = start.astimezone(zone)
        day = datetime.combine(local.date(), time(), zone)
        midnight = datetime.combine(local.date() + _DAY, time(), zone).astimezone(UTC)
        until = min(end, midnight)
        closing = "24:00" if until == midnight else f"{until.astimezone(zone):%H:%M}"
        yield day, f"{local:%H:%M}-{closing}"
        start = until


def _grid(coverage: Coverage, timeline: Timeline, zone: ZoneInfo) -> Iterator[str]:
    letters = coverage.quarters(timeline)
    rows: dict[str, list[str]] = {}
    for number, letter in enumerate(letters):
        at = (coverage.start + number * QUARTER).astimezone(zone)
        if at.date().isoformat() not in rows:
            rows[at.date().isoformat()] = [" "] * ((at.hour * 60 + at.minute) // 15)
        rows[at.date().isoformat()].append(letter)
    for day, row in rows.items():
        yield f"    {datetime.fromisoformat(day):%a %m-%d} {''.join(row)}"

"""`simulate`: the same arrivals over another team or other rules, with the real router on a virtual clock."""

import argparse
import json
import os
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from conversation.model.people import Agent
from conversation.ports.storage import Storage
from conversation.ports.storage.figures import Window
from conversation.ports.storage.hours_overrides import Override
from ops.cli.database_session import run_on_store
from ops.cli.time_arguments import moment
from ops.configuration.settings import Settings, load, parse_rules
from ops.configuration.sources import SettingsFaults
from ops.reporting.figures import MEDIAN, P90, Row, percentile
from ops.reporting.tables import span
from ops.rule_analysis.replay import Rehearsal
from ops.rule_analysis.with_overrides import under
from ops.simulation.arrivals import Came, Handling, arrivals, handling_times, stored, synthetic
from ops.simulation.results import result
from ops.simulation.simulator import Worker
from ops.simulation.team import WEEK, Hiring, Team, hiring_of, week_of
from ops.system_clock import SystemClock
from router.hours.calendar import Interval
from router.rules.durations import parse_duration
from router.rules.rulebook import RuleBook
from router.understanding.language_detector import load_detector
from storage.store import Store

_ALMOST_A_WEEK = WEEK - timedelta(hours=12)  # the feed forgets once an hour, and at night nobody comes or goes


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked. `new` None and nobody added or removed: only how it is."""

    window: Window
    new: Settings | None
    add: tuple[Hiring, ...]
    remove: tuple[str, ...]
    synthetic: float | None
    handling: timedelta
    seed: int

    @property
    def changes(self) -> bool:
        """Whether there is something to compare with."""
        return self.new is not None or bool(self.add or self.remove)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`simulate [NEW.toml] [--since 30d] [--add-agent SPEC] [--remove-agent EMAIL] [--synthetic N] [--seed 7] [--json]`."""
    parser.add_argument("file", nargs="?", type=Path, metavar="NEW.toml", help="other rules to try")
    parser.add_argument(
        "--since", default="30d", metavar="SPAN", help="12h, 30d, or a time with its zone (default: 30d)"
    )
    parser.add_argument("--until", metavar="SPAN", help="the same (default: now)")
    parser.add_argument(
        "--add-agent",
        action="append",
        default=[],
        metavar="SPEC",
        help="languages=de:4,en:3,skills=payments:3,hours=berlin; also queues=, capacity=chat:2, count=2; may be repeated",
    )
    parser.add_argument("--remove-agent", action="append", default=[], metavar="EMAIL", help="may be repeated")
    parser.add_argument("--synthetic", type=float, metavar="N", help="N conversations a day instead of the stored ones")
    parser.add_argument(
        "--handling", default="8m", metavar="SPAN", help="the mean where no handling time is stored (default: 8m)"
    )
    parser.add_argument("--seed", type=int, default=7, metavar="N", help="the same seed, the same result (default: 7)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """0 printed, 1 the database cannot be used, 2 wrong usage or an unreadable configuration."""
    try:
        question = _question(args, SystemClock().now())
    except (SettingsFaults, ValueError, argparse.ArgumentTypeError) as error:
        print(error if isinstance(error, SettingsFaults) else f"huntgroup simulate: {error}", file=sys.stderr)
        return 2

    async def doing(store: Store, settings: Settings) -> int:
        try:
            result = await simulate(store, settings, question)
        except ValueError as error:
            print(f"huntgroup simulate: {error}", file=sys.stderr)
            return 2
        print(json.dumps(result, ensure_ascii=False) if args.json else "\n".join(as_text(result)))
        return 0

    return run_on_store(args, doing)


def _question(args: argparse.Namespace, now: datetime) -> Question:
    window = Window(moment(args.since, now), now if args.until is None else moment(args.until, now))
    handling = parse_duration(args.handling)
    if window.until <= window.since:
        raise ValueError("--until is not after --since")
    if (args.synthetic is not None and not args.synthetic > 0) or not handling:
        raise ValueError("--synthetic and --handling are more than nothing")
    return Question(
        window=window,
        new=None if args.file is None else load(args.file, os.environ, make_secrets=False, need_secrets=False),
        add=tuple(map(hiring_of, args.add_agent)),
        remove=tuple(args.remove_agent),
        synthetic=args.synthetic,
        handling=handling,
        seed=args.seed,
    )


@dataclass(frozen=True, slots=True)
class _Known:
    """What is read from the store before anything is simulated."""

    agents: list[Agent]
    week: dict[str, tuple[Interval, ...]]
    overrides: list[Override]
    handling: dict[str, list[float]]


async def simulate(storage: Storage, settings: Settings, question: Question) -> Row:
    """The figures that `--json` promises. Raises `ValueError` for an agent, queue or calendar that does not exist."""
    known = await _known(storage, question.window)
    files = (settings, question.new or settings)
    rulebooks = [under(parse_rules(one.source, one.hints), known.overrides) for one in files]
    teams = _teams(rulebooks, question, known)  # first: what is wrong with the question is reported at once
    dice = random.Random(question.seed)  # noqa: S311 a simulation, no secret
    if question.synthetic is None:
        detector = load_detector(settings.document.languages.offered)
        rehearsals = [Rehearsal(settings, one, detector, known.overrides) for one in files]
        came = await stored(storage, question.window, rehearsals)
    else:
        came = list(synthetic(rulebooks, question.window, question.synthetic, dice))
    draw = Handling(known.handling, question.handling, dice).draw
    handled = [draw(one.kind) for one in came]
    results = [
        result(rulebook, team, arrivals(came, handled, place), question.window.until)
        for place, (rulebook, team) in enumerate(zip(rulebooks, teams, strict=True))
        if place == 0 or question.changes
    ]
    return {**_head(question, came, known), "baseline": results[0], "changed": results[1] if results[1:] else None}


async def _known(storage: Storage, window: Window) -> _Known:
    week = Window(window.until - WEEK, window.until)
    async with storage.read("simulate.team") as work:
        agents = await work.agents.all()
        overrides = await work.overrides.since(window.since)
        oldest = await work.figures.handled_since()
        seen = await work.figures.presences(week)
    reaches = oldest is not None and oldest <= window.until - _ALMOST_A_WEEK
    handling = await handling_times(storage, window)
    return _Known(agents, week_of(seen, window.until) if reaches else {}, overrides, handling)


def _teams(rulebooks: Sequence[RuleBook], question: Question, known: _Known) -> list[list[Worker]]:
    before, after = (Team(rulebook, question.window, known.week) for rulebook in rulebooks)
    changed = after.stored(known.agents, without=question.remove) + after.hired(question.add)
    return [before.stored(known.agents), changed]


def _head(question: Question, came: Sequence[Came], known: _Known) -> Row:
    handling = {
        kind: {
            "count": len(spans),
            "median_seconds": percentile(spans, MEDIAN),
            "p90_seconds": percentile(spans, P90),
        }
        for kind, spans in known.handling.items()
    }
    return {
        "since": question.window.since.isoformat(),
        "until": question.window.until.isoformat(),
        "seed": question.seed,
        "arrivals": len(came),
        "handling": handling,
        "shifts_seen": sorted(agent.email for agent in known.agents if agent.id in known.week),
    }


# -- for people --------------------------------------------------------------------------------------------------------


def as_text(result: Row) -> Iterator[str]:
    """Side by side: how it is, and how it would be."""
    yield f"{result['arrivals']:,} conversations from {result['since'][:16]} to {result['until'][:16]}, seed {result['seed']}"
    if not result["handling"]:
        yield "no handling time is stored: they are drawn around the one assumed"
    yield f"{'queue':16} {'language':8} {'number':>15}  {'service level':>19}  {'wait p50':>19}  {'wait p90':>21}  {'unanswered':>15}"
    now, then = result["baseline"], result["changed"]
    for key, (old, new) in _pairs(now["lines"], then and then["lines"], ("queue", "language")).items():
        levels = _both(old, new, "share", _percent)
        cells = [_both(old, new, f"wait_{rank}_seconds", span) for rank in ("median", "p90")]
        counts = [_both(old, new, name, "{:,}".format) for name in ("count", "unanswered")]
        yield f"{key[0]:16} {key[1]:8} {counts[0]:>15}  {levels:>19}  {cells[0]:>19}  {cells[1]:>21}  {counts[1]:>15}"
    yield ""
    yield f"{'agent':32} {'busy while on duty':>20}"
    for key, (old, new) in _pairs(now["agents"], then and then["agents"], ("agent",)).items():
        yield f"{key[0]:32} {_both(old, new, 'share', _percent):>20}"


def _pairs(now: list[Row], then: list[Row] | None, by: tuple[str, ...]) -> dict[tuple[str, ...], list[Row | None]]:
    """Rows of both under one name; None on a side that has no such row. Without a second side both are the first."""
    found: dict[tuple[str, ...], list[Row | None]] = {}
    for side, rows in enumerate((now, now if then is None else then)):
        for row in rows:
            found.setdefault(tuple(row[name] for name in by), [None, None])[side] = row
    return found


def _both(old: Row | None, new: Row | None, name: str, result: Any) -> str:
    first, second = (_cell(row, name, result) for row in (old, new))
    return first if first == second else f"{first} -> {second}"


def _cell(row: Row | None, name: str, result: Any) -> str:
    return "–" if row is None or row[name] is None else str(result(row[name]))


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"

"""`check`: every fault of a configuration with its line, the file's own tests, and warnings of what is probably not meant.

With `--mutate` also what its tests would not notice.
"""

import argparse
import json
import os
import sys
from pathlib import Path

from ops.configuration.settings import parse_rules
from ops.rule_analysis.checking import CheckResult, check
from ops.rule_analysis.mutation_testing import Mutated, as_text, mutate
from ops.system_clock import SystemClock
from router.understanding.language_detector import load_detector


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`check [PATH] [--strict] [--mutate] [--json]`."""
    parser.add_argument("path", nargs="?", type=Path, metavar="PATH", help="the file to check (default: --config)")
    parser.add_argument("--strict", action="store_true", help="warnings fail, too")
    parser.add_argument(
        "--mutate",
        action="store_true",
        help="change each rule, word, span and queue setting in turn and list what no test would notice",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """0 fine, 1 faults or failing tests (with --strict also warnings, and changes that nothing notices), 2 unreadable."""
    result = check(args.path or args.config, os.environ)
    mutated = _mutated(result) if args.mutate and result.ok else None
    if args.json:
        more = {"mutation": mutated.as_json(result.settings)} if mutated and result.settings else {}
        print(json.dumps({**result.as_json(), **more}, ensure_ascii=False))
    else:
        _print(result)
        for line in as_text(mutated, result.settings) if mutated and result.settings else ():
            print(line)
    if result.unreadable:
        return 2
    doubtful = result.warnings or (mutated is not None and mutated.survivors)
    return 1 if not result.ok or (args.strict and doubtful) else 0


def _mutated(result: CheckResult) -> Mutated | None:
    settings = result.settings
    if settings is None:
        return None
    rulebook = parse_rules(settings.source, settings.hints)
    return mutate(settings, rulebook, load_detector(rulebook.languages), SystemClock().now().date())


def _print(result: CheckResult) -> None:
    for one in result.problems:
        print(one)
    for one in sorted(result.warnings, key=lambda found: (found.file, found.line)):
        print(f"{one.file}:{one.line}: warning: {one.message}")
    print(_summary(result), file=sys.stdout if result.ok else sys.stderr)


def _summary(result: CheckResult) -> str:
    if result.settings is None:
        return f"{result.path}: {_counted(len(result.faults), 'fault')}"
    document = result.settings.document
    parts = [
        _counted(len(document.issues), "issue"),
        _counted(len(document.queues), "queue"),
        _counted(len(document.rules), "rule"),
        f"{_counted(result.passed, 'case')} passed, {result.failed} failed",
        _counted(len(result.warnings), "warning"),
    ]
    return f"{result.path}: {', '.join(parts)}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"

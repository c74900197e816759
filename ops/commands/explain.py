"""`explain`: what would happen to a message and why; the same for thousands; or why a stored conversation is where it is."""

import argparse
import asyncio
import json
import os
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TextIO

from conversation.errors import HuntgroupError
from ops.configuration.settings import Settings, load, parse_rules
from ops.configuration.sources import SettingsFaults
from ops.rule_analysis.dry_run import SOMEBODY, BadTrial, DryRun, TrialMessage
from ops.rule_analysis.explaining import explain_conversation, explain_lines, given_facts, instant
from ops.rule_analysis.explanation import as_text, explain
from ops.system_clock import SystemClock
from router.decision.classifier import Classifier, ModelInUse
from router.flows.intake.sanitize import clean_text
from router.understanding.language_detector import load_detector


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`explain --channel C --text T ...`, `explain --file F`, `explain CONVERSATION`."""
    parser.add_argument("conversation", nargs="?", metavar="CONVERSATION", help="a stored one, by id or reference")
    parser.add_argument("--channel", metavar="C", help="the account it arrives on")
    parser.add_argument("--text", metavar="T", help="what the message says")
    parser.add_argument("--from", dest="sender", default=SOMEBODY, metavar="ID", help="who says it")
    parser.add_argument("--at", metavar="TIME", help="when, for example 2026-11-23T03:00:00+08:00 (default: now)")
    parser.add_argument("--language", metavar="L", help="the language that the sender chose")
    parser.add_argument(
        "--set",
        dest="given",
        action="append",
        default=[],
        metavar="FACT=VALUE",
        help="a fact, for example customer.vip=true, verified=true, staffed=safety, conversation.queue=payments",
    )
    parser.add_argument(
        "--file", metavar="MESSAGES.jsonl", help="many messages, one JSON object a line; - is standard input"
    )
    parser.add_argument("--model", action="store_true", help="ask the issue model in use, too: opens the database")
    parser.add_argument("--json", action="store_true", help="print JSON, one object a line")


def run(args: argparse.Namespace) -> int:
    """0 printed, 1 a line of the file could not be read, 2 wrong usage or unreadable configuration."""
    if args.conversation is not None:
        return _run_stored(args)
    if (args.file is None) == (args.text is None) or (args.text is not None and args.channel is None):
        print("huntgroup explain: give --channel and --text, or --file, or a conversation", file=sys.stderr)
        return 2
    try:
        settings = load(args.config, os.environ, make_secrets=False, need_secrets=False)
        rulebook = parse_rules(settings.source, settings.hints)
        classifier = _model_in_use(settings) if args.model else None
        trial = DryRun(rulebook, load_detector(rulebook.languages), classifier)
        return _run_file(args, trial) if args.file is not None else _run_one(args, trial)
    except HuntgroupError as error:
        print(f"huntgroup: {error}", file=sys.stderr)
        return 1
    except (SettingsFaults, BadTrial, OSError) as error:
        print(f"{'' if isinstance(error, SettingsFaults) else 'huntgroup explain: '}{error}", file=sys.stderr)
        return 2


def _model_in_use(settings: Settings) -> Classifier | None:
    """The model that serves; on demand only, because it lies in the database."""
    from ops.cli.database_session import opened  # noqa: PLC0415 - the database is for this form alone
    from ops.commands.train import model_in_use  # noqa: PLC0415
    from storage.store import Store  # noqa: PLC0415

    found: list[Classifier] = []

    async def doing(store: Store, _: Settings) -> int:
        active, model = await model_in_use(store)
        if active is not None and model is not None:
            found.append(ModelInUse(id=active.id, model=model))
        return 0

    asyncio.run(opened(settings, doing))
    return found[0] if found else None


# -- one ---------------------------------------------------------------------------------------------------------------


def _run_one(args: argparse.Namespace, trial: DryRun) -> int:
    given = given_facts(args.given)
    if args.language:
        given["language"] = args.language
    at = instant(args.at) if args.at else SystemClock().now()
    message = TrialMessage(channel=args.channel, text=clean_text(args.text), at=at, sender=args.sender, given=given)
    (turn,) = trial.hold([message])
    explained = explain(turn.facts, turn.decision, trial.rulebook, reply_texts=turn.reply_texts)
    print(json.dumps(explained, ensure_ascii=False) if args.json else as_text(explained, message.text))
    return 0


# -- many --------------------------------------------------------------------------------------------------------------


def _run_file(args: argparse.Namespace, trial: DryRun) -> int:
    """Line by line, so that any number of messages needs the memory of one."""
    now = instant(args.at) if args.at else SystemClock().now()
    given = given_facts(args.given)
    bad = 0
    with _opened(args.file) as lines:
        for answer in explain_lines(trial, lines, now=now, given=given):
            bad += "error" in answer
            sys.stdout.write(json.dumps(answer, ensure_ascii=False) + "\n")
            if args.file == "-":
                sys.stdout.flush()
    return 1 if bad else 0


def _opened(name: str) -> AbstractContextManager[TextIO]:
    if name == "-":
        sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape")  # type: ignore[union-attr]
        return nullcontext(sys.stdin)
    return Path(name).open(encoding="utf-8-sig", errors="surrogateescape")


# -- a stored conversation ---------------------------------------------------------------------------------------------


def _run_stored(args: argparse.Namespace) -> int:
    from ops.cli.database_session import run_on_store  # noqa: PLC0415 - the database is for this form alone
    from storage.store import Store  # noqa: PLC0415

    async def doing(store: Store, settings: Settings) -> int:
        async with store.read("explain") as work:
            explained, text = await explain_conversation(work, args.conversation, settings)
        print(json.dumps(explained, ensure_ascii=False) if args.json else as_text(explained, text))
        return 0

    return run_on_store(args, doing)

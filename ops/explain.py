"""`explain`: what would happen to a message and why; the same for thousands; or why a stored conversation is where it is."""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from conversation.errors import HuntgroupError, NotFound
from conversation.remembering import Work
from ops.clock import SystemClock
from ops.explanation import as_text, brief, explain, explain_stored
from ops.settings import Settings, load, parse_rules
from ops.sources import SettingsFaults
from ops.trial import SOMEBODY, BadTrial, Said, Trial, Turn
from router.classifier import Classifier, ModelInUse
from router.detector import load_detector
from router.rulebook import RuleBook
from router.sanitize import clean_text

__all__ = ["add_arguments", "explain", "explain_message", "explain_stored", "rules_of", "run"]

_REFERENCE = 9  # letters of `7K3M-9QFX`
_MOST = 1_000_000  # characters of one line
_YEARS = range(1970, 9000)


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
    """0 told, 1 a line of the file could not be read, 2 wrong usage or unreadable configuration."""
    if args.conversation is not None:
        return _run_stored(args)
    if (args.file is None) == (args.text is None) or (args.text is not None and args.channel is None):
        print("huntgroup explain: give --channel and --text, or --file, or a conversation", file=sys.stderr)
        return 2
    try:
        settings = load(args.config, os.environ, make_secrets=False, need_secrets=False)
        rulebook = parse_rules(settings.source, settings.hints)
        classifier = _model_in_use(settings) if args.model else None
        trial = Trial(rulebook, load_detector(rulebook.languages), classifier)
        return _run_file(args, trial) if args.file is not None else _run_one(args, trial)
    except HuntgroupError as error:
        print(f"huntgroup: {error}", file=sys.stderr)
        return 1
    except (SettingsFaults, BadTrial, OSError) as error:
        print(f"{'' if isinstance(error, SettingsFaults) else 'huntgroup explain: '}{error}", file=sys.stderr)
        return 2


def _model_in_use(settings: Settings) -> Classifier | None:
    """The model that serves; on demand only, because it lies in the database."""
    from ops.on_store import opened  # noqa: PLC0415 - the database is for this form alone
    from ops.train import model_in_use  # noqa: PLC0415
    from storage.engine import Store  # noqa: PLC0415

    found: list[Classifier] = []

    async def doing(store: Store, _: Settings) -> int:
        active, model = await model_in_use(store)
        if active is not None and model is not None:
            found.append(ModelInUse(id=active.id, model=model))
        return 0

    asyncio.run(opened(settings, doing))
    return found[0] if found else None


def explain_message(trial: Trial, said: Mapping[str, Any], now: datetime) -> tuple[Turn, dict[str, Any]]:
    """One message as the API asks for it: `{"channel", "text", "from"?, "language"?, "at"?, "set"?}`. Raises `BadTrial`."""
    given = given_facts(f"{name}={json.dumps(value)}" for name, value in (said.get("set") or {}).items())
    if said.get("language"):
        given["language"] = said["language"]
    at = instant(said["at"]) if said.get("at") else now
    sender = said.get("from") or SOMEBODY
    (turn,) = trial.hold(
        [Said(channel=said["channel"], text=clean_text(said["text"]), at=at, sender=sender, given=given)]
    )
    return turn, explain(turn.facts, turn.decision, trial.rulebook, spoken=turn.spoken)


# -- one ---------------------------------------------------------------------------------------------------------------


def _run_one(args: argparse.Namespace, trial: Trial) -> int:
    given = given_facts(args.given)
    if args.language:
        given["language"] = args.language
    at = instant(args.at) if args.at else SystemClock().now()
    said = Said(channel=args.channel, text=clean_text(args.text), at=at, sender=args.sender, given=given)
    (turn,) = trial.hold([said])
    told = explain(turn.facts, turn.decision, trial.rulebook, spoken=turn.spoken)
    print(json.dumps(told, ensure_ascii=False) if args.json else as_text(told, said.text))
    return 0


def given_facts(pairs: Iterable[str]) -> dict[str, Any]:
    """`customer.vip=true` and the like as facts. A value is JSON where it can be read as such, else text."""
    given: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise BadTrial(f"--set {pair}: write FACT=VALUE, for example customer.vip=true")
        room, dot, attribute = name.partition(".")
        if dot:
            given.setdefault(room, {})[attribute] = _value(value)
        else:
            given[name] = _value(value)
    return given


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def instant(text: object) -> datetime:
    """A time with its zone. Raises `BadTrial`."""
    try:
        at = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise BadTrial(f"{text!r} is no time with a zone: write it like 2026-11-23T03:00:00+08:00")
    if at.year not in _YEARS:  # some days before and after must be days too
        raise BadTrial(f"{text!r} is too long ago or too far away")
    return at


# -- many --------------------------------------------------------------------------------------------------------------


def _run_file(args: argparse.Namespace, trial: Trial) -> int:
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


def explain_lines(
    trial: Trial, lines: Iterable[str], *, now: datetime, given: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """One answer for each line that is not blank: a decision, or `{"error", "line"}`."""
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            facts, decision = trial.decide(_read(line, now, given))
        except (BadTrial, ValueError, RecursionError) as error:
            yield {"error": _reason(error), "line": number}
        else:
            yield brief(facts, decision)


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"not JSON: {error.msg} at column {error.colno}"
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)


def _read(line: str, now: datetime, given: Mapping[str, Any]) -> Said:
    if len(line) > _MOST:
        raise BadTrial("the line is too long")
    if not line.isascii() and any("\udc80" <= letter <= "\udcff" for letter in line):
        raise BadTrial("not UTF-8")
    data = json.loads(line)
    if not isinstance(data, dict):
        raise BadTrial("not a JSON object")
    channel, text = _text(data, "channel"), _text(data, "text")
    if channel is None or text is None:
        raise BadTrial(f"'{'channel' if channel is None else 'text'}' is missing")
    language = _text(data, "language")
    facts = {**given, "language": language} if language else given
    at = instant(data["at"]) if data.get("at") is not None else now
    return Said(channel=channel, text=clean_text(text), at=at, sender=_text(data, "from") or SOMEBODY, given=facts)


def _text(data: Mapping[str, Any], key: str) -> str | None:
    value = data.get(key)
    if value is not None and not isinstance(value, str):
        raise BadTrial(f"'{key}' is not a string")
    return value


# -- a stored conversation ---------------------------------------------------------------------------------------------


def _run_stored(args: argparse.Namespace) -> int:
    from ops.on_store import run_on_store  # noqa: PLC0415 - the database is for this form alone
    from storage.engine import Store  # noqa: PLC0415

    async def doing(store: Store, settings: Settings) -> int:
        async with store.read("explain") as work:
            told, text = await explain_conversation(work, args.conversation, settings)
        print(json.dumps(told, ensure_ascii=False) if args.json else as_text(told, text))
        return 0

    return run_on_store(args, doing)


async def explain_conversation(work: Work, name: str, settings: Settings) -> tuple[dict[str, Any], str]:
    """The newest decision of a conversation, told by the rules it was made by where they are still kept; and the message's text."""
    found = await work.conversations.by_reference(name.upper()) if len(name) == _REFERENCE else None
    conversation = found or await work.conversations.get(name)
    stored = await work.decisions.latest(conversation.id)
    if stored is None:
        raise NotFound(f"nothing was decided about conversation {name}")
    messages = await work.messages.find([stored.message])
    text = messages[stored.message].text if stored.message in messages else ""
    stored = replace(stored, facts=replace(stored.facts, text=text))
    return explain_stored(stored, await rules_of(work, stored.decision.revision, settings)), text


async def rules_of(work: Work, revision: str, settings: Settings) -> RuleBook:
    """The rules that a decision was made by; those of the file where they are not kept any more."""
    kept = await work.rulebooks.get(revision)
    if kept is None:
        return parse_rules(settings.source, settings.hints)
    return parse_rules(kept.source, settings.hints, revision=kept.id)

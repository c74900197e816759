"""Explanations of one message, of many, and of a stored conversation, for the command and the API."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from conversation.errors import NotFound
from conversation.ports.storage import Work
from ops.configuration.settings import Settings, parse_rules
from ops.rule_analysis.dry_run import SOMEBODY, BadTrial, DryRun, TrialMessage, Turn
from ops.rule_analysis.explanation import brief, explain, explain_stored
from router.flows.intake.sanitize import clean_text
from router.rules.rulebook import RuleBook

_REFERENCE = 9  # letters of `7K3M-9QFX`


_MOST = 1_000_000  # characters of one line


_YEARS = range(1970, 9000)


def explain_message(trial: DryRun, asked: Mapping[str, Any], now: datetime) -> tuple[Turn, dict[str, Any]]:
    """One message as the API asks for it: `{"channel", "text", "from"?, "language"?, "at"?, "set"?}`. Raises `BadTrial`."""
    given = given_facts(f"{name}={json.dumps(value)}" for name, value in (asked.get("set") or {}).items())
    if asked.get("language"):
        given["language"] = asked["language"]
    at = instant(asked["at"]) if asked.get("at") else now
    sender = asked.get("from") or SOMEBODY
    (turn,) = trial.hold(
        [TrialMessage(channel=asked["channel"], text=clean_text(asked["text"]), at=at, sender=sender, given=given)]
    )
    return turn, explain(turn.facts, turn.decision, trial.rulebook, reply_texts=turn.reply_texts)


def given_facts(pairs: Iterable[str]) -> dict[str, Any]:
    """`customer.vip=true` and the like as facts. A value is JSON where it can be read as such, else text."""
    given: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise BadTrial(f"--set {pair}: write FACT=VALUE, for example customer.vip=true")
        scope, dot, attribute = name.partition(".")
        if dot:
            given.setdefault(scope, {})[attribute] = _value(value)
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


def explain_lines(
    trial: DryRun, lines: Iterable[str], *, now: datetime, given: Mapping[str, Any]
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


def _read(line: str, now: datetime, given: Mapping[str, Any]) -> TrialMessage:
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
    return TrialMessage(
        channel=channel, text=clean_text(text), at=at, sender=_text(data, "from") or SOMEBODY, given=facts
    )


def _text(data: Mapping[str, Any], key: str) -> str | None:
    value = data.get(key)
    if value is not None and not isinstance(value, str):
        raise BadTrial(f"'{key}' is not a string")
    return value


async def explain_conversation(work: Work, name: str, settings: Settings) -> tuple[dict[str, Any], str]:
    """The newest decision of a conversation, explained by the rules that made it where they are still kept; and the message's text."""
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

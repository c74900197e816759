"""A decision explained: what it was decided from, every rule tried and why, the winner, the nearest misses. Data, and words for people."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from conversation.decision_json import decision_to_json, facts_to_json, tried_to_json
from conversation.model.decision import Condition, Decision, Facts, StoredDecision, Tried
from ops.rule_analysis.counterfactuals import counterfactuals
from router.decision.decide import reasons
from router.rules.alarm_calming import ELSEWHERE
from router.rules.rulebook import RuleBook
from router.wording.next_opening import format_opening

Json = dict[str, Any]
NEAREST = 3


def explain(facts: Facts, decision: Decision, rulebook: RuleBook, *, reply_texts: Sequence[str] | None = None) -> Json:
    """The one schema for `explain --json` and the API. `candidates` is null where no database was asked."""
    tried = reasons(facts, rulebook)
    winner = next((one for one in tried if "queue" in one.settled), None)
    return {
        **decision_to_json(decision),
        "at": facts.now.isoformat(),
        "channel": facts.channel,
        "intents": list(facts.intents),
        "script": facts.script,
        "facts": facts_to_json(facts),
        "hours": _hours(facts, decision, rulebook),
        "spoken": None if reply_texts is None else list(reply_texts),
        "tried": [tried_to_json(one) for one in tried],
        "winner": None if winner is None else winner.rule,
        "nearest": [tried_to_json(one) for one in nearest_misses(tried)],
        "counterfactuals": counterfactuals(facts, decision, rulebook),
        "candidates": None,
    }


def explain_stored(stored: StoredDecision, rulebook: RuleBook) -> Json:
    """A decision that was kept: as it was made; `rules_changed` says that its reasons come from other rules than it was made by."""
    explained = explain(stored.facts, stored.decision, rulebook)
    return {
        **explained,
        "conversation": stored.conversation,
        "message": stored.message,
        "decision": stored.id,
        "rules_changed": stored.decision.revision != rulebook.revision,
    }


def brief(facts: Facts, decision: Decision) -> Json:
    """What `explain --file` answers for each of many: the same keys, without the reasons."""
    return {
        "channel": facts.channel,
        "language": decision.language,
        "language_confidence": decision.language_confidence,
        "language_source": decision.language_source,
        "script": facts.script,
        "issue": decision.issue,
        "issue_confidence": decision.issue_confidence,
        "issue_source": decision.issue_source,
        "intents": facts.intents,
        "queue": decision.queue,
        "priority": decision.priority.label,
        "open": decision.open,
        "opens": None if decision.opens is None else decision.opens.isoformat(),
        "due": None if decision.due is None else decision.due.isoformat(),
        "replies": decision.replies,
        "labels": decision.labels,
        "webhooks": decision.webhooks,
        "rules": decision.rules,
        "revision": decision.revision,
    }


def nearest_misses(tried: Sequence[Tried]) -> list[Tried]:
    """The rules that failed by the fewest conditions, at most three; among equals the file's order."""
    missed = [one for one in tried if one.reached and not one.matched]
    return sorted(missed, key=lambda one: (len(_failed(one)), -len(one.conditions)))[:NEAREST]


def _failed(tried: Tried) -> list[Condition]:
    return [condition for condition in tried.conditions if condition.held is False]


def _hours(facts: Facts, decision: Decision, rulebook: RuleBook) -> Json | None:
    queue = rulebook.queues.get(decision.queue)
    if queue is None or queue.hours not in rulebook.calendars:
        return None
    language = decision.language or rulebook.default_language
    zone = rulebook.calendars.zone(queue.hours, decision.language)
    words = None if decision.open else format_opening(decision.opens, facts.now, zone, language)
    return {
        "calendar": rulebook.calendars.resolve(queue.hours, decision.language),
        "timezone": str(zone),
        "opens_words": words,
    }


# -- for people --------------------------------------------------------------------------------------------------------


def as_text(explained: Mapping[str, Any], text: str) -> str:
    """The explanation as lines to read."""
    return "\n".join(
        [
            *_heading(explained, text),
            "",
            *_outcome(explained),
            "",
            *_reasons(explained),
            "",
            *_misses(explained),
            *_elsewhere(explained),
        ]
    ).rstrip()


def _heading(explained: Mapping[str, Any], text: str) -> Iterator[str]:
    yield f"On {explained['channel']}, {_local(explained['at'], explained)}:"
    yield f'  "{" ".join(text.split())}"'


def _outcome(explained: Mapping[str, Any]) -> Iterator[str]:
    by = explained["settled_by"]
    yield f"goes to      {explained['queue']}{_because(by.get('queue'))}"
    yield f"priority     {explained['priority']}{_because(by.get('priority'))}"
    yield f"language     {_sure(explained['language'], explained['language_confidence'], explained['language_source'])}"
    yield f"issue        {_sure(explained['issue'], explained['issue_confidence'], _who(explained))}"
    for label, key in (
        ("intents", "intents"),
        ("labels", "labels"),
        ("asks for", "ask"),
        ("calls", "webhooks"),
        ("choices", "choices"),
        ("languages", "languages"),
    ):
        if explained.get(key):
            yield f"{label:12} {', '.join(explained[key])}"
    yield f"open         {_open(explained)}"
    if explained["due"]:
        yield f"answer by    {_local(explained['due'], explained)}"
    yield f"joining      {explained['joining']}{' ' + explained['conversation'] if explained.get('conversation') else ''}"
    yield from _replies(explained)
    yield from _people(explained["candidates"])


def _people(candidates: Sequence[Mapping[str, Any]] | None) -> Iterator[str]:
    if candidates is None:
        yield "candidates   not looked up: no database was asked"
        return
    free = [one["name"] for one in candidates if one["place"]]
    yield f"candidates   {', '.join(free) or 'nobody'}"
    for one in candidates:
        if one["why_not"]:
            yield f"             not {one['name']}: {'; '.join(one['why_not'])}"


def _because(by: str | None) -> str:
    named = {None: "", "issue": "  (its issue says so)", "fallback": "  (nothing else placed it: the fallback)"}
    if by in named:
        return named[by]
    if by == "callback":
        return "  (where the call is booked)"
    return "  (where it stands already)" if by == "conversation" else f"  (rule: {by})"


def _sure(name: str | None, confidence: float, source: str) -> str:
    return f"{name or 'unknown'}  ({source}{f', {round(confidence * 100)} %' if confidence else ''})"


def _who(explained: Mapping[str, Any]) -> str:
    """What determined the issue; of a model which one, so that it can be asked again."""
    model = explained["facts"].get("model") if explained["issue_source"] == "model" else None
    return f"model {model}" if model else str(explained["issue_source"])


def _open(explained: Mapping[str, Any]) -> str:
    hours = explained["hours"] or {}
    calendar = f" ({hours['calendar']})" if hours else ""
    if explained["open"]:
        return f"yes{calendar}"
    opens = "never again" if explained["opens"] is None else f"opens {_local(explained['opens'], explained)}"
    words = f', said as "{hours["opens_words"]}"' if hours.get("opens_words") else ""
    return f"no{calendar}, {opens}{words}"


def _local(at: str, explained: Mapping[str, Any]) -> str:
    moment = datetime.fromisoformat(at)
    zone = ZoneInfo(explained["hours"]["timezone"]) if explained["hours"] else moment.tzinfo
    return moment.astimezone(zone).strftime("%a %Y-%m-%d %H:%M %Z")


def _replies(explained: Mapping[str, Any]) -> Iterator[str]:
    reply_texts = explained["spoken"] or []
    if not explained["replies"]:
        yield "reply        none"
    for place, name in enumerate(explained["replies"]):
        words = f': "{reply_texts[place]}"' if place < len(reply_texts) else ""
        yield f"reply        {name}{words}"


def _reasons(explained: Mapping[str, Any]) -> Iterator[str]:
    yield "Rules tried, in order:" if explained["tried"] else "There are no rules."
    for one in explained["tried"]:
        if one["matched"]:
            yield f"  ✓ {one['rule']}{_effect(one)}"
        elif one["reached"]:
            failed = [condition for condition in one["conditions"] if condition["held"] is False]
            yield f"  ✗ {one['rule']}: {'; '.join(map(_condition, failed))}"
        else:
            yield f"  · {one['rule']}: not reached"


def _effect(one: Mapping[str, Any]) -> str:
    settled = f" settles {', '.join(one['settled'])}" if one["settled"] else " settles nothing"
    late = f" (too late for {', '.join(one['lost'])})" if one["lost"] else ""
    return f":{settled}{late}"


def _condition(condition: Mapping[str, Any]) -> str:
    fact, wanted, found = condition["fact"], condition["wanted"], condition["found"]
    if fact == "text":
        return "the text does not match"
    if fact == ELSEWHERE:
        return f'gives way: an alarm stands outside what its text matches: "{found}"'
    if fact in ("any", "all", "not"):
        return f"'{fact}' does not hold"
    return f"{fact} is {_shown(found)}, wants {_wanted(wanted)}"


def _wanted(wanted: Any) -> str:
    if isinstance(wanted, list):
        return " or ".join(map(_shown, wanted))
    if isinstance(wanted, Mapping):
        return ", ".join(f"{key} {_shown(value)}" for key, value in wanted.items())
    return _shown(wanted)


def _shown(value: Any) -> str:
    if value is None or value == []:
        return "unknown" if value is None else "none"
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(map(_shown, value)) if isinstance(value, list) else str(value)


def _misses(explained: Mapping[str, Any]) -> Iterator[str]:
    if explained["nearest"]:
        yield "Nearest misses:"
    for one in explained["nearest"]:
        failed = [condition for condition in one["conditions"] if condition["held"] is False]
        yield f"  {one['rule']}: {len(failed)} of {len(one['conditions'])} conditions failed"


def _elsewhere(explained: Mapping[str, Any]) -> Iterator[str]:
    """`to cards, if issue were card`: each outcome once, with the facts that would bring it."""
    if explained["counterfactuals"]:
        yield "Would go elsewhere:"
    for one in explained["counterfactuals"]:
        place = f"stays in {one['queue']}" if one["queue"] == explained["queue"] else f"to {one['queue']}"
        weight = "" if one["priority"] == explained["priority"] else f" with priority {one['priority']}"
        there = "" if one["open"] == explained["open"] else f", {'open' if one['open'] else 'closed'} then"
        yield f"  {place}{weight}{there}, if {one['fact']} were {' or '.join(map(_shown, one['values']))}"

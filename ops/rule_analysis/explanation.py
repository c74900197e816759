"""A decision told: what it was decided from, every rule tried and why, the winner, the nearest misses. Data, and words for people."""

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
from router.wording.next_opening import say_opening

Json = dict[str, Any]
NEAREST = 3


def explain(facts: Facts, decision: Decision, rulebook: RuleBook, *, spoken: Sequence[str] | None = None) -> Json:
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
        "spoken": None if spoken is None else list(spoken),
        "tried": [tried_to_json(one) for one in tried],
        "winner": None if winner is None else winner.rule,
        "nearest": [tried_to_json(one) for one in nearest_misses(tried)],
        "counterfactuals": counterfactuals(facts, decision, rulebook),
        "candidates": None,
    }


def explain_stored(stored: StoredDecision, rulebook: RuleBook) -> Json:
    """A decision that was kept: as it was made; `rules_changed` says that its reasons are told by other rules than it was made by."""
    told = explain(stored.facts, stored.decision, rulebook)
    return {
        **told,
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
    words = None if decision.open else say_opening(decision.opens, facts.now, zone, language)
    return {
        "calendar": rulebook.calendars.resolve(queue.hours, decision.language),
        "timezone": str(zone),
        "opens_words": words,
    }


# -- for people --------------------------------------------------------------------------------------------------------


def as_text(told: Mapping[str, Any], text: str) -> str:
    """The explanation as lines to read."""
    return "\n".join(
        [*_heading(told, text), "", *_outcome(told), "", *_reasons(told), "", *_misses(told), *_elsewhere(told)]
    ).rstrip()


def _heading(told: Mapping[str, Any], text: str) -> Iterator[str]:
    yield f"On {told['channel']}, {_local(told['at'], told)}:"
    yield f'  "{" ".join(text.split())}"'


def _outcome(told: Mapping[str, Any]) -> Iterator[str]:
    by = told["settled_by"]
    yield f"goes to      {told['queue']}{_because(by.get('queue'))}"
    yield f"priority     {told['priority']}{_because(by.get('priority'))}"
    yield f"language     {_sure(told['language'], told['language_confidence'], told['language_source'])}"
    yield f"issue        {_sure(told['issue'], told['issue_confidence'], _who(told))}"
    for label, key in (
        ("intents", "intents"),
        ("labels", "labels"),
        ("asks for", "ask"),
        ("calls", "webhooks"),
        ("choices", "choices"),
        ("languages", "languages"),
    ):
        if told.get(key):
            yield f"{label:12} {', '.join(told[key])}"
    yield f"open         {_open(told)}"
    if told["due"]:
        yield f"answer by    {_local(told['due'], told)}"
    yield f"joining      {told['joining']}{' ' + told['conversation'] if told.get('conversation') else ''}"
    yield from _replies(told)
    yield from _people(told["candidates"])


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
    return "  (where it stands already)" if by == "conversation" else f"  (rule: {by})"


def _sure(name: str | None, confidence: float, source: str) -> str:
    return f"{name or 'unknown'}  ({source}{f', {round(confidence * 100)} %' if confidence else ''})"


def _who(told: Mapping[str, Any]) -> str:
    """Who told the issue; of a model which one, so that it can be asked again."""
    model = told["facts"].get("model") if told["issue_source"] == "model" else None
    return f"model {model}" if model else str(told["issue_source"])


def _open(told: Mapping[str, Any]) -> str:
    hours = told["hours"] or {}
    calendar = f" ({hours['calendar']})" if hours else ""
    if told["open"]:
        return f"yes{calendar}"
    opens = "never again" if told["opens"] is None else f"opens {_local(told['opens'], told)}"
    words = f', said as "{hours["opens_words"]}"' if hours.get("opens_words") else ""
    return f"no{calendar}, {opens}{words}"


def _local(at: str, told: Mapping[str, Any]) -> str:
    moment = datetime.fromisoformat(at)
    zone = ZoneInfo(told["hours"]["timezone"]) if told["hours"] else moment.tzinfo
    return moment.astimezone(zone).strftime("%a %Y-%m-%d %H:%M %Z")


def _replies(told: Mapping[str, Any]) -> Iterator[str]:
    spoken = told["spoken"] or []
    if not told["replies"]:
        yield "reply        none"
    for place, name in enumerate(told["replies"]):
        words = f': "{spoken[place]}"' if place < len(spoken) else ""
        yield f"reply        {name}{words}"


def _reasons(told: Mapping[str, Any]) -> Iterator[str]:
    yield "Rules tried, in order:" if told["tried"] else "There are no rules."
    for one in told["tried"]:
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


def _misses(told: Mapping[str, Any]) -> Iterator[str]:
    if told["nearest"]:
        yield "Nearest misses:"
    for one in told["nearest"]:
        failed = [condition for condition in one["conditions"] if condition["held"] is False]
        yield f"  {one['rule']}: {len(failed)} of {len(one['conditions'])} conditions failed"


def _elsewhere(told: Mapping[str, Any]) -> Iterator[str]:
    """`to cards, if issue were card`: each outcome once, with the facts that would bring it."""
    if told["counterfactuals"]:
        yield "Would go elsewhere:"
    for one in told["counterfactuals"]:
        place = f"stays in {one['queue']}" if one["queue"] == told["queue"] else f"to {one['queue']}"
        weight = "" if one["priority"] == told["priority"] else f" with priority {one['priority']}"
        there = "" if one["open"] == told["open"] else f", {'open' if one['open'] else 'closed'} then"
        yield f"  {place}{weight}{there}, if {one['fact']} were {' or '.join(map(_shown, one['values']))}"

"""What would send a message elsewhere: one fact changed at a time, decided again, and reported where the outcome differs."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from conversation.model.conversation import Priority
from conversation.model.decision import Decision, Facts
from router.decision.decide import decide
from router.rules.conditions import Check, looked_up
from router.rules.durations import parse_duration
from router.rules.rulebook import RuleBook

MOST = 200  # facts tried: a file of thousands of rules is not read to the end for one message
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class _If:
    fact: str
    value: object
    facts: Facts


def counterfactuals(facts: Facts, decision: Decision, rulebook: RuleBook) -> list[dict[str, Any]]:
    """`{"fact", "values", "queue", "priority", "open"}`: with one of these values the queue or the priority would be that."""
    found: dict[tuple[object, ...], list[object]] = {}
    for number, one in enumerate(_changes(facts, decision, rulebook)):
        if number >= MOST:
            break
        decided = decide(one.facts, rulebook)
        if _differ(one.fact, decision, decided):
            key = (one.fact, decided.queue, decided.priority, decided.open)
            values = found.setdefault(key, [])
            if one.value not in values:
                values.append(one.value)
    return [_to_dict(key, values) for key, values in found.items()]


def _differ(fact: str, before: Decision, after: Decision) -> bool:
    """Another place or weight; of a language also whether anybody is there."""
    if fact == "language" and before.open is not after.open:
        return True
    return (before.queue, before.priority) != (after.queue, after.priority)


def _to_dict(key: tuple[object, ...], values: list[object]) -> dict[str, Any]:
    fact, queue, priority, is_open = key
    label = priority.label if isinstance(priority, Priority) else priority
    return {"fact": fact, "values": values, "queue": queue, "priority": label, "open": is_open}


def _changes(facts: Facts, decision: Decision, rulebook: RuleBook) -> Iterator[_If]:
    yield from _other_understanding(facts, decision, rulebook)
    for channel, hints in rulebook.channels.items():
        if channel != facts.channel:
            yield _If("channel", channel, replace(facts, channel=channel, kind=hints.kind, brand=hints.brand))
    yield _If("verified", not facts.verified, replace(facts, verified=not facts.verified))
    yield from _attributes(facts, rulebook)
    yield from _times(facts, decision, rulebook)


def _other_understanding(facts: Facts, decision: Decision, rulebook: RuleBook) -> Iterator[_If]:
    """Another language, issue or intent, as if the customer had chosen it."""
    for language in rulebook.languages:
        if language != decision.language:
            yield _If("language", language, replace(facts, language=language, language_source="chosen"))
    for issue in rulebook.issues:
        if issue != decision.issue:
            yield _If("issue", issue, replace(facts, issue=issue, issue_confidence=1.0, issue_source="chosen"))
    for intent in rulebook.intents:
        if intent not in facts.intents:
            yield _If("intent", intent, replace(facts, intents=(*facts.intents, intent)))


def _attributes(facts: Facts, rulebook: RuleBook) -> Iterator[_If]:
    """A customer's attributes that rules ask for, with a value that turns the answer."""
    seen = set()
    for check in (check for rule in rulebook.rules for check in _flat(rule.checks)):
        scope, _, name = check.fact.partition(".")
        if scope != "customer" or not name:
            continue
        for value in _values(check.wanted, facts):
            key = (name, repr(value))
            if key not in seen and value != looked_up(facts.customer, name):
                seen.add(key)
                yield _If(check.fact, value, replace(facts, customer=_with(facts.customer, name, value)))


def _flat(checks: Iterable[Check]) -> Iterator[Check]:
    for check in checks:
        yield check
        yield from _flat(check.parts)


def _values(wanted: Any, facts: Facts) -> Iterator[object]:
    """What would satisfy the condition, and for a flag what would not."""
    if isinstance(wanted, bool):
        yield from (wanted, not wanted)
    elif isinstance(wanted, list):
        yield from wanted
    elif isinstance(wanted, Mapping):
        yield from (value for key, bound in wanted.items() for value in _beyond(key, bound, facts))
    else:
        yield wanted


def _beyond(operator: str, bound: Any, facts: Facts) -> Iterator[object]:
    if operator in ("gt", "ge", "lt", "le") and isinstance(bound, int | float):
        yield bound + (1 if operator == "gt" else -1 if operator == "lt" else 0)
    elif operator == "older":
        yield (facts.now - parse_duration(bound) - _MINUTE).isoformat()
    elif operator == "newer":
        yield facts.now.isoformat()
    elif operator == "is":
        yield from bound if isinstance(bound, list) else [bound]


def _with(attributes: Mapping[str, object], name: str, value: object) -> dict[str, object]:
    head, _, rest = name.partition(".")
    inner = attributes.get(head)
    if rest and name not in attributes:
        return {**attributes, head: _with(inner if isinstance(inner, Mapping) else {}, rest, value)}
    return {**attributes, name: value}


def _times(facts: Facts, decision: Decision, rulebook: RuleBook) -> Iterator[_If]:
    """When the queue is open and when it is not: the next opening, and the hour after its closing."""
    queue = rulebook.queues.get(decision.queue)
    if queue is None:
        return
    if not decision.open and decision.opens is not None:
        yield _If("at", decision.opens.isoformat(), replace(facts, now=decision.opens))
    elif decision.open:
        end = facts.now + timedelta(days=8)
        spans = rulebook.calendars.intervals(queue.hours, facts.now, end, decision.language)
        now = facts.now.timestamp()
        closes = next((high for low, high in spans if low <= now < high <= end.timestamp()), None)
        if closes is not None:
            later = facts.now + timedelta(seconds=closes - now + 1)
            yield _If("at", later.isoformat(timespec="seconds"), replace(facts, now=later))

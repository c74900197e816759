"""How rules stand to one another: those that can never match, those that an earlier one always forestalls, those that contradict.

What is said here is certain, never a guess: a condition is only held to follow from another where it does for every message.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from conversation.model.conversation import Priority
from router.rules.conditions import Check
from router.rules.durations import parse_duration
from router.rules.faults import Fault
from router.rules.rulebook import Rule, RuleBook

MOST = 300  # earlier rules compared with each: more would make `check` slow and still leave some out
_ADDING = ("labels", "stop")
_SINGLE = ("channel", "kind", "brand", "language", "issue", "priority", "first_message", "verified")
_ANY_OF = ("text", "open", "staffed")
_UPWARD, _DOWNWARD = ("gt", "ge"), ("lt", "le")


def overlap_warnings(rulebook: RuleBook) -> Iterator[Fault]:
    """Warnings at the rules concerned."""
    known = _Earlier()
    for number, rule in enumerate(rulebook.rules):
        seen = _Asked(rule, rulebook)
        reason = impossible(seen)
        message = f"rule '{rule.name}' can never match: {reason}" if reason else _forestalled(seen, known)
        if message:
            yield Fault(("rules", number), message, "warning")
        if not reason and rule.checks:
            known.add(seen)


@dataclass(slots=True)
class _Asked:
    """A rule and all conditions that must hold for it, those inside `all` too."""

    rule: Rule
    book: RuleBook
    checks: list[Check] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.checks = list(_needed(self.rule.checks))

    def implies(self, other: "_Asked") -> bool:
        """Whether the other one matches whenever this one does."""
        return all(self._follows(check) for check in other.checks)

    def _follows(self, wanted: Check) -> bool:
        return any(follows(own, wanted) for own in self.checks) or self._follows_elsewhere(wanted)

    def _follows_elsewhere(self, wanted: Check) -> bool:
        """A channel has its kind and brand, an issue its priority."""
        if wanted.accepts is None or wanted.fact not in ("kind", "brand", "priority"):
            return False
        known = self.possible(wanted.fact)
        return known is not None and known <= wanted.accepts

    def possible(self, fact: str) -> frozenset[Any] | None:
        """The values this fact can have, judged by the channels or issues asked for; None where none are."""
        source = "issue" if fact == "priority" else "channel"
        asked = [check.accepts for check in self.checks if check.fact == source and check.accepts is not None]
        if not asked:
            return None
        names = frozenset.intersection(*asked)
        if source == "channel" and not self.book.channels:
            return None
        if fact == "priority":
            issues = self.book.issues
            return frozenset(issues[name].priority.label if name in issues else Priority.NORMAL.label for name in names)
        return frozenset(getattr(self.book.channels[name], fact) for name in names if name in self.book.channels)


def _needed(checks: Iterable[Check]) -> Iterator[Check]:
    for check in checks:
        if check.fact == "all":
            yield from _needed(check.parts)
        else:
            yield check


@dataclass(slots=True)
class _Earlier:
    """The rules before, found again by what they ask."""

    by_value: dict[tuple[str, Any], list[_Asked]] = field(default_factory=dict)
    by_fact: dict[str, list[_Asked]] = field(default_factory=dict)

    def add(self, one: _Asked) -> None:
        equal = next((check for check in one.checks if check.accepts is not None), None)
        if equal is None or equal.accepts is None:
            self.by_fact.setdefault(one.checks[0].fact if one.checks else "", []).append(one)
            return
        for value in equal.accepts:
            self.by_value.setdefault((equal.fact, value), []).append(one)
        if equal.fact in ("kind", "brand", "priority"):
            self.by_fact.setdefault({"priority": "issue"}.get(equal.fact, "channel"), []).append(one)

    def before(self, later: _Asked) -> Iterator[_Asked]:
        """Those that could be implied, in the file's order as far as they ask one thing."""
        lists = [self.by_fact.get(check.fact, []) for check in later.checks]
        lists += [self.by_value.get((c.fact, value), []) for c in later.checks for value in c.accepts or ()]
        once: dict[int, _Asked] = {}
        for listed in lists:
            once.update((id(one), one) for one in listed[:MOST])
        yield from once.values()


# -- one condition from another ----------------------------------------------------------------------------------------


def follows(own: Check, wanted: Check) -> bool:
    """Whether `wanted` holds whenever `own` does."""
    if own.fact != wanted.fact:
        return False
    if type(own.wanted) is type(wanted.wanted) and own.wanted == wanted.wanted:
        return True
    if own.accepts is not None and wanted.accepts is not None:
        return own.accepts <= wanted.accepts
    if own.fact in _ANY_OF:
        return set(_listed(own.wanted)) <= set(_listed(wanted.wanted))
    return isinstance(wanted.wanted, dict) and own.fact not in ("any", "not") and _bounded(own, wanted.wanted)


def _listed(wanted: Any) -> list[Any]:
    return wanted if isinstance(wanted, list) else [wanted]


def _bounded(own: Check, bounds: Mapping[str, Any]) -> bool:
    """Whether what `own` leaves lies within the bound."""
    ((operator, bound),) = bounds.items()
    mine, at = next(iter(own.wanted.items())) if isinstance(own.wanted, dict) else ("", 0)
    if operator == "exists":
        equal = own.accepts is not None and None not in own.accepts
        return bound is True and (equal or mine in (*_UPWARD, *_DOWNWARD, "older"))
    if operator in ("older", "newer"):
        return mine == operator and (parse_duration(at) >= parse_duration(bound)) is (operator == "older")
    return mine != "" and _number(at) and _number(bound) and _within(operator, bound, mine, at)


def _within(operator: str, bound: float, mine: str, at: float) -> bool:
    if operator in _UPWARD and mine in _UPWARD:
        return at > bound or (at == bound and (operator == "ge" or mine == "gt"))
    if operator in _DOWNWARD and mine in _DOWNWARD:
        return at < bound or (at == bound and (operator == "le" or mine == "lt"))
    return False


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


# -- never -------------------------------------------------------------------------------------------------------------


def impossible(asked: _Asked) -> str | None:
    """Why no message can ever meet all conditions; None where one may."""
    for fact, checks in _by_fact(asked.checks).items():
        if fact in _SINGLE and not frozenset.intersection(*(c.accepts for c in checks if c.accepts is not None)):
            return f"'{fact}' cannot be both"
        if _apart([check.wanted for check in checks]):
            return f"'{fact}' cannot lie above and below"
    for fact in ("kind", "brand", "priority"):
        possible = asked.possible(fact)
        wanted = [check.accepts for check in asked.checks if check.fact == fact and check.accepts is not None]
        if possible is not None and wanted and not possible & frozenset.intersection(*wanted):
            return f"no {'issue' if fact == 'priority' else 'channel'} it names has that {fact}"
    return _denied(asked) or _never_missing(asked)


def _by_fact(checks: Sequence[Check]) -> Mapping[str, list[Check]]:
    found: dict[str, list[Check]] = {}
    for check in checks:
        if check.accepts is not None or isinstance(check.wanted, dict):
            found.setdefault(check.fact, []).append(check)
    return found


def _apart(bounds: list[Any]) -> bool:
    """Above one number and below a smaller one."""
    tables = [one for one in bounds if isinstance(one, dict)]
    low = [(one[key], key) for one in tables for key in _UPWARD if _number(one.get(key))]
    high = [(one[key], key) for one in tables for key in _DOWNWARD if _number(one.get(key))]
    return any(
        above > below or (above == below and (more, less) != ("ge", "le"))
        for above, more in low
        for below, less in high
    )


def _denied(asked: _Asked) -> str | None:
    for check in asked.checks:
        if check.fact == "not" and isinstance(check.wanted, dict):
            others = [other for other in asked.checks if other is not check]
            if all(any(follows(other, part) for other in others) for part in _needed(check.parts)):
                return "its 'not' denies what it asks for"
    return None


def _never_missing(asked: _Asked) -> str | None:
    known = {name for issue in asked.book.issues.values() for name in issue.ask}
    for check in asked.checks:
        if check.fact == "missing" and check.accepts is not None and not check.accepts & known:
            return f"no issue asks for {', '.join(map(repr, sorted(check.accepts)))}"
    return None


# -- too late ----------------------------------------------------------------------------------------------------------


def _forestalled(later: _Asked, known: _Earlier) -> str | None:
    """What of a rule never counts, because an earlier one that matches whenever it does has settled it."""
    rule = later.rule
    earlier = [one for one in known.before(later) if later.implies(one)]
    stopping = next((one for one in earlier if one.rule.actions.stop), None)
    if stopping is not None:
        return f"rule '{rule.name}' is never reached: '{stopping.rule.name}' matches whenever it would, and stops"
    taken = {action: one for one in reversed(earlier) for action in one.rule.named if action not in _ADDING}
    lost = [action for action in rule.named if action in taken]
    differ = [action for action in lost if _value(taken[action].rule, action) != _value(rule, action)]
    alike = next((taken[action] for action in differ if taken[action].implies(later)), None)
    if alike is not None:
        return f"rule '{rule.name}' contradicts '{alike.rule.name}': they ask alike and differ in {', '.join(differ)}; the first one counts"
    if lost and len(lost) == len(rule.named):
        return f"rule '{rule.name}' settles nothing: whenever it matches, '{taken[lost[0]].rule.name}' has done so before it"
    if differ:
        return f"the {', '.join(differ)} of rule '{rule.name}' never counts: '{taken[differ[0]].rule.name}' always settles it before"
    return None


def _value(rule: Rule, action: str) -> object:
    return getattr(rule.actions, action)

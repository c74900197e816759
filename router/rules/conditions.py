"""Conditions of a rule: compiled once, evaluated on what is seen of a message, and explained with what was wanted and found."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from conversation.model.decision import Condition


class Seen(Protocol):
    """What conditions can look at: facts by name, and the questions that need calendars or duty."""

    def value(self, fact: str) -> Any:
        """The fact's value; None is unknown. `customer.x` and `conversation.x` are attributes."""
        ...

    def searchable(self) -> bytes:
        """The text as UTF-8, for patterns."""
        ...

    def text(self) -> str:
        """The text itself."""
        ...

    def phrases(self, part: str, issues: frozenset[str]) -> frozenset[object]:
        """The words of these issues that stand in a part of the text."""
        ...

    def stands_in(self, issues: frozenset[str]) -> bool:
        """Whether the message joins an open conversation of one of these issues."""
        ...

    def is_open(self, name: str) -> bool:
        """Whether a queue or calendar is open."""
        ...

    def is_staffed(self, name: str) -> bool:
        """Whether somebody online can serve this queue now."""
        ...

    def now(self) -> datetime:
        """The instant decided for."""
        ...


_NUMBER_LENGTH = 40

Test = Callable[[Seen], bool]
Find = Callable[[Seen], Any]
Spans = Callable[[bytes], list[tuple[int, int]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One compiled condition. `accepts` is set for an equality that the index can look up: the values that satisfy it.

    `spans` is set for a condition by `text`: where its patterns stand in a part of the text, in bytes.
    """

    fact: str
    wanted: Any
    test: Test
    find: Find
    accepts: frozenset[Any] | None = None
    listens: bool = False
    spans: Spans | None = None
    parts: tuple["Check", ...] = field(default=())

    def explain(self, seen: Seen) -> Condition:
        """The condition, tried on its own."""
        found = self.find(seen)
        return Condition(fact=self.fact, wanted=self.wanted, found=found, held=self.test(seen))

    def untried(self) -> Condition:
        """The condition of a rule that was not reached."""
        return Condition(fact=self.fact, wanted=self.wanted, found=None, held=None)


def same(found: Any, accepted: frozenset[Any]) -> bool:
    """Equal to one of them; a list is when one of its items is. 1 and True are different things."""
    if isinstance(found, list | tuple | set | frozenset):
        return any(same(item, accepted) for item in found)
    return keyed(found) in accepted


def keyed(value: Any) -> Any:
    """What a value is compared by: booleans apart from numbers; what cannot be compared equals nothing written in a file."""
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, str | int | float) or value is None:
        return value
    return ("other", repr(value))


def looked_up(attributes: Mapping[str, Any], path: str) -> Any:
    """`address.country` in nested attributes, or an attribute that has a dot in its name."""
    if path in attributes:
        return attributes[path]
    head, _, rest = path.partition(".")
    inner = attributes.get(head)
    return looked_up(inner, rest) if rest and isinstance(inner, Mapping) else None


def compared(found: Any, bound: Any, *, greater: bool) -> bool:
    """Greater or less, between numbers or between texts; anything else is neither."""
    if isinstance(found, str) and isinstance(bound, int | float):
        found = _number(found)
    numbers = isinstance(found, int | float) and isinstance(bound, int | float)
    texts = isinstance(found, str) and isinstance(bound, str)
    if not (numbers or texts):
        return False
    return bool(found > bound) if greater else bool(found < bound)


def _number(text: str) -> float | None:
    try:
        return float(text) if len(text) < _NUMBER_LENGTH else None
    except ValueError:
        return None


def older_than(found: Any, span: timedelta, now: datetime) -> bool | None:
    """Whether an instant (or its text, or seconds since 1970) lies further back than a span; None where it is no instant."""
    at = _instant(found)
    return None if at is None else now.timestamp() - at > span.total_seconds()


def _instant(found: Any) -> float | None:
    if isinstance(found, bool) or found is None:
        return None
    if isinstance(found, int | float):
        return float(found)
    try:
        at = found if isinstance(found, datetime) else datetime.fromisoformat(str(found)[:40])
        return at.timestamp() if at.tzinfo else None
    except (ValueError, OverflowError):
        return None

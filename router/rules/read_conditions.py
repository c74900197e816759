"""Reads `when` of a rule into checks; every fault is named with its place."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import re2

from router.rules.conditions import Check, Find, Seen, Test, compared, keyed, older_than, same
from router.rules.durations import parse_duration
from router.rules.faults import Faults, Path, did_you_mean
from router.understanding.language import is_language_code

DEEPEST = 16
_SHOWN = 120
OPERATORS = ("gt", "ge", "lt", "le", "older", "newer", "exists", "is", "not")
_NEARLY = {  # what people write who know other files: else it would be taken for the name of an attribute inside
    "gte": "ge",
    "lte": "le",
    "greater": "gt",
    "less": "lt",
    "eq": "is",
    "equals": "is",
    "ne": "not",
    "in": "is",
    "older_than": "older",
    "newer_than": "newer",
    "exist": "exists",
}
_ATTRIBUTES = ("customer", "conversation")
_FLAGS = ("first_message", "verified")
FACTS = (
    *("channel", "kind", "brand", "language", "script", "issue", "intent", "priority", "open", "staffed", "text"),
    *(*_FLAGS, "missing", *_ATTRIBUTES, "any", "all", "not"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What conditions may name; a fact that is not `known` takes any name. `made` shares checks between rules that ask alike."""

    known: Mapping[str, frozenset[str]] = field(default_factory=dict)
    queues: frozenset[str] = frozenset()
    calendars: frozenset[str] = frozenset()
    made: dict[tuple[object, ...], tuple[Check, ...]] = field(default_factory=dict)


def read_when(when: Mapping[str, Any], path: Path, names: Names, faults: Faults, depth: int = 1) -> tuple[Check, ...]:
    """The checks of one table, all needed."""
    if depth > DEEPEST:
        faults.error(path, f"conditions are nested deeper than {DEEPEST}")
        return ()
    reader = _Reader(names, faults, depth)
    return tuple(check for fact, wanted in when.items() for check in reader.read(fact, wanted, (*path, fact)))


def pattern_fault(pattern: str) -> str | None:
    """Why RE2 refuses the pattern; None if it does not."""
    try:
        _compiled(pattern)
    except re2.error as fault:
        reason = fault.args[0] if fault.args else b"unknown"
        return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
    except UnicodeEncodeError:
        return "it is no valid Unicode"
    return None


def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options)


class _Reader:
    def __init__(self, names: Names, faults: Faults, depth: int) -> None:
        self._names = names
        self._faults = faults
        self._depth = depth

    def read(self, fact: str, wanted: Any, path: Path) -> Iterable[Check]:
        """The checks of one condition; those without a fault are made once."""
        if not isinstance(wanted, str | bool):
            return self._read(fact, wanted, path)
        key, before = (fact, type(wanted), wanted), len(self._faults.found)
        known = self._names.made.get(key)
        if known is not None:
            return known
        read = tuple(self._read(fact, wanted, path))
        if len(self._faults.found) == before:
            self._names.made[key] = read
        return read

    def _read(self, fact: str, wanted: Any, path: Path) -> Iterable[Check]:
        if fact in ("any", "all", "not"):
            return self._group(fact, wanted, path)
        if fact in _ATTRIBUTES:
            return self._attributes(fact, wanted, path)
        readers: Mapping[str, Callable[[str, Any, Path], Iterable[Check]]] = {
            "text": self._text,
            "open": self._question,
            "staffed": self._question,
            "missing": self._missing,
            **dict.fromkeys(_FLAGS, self._flag),
        }
        if fact in readers:
            return readers[fact](fact, wanted, path)
        if fact in FACTS:
            return self._names_of(fact, wanted, path)
        self._faults.error(path, f"there is no condition '{fact}'{did_you_mean(fact, FACTS)}")
        return ()

    def _texts(self, wanted: Any, path: Path) -> list[str]:
        listed = wanted if isinstance(wanted, list) else [wanted]
        if not listed or not all(isinstance(item, str) for item in listed):
            self._faults.error(path, "a text or a list of texts is needed here")
            return []
        return listed

    def _names_of(self, fact: str, wanted: Any, path: Path) -> Iterable[Check]:
        listed = self._texts(wanted, path)
        known = self._names.known.get(fact)
        for name in listed:
            if known is not None and name not in known:
                self._faults.unknown(path, fact, name, known)
        if fact == "language":
            self._check_codes(listed, path)
        unknown = fact in ("language", "issue")
        accepted = frozenset(None if unknown and name == "unknown" else name for name in listed)
        return (_equal(fact, wanted, accepted, listens=fact == "intent"),) if listed else ()

    def _check_codes(self, listed: Iterable[str], path: Path) -> None:
        for name in listed:
            if name != "unknown" and not is_language_code(name):
                self._faults.error(path, f"'{name}' is no language code: write 'zh', 'en', or 'unknown'")

    def _flag(self, fact: str, wanted: Any, path: Path) -> Iterable[Check]:
        if not isinstance(wanted, bool):
            self._faults.error(path, f"'{fact}' is true or false")
            return ()
        return (_equal(fact, wanted, frozenset([keyed(wanted)])),)

    def _missing(self, fact: str, wanted: Any, path: Path) -> Iterable[Check]:
        find = _value(fact)
        if isinstance(wanted, bool):
            return (Check(fact=fact, wanted=wanted, find=find, test=lambda seen: bool(seen.value(fact)) is wanted),)
        listed = self._texts(wanted, path)
        return (_equal(fact, wanted, frozenset(listed)),) if listed else ()

    def _text(self, fact: str, wanted: Any, path: Path) -> Iterable[Check]:
        listed = self._texts(wanted, path)
        for pattern in listed:
            fault = pattern_fault(pattern)
            if fault:
                self._faults.error(path, f"RE2 refuses the pattern '{pattern}': {fault}")
                return ()
        searches = tuple(_compiled(pattern).search for pattern in listed)

        def test(seen: Seen) -> bool:
            text = seen.searchable()
            return any(search(text) for search in searches)

        def find(seen: Seen) -> str | None:
            hits = (search(seen.searchable()) for search in searches)
            return next((hit.group(0)[:_SHOWN].decode("utf-8", "ignore") for hit in hits if hit), None)

        def spans(part: bytes) -> list[tuple[int, int]]:
            return [hit.span() for hit in (search(part) for search in searches) if hit]

        return (Check(fact=fact, wanted=wanted, test=test, find=find, listens=True, spans=spans),) if listed else ()

    def _question(self, fact: str, wanted: Any, path: Path) -> Iterable[Check]:
        known = self._names.queues | self._names.calendars if fact == "open" else self._names.queues
        listed = self._texts(wanted, path)
        good = [name for name in listed if self._faults.expect(path, _OF[fact], name, known)]

        def ask(seen: Seen, name: str) -> bool:
            return seen.is_open(name) if fact == "open" else seen.is_staffed(name)

        def find(seen: Seen) -> dict[str, bool]:
            return {name: ask(seen, name) for name in good}

        return (Check(fact=fact, wanted=wanted, find=find, test=lambda seen: any(ask(seen, name) for name in good)),)

    def _attributes(self, fact: str, wanted: Any, path: Path) -> Iterable[Check]:
        if not isinstance(wanted, dict) or not wanted:
            self._faults.error(path, f"name an attribute: '{fact}.NAME = value'")
            return
        for name, value in wanted.items():
            inner, place = f"{fact}.{name}", (*path, name)
            if not isinstance(value, dict):
                yield from self._shared_attribute(inner, value, place)
            elif value and set(value) <= set(OPERATORS):
                yield from (self._compare(inner, key, bound, (*place, key)) for key, bound in value.items())
            elif inner.count(".") > DEEPEST:
                self._faults.error(place, f"attributes are nested deeper than {DEEPEST}")
            elif meant := next((key for key in value if key in _NEARLY), None):
                self._faults.error(
                    (*place, meant), f"there is no operator '{meant}' (did you mean '{_NEARLY[meant]}'?)"
                )
            elif any(key in OPERATORS for key in value) or not value:
                self._faults.error(place, f"operators are {', '.join(OPERATORS)}")
            else:
                yield from self._attributes(inner, value, place)

    def _shared_attribute(self, fact: str, wanted: Any, path: Path) -> Iterable[Check]:
        key = (fact, type(wanted), wanted) if isinstance(wanted, str | bool | int | float) else None
        if key is None:
            return self._attribute(fact, wanted, path)
        if key not in self._names.made:
            self._names.made[key] = tuple(self._attribute(fact, wanted, path))
        return self._names.made[key]

    def _attribute(self, fact: str, wanted: Any, path: Path) -> Iterable[Check]:
        listed = wanted if isinstance(wanted, list) else [wanted]
        if not all(isinstance(item, str | bool | int | float) for item in listed):
            self._faults.error(path, "a text, a number, true or false, or a list of them is needed here")
            return ()
        return (_equal(fact, wanted, frozenset(map(keyed, listed))),)

    def _compare(self, fact: str, operator: str, bound: Any, path: Path) -> Check:
        test = self._operator(fact, operator, bound, path) or (lambda _: False)
        return Check(fact=fact, wanted={operator: bound}, test=test, find=_value(fact))

    def _operator(self, fact: str, operator: str, bound: Any, path: Path) -> Test | None:
        if operator == "exists":
            if not isinstance(bound, bool):
                self._faults.error(path, "'exists' is true or false")
            return lambda seen: (seen.value(fact) is not None) is bool(bound)
        if operator in ("is", "not"):
            accepted = frozenset(map(keyed, bound if isinstance(bound, list) else [bound]))
            return lambda seen: same(seen.value(fact), accepted) is (operator == "is")
        if operator in ("older", "newer"):
            return self._age(fact, operator, bound, path)
        if not isinstance(bound, int | float | str) or isinstance(bound, bool):
            self._faults.error(path, f"'{operator}' needs a number or a text")
            return None
        return _ordered(fact, operator, bound)

    def _age(self, fact: str, operator: str, bound: Any, path: Path) -> Test | None:
        try:
            span = parse_duration(bound)
        except ValueError as fault:
            self._faults.error(path, str(fault))
            return None
        return lambda seen: older_than(seen.value(fact), span, seen.now()) is (operator == "older")

    def _group(self, fact: str, wanted: Any, path: Path) -> Iterable[Check]:
        tables = wanted if isinstance(wanted, list) else [wanted] if fact == "not" else None
        if not tables or not all(isinstance(table, dict) and table for table in tables):
            kind = "a table of conditions" if fact == "not" else "a list of tables of conditions"
            self._faults.error(path, f"'{fact}' needs {kind}")
            return ()
        places = [(*path, at) if isinstance(wanted, list) else path for at in range(len(tables))]
        read = [
            read_when(table, place, self._names, self._faults, self._depth + 1)
            for table, place in zip(tables, places, strict=True)
        ]
        return (_grouped(fact, wanted, read),)


_OF = {"open": "queue or calendar", "staffed": "queue"}


def _value(fact: str) -> Find:
    return lambda seen: seen.value(fact)


def _equal(fact: str, wanted: Any, accepted: frozenset[Any], *, listens: bool = False) -> Check:
    return Check(
        fact=fact,
        wanted=wanted,
        test=lambda seen: same(seen.value(fact), accepted),
        find=_value(fact),
        accepts=accepted,
        listens=listens,
    )


def _ordered(fact: str, operator: str, bound: Any) -> Test:
    greater = operator in ("gt", "ge")
    if operator in ("gt", "lt"):
        return lambda seen: compared(seen.value(fact), bound, greater=greater)
    at = frozenset([keyed(bound)])
    return lambda seen: same(seen.value(fact), at) or compared(seen.value(fact), bound, greater=greater)


def _grouped(fact: str, wanted: Any, read: list[tuple[Check, ...]]) -> Check:
    def each(seen: Seen) -> Iterable[bool]:
        return (all(check.test(seen) for check in checks) for checks in read)

    tests: Mapping[str, Test] = {
        "any": lambda seen: any(each(seen)),
        "all": lambda seen: all(each(seen)),
        "not": lambda seen: not any(each(seen)),
    }
    parts = tuple(check for checks in read for check in checks)

    def find(seen: Seen) -> list[dict[str, Any]]:
        explained = (check.explain(seen) for check in parts)
        return [{"fact": one.fact, "wanted": one.wanted, "found": one.found, "held": one.held} for one in explained]

    listens = fact != "not" and any(check.listens for check in parts)
    return Check(fact=fact, wanted=wanted, test=tests[fact], find=find, listens=listens, parts=parts)

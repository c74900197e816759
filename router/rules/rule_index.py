"""The index over rules: which of them can match at all, found without trying them one by one.

For each fact that rules ask an equality of, a table gives for each value the set of rules that accept it (and of those that do not
ask), as bits of one integer. A message's candidates are the intersection over the tables: the cost grows with the number of facts
asked for, hardly with the number of rules.
"""

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from router.rules.conditions import Check, keyed

ADDING = ("labels", "stop")
_TABLES = 24


@dataclass(frozen=True, slots=True)
class Table:
    """One fact: for each value the rules it leaves possible; `rest` for every other value."""

    fact: str
    by_value: Mapping[Any, int]
    rest: int

    def possible(self, found: Any) -> int:
        """The rules that this value leaves possible."""
        if found is None or found.__class__ is str:  # almost always; neither needs a key of its own
            return self.by_value.get(found, self.rest)
        if isinstance(found, list | tuple | set | frozenset):
            bits = self.rest
            for item in found:
                bits |= self.by_value.get(keyed(item), 0)
            return bits
        return self.by_value.get(keyed(found), self.rest)


@dataclass(frozen=True, slots=True)
class RuleIndex:
    """All tables, the set of all rules, and for each action the rules that name it."""

    tables: tuple[Table, ...]
    every: int
    naming: Mapping[str, int]

    def candidates(self, value: Callable[[str], Any]) -> int:
        """The rules that can match, as bits."""
        bits = self.every
        for table in self.tables:
            bits &= table.possible(value(table.fact))
            if not bits:
                break
        return bits

    def worth_trying(self, settled: Container[str]) -> int:
        """The rules that name an action not settled yet, or one that is never settled: labels, stop."""
        bits = 0
        for action, rules in self.naming.items():
            if action not in settled or action in ADDING:
                bits |= rules
        return bits

    @property
    def facts(self) -> frozenset[str]:
        """The facts that have a table: a rule that is a candidate needs no further test of them."""
        return frozenset(table.fact for table in self.tables)


def places(bits: int) -> Iterator[int]:
    """The numbers of the set bits, lowest first."""
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest


def build_index(rules: Sequence[tuple[Sequence[Check], Sequence[str]]]) -> RuleIndex:
    """The index over (checks, actions named) of each rule in order."""
    every = (1 << len(rules)) - 1
    asked: dict[str, dict[int, frozenset[Any]]] = {}
    naming: dict[str, list[int]] = {}
    for number, (checks, actions) in enumerate(rules):
        for action in actions:
            naming.setdefault(action, []).append(number)
        for check in checks:
            if check.accepts is not None:
                asked.setdefault(check.fact, {}).setdefault(number, check.accepts)
    most = sorted(asked, key=lambda fact: -len(asked[fact]))[:_TABLES]
    tables = tuple(_table(fact, asked[fact], every) for fact in most)
    return RuleIndex(tables, every, {action: _bits(numbers, len(rules)) for action, numbers in naming.items()})


def _table(fact: str, asked: Mapping[int, frozenset[Any]], every: int) -> Table:
    size = every.bit_length()
    rest = every & ~_bits(list(asked), size)
    by_value: dict[Any, list[int]] = {}
    for number, accepted in asked.items():
        for value in accepted:
            by_value.setdefault(value, []).append(number)
    return Table(fact, {value: rest | _bits(numbers, size) for value, numbers in by_value.items()}, rest)


def _bits(numbers: Sequence[int], size: int) -> int:
    """One integer with these bits set, built in one pass."""
    buffer = bytearray(size // 8 + 1)
    for number in numbers:
        buffer[number >> 3] |= 1 << (number & 7)
    return int.from_bytes(buffer, "little")

"""P5: the cost of many rules, against a naive loop and an interpreter of rules; all three must answer alike."""

import random
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from json_logic import jsonLogic

from conversation.model.decision import Facts, Joining
from router.decision.conversation_matching import Joined
from router.decision.decide import _settle, _Settled, decide
from router.decision.rule_input import View
from router.rules.document import Document
from router.rules.rulebook import RuleBook, compile_rules
from tests.bench import stage
from tests.bench.measure import Results, Row, median
from tests.bench.workload import TIERS, bodies

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)  # Monday morning in Shanghai


@dataclass(frozen=True, slots=True)
class Written:
    """One rule as a plain loop keeps it: what must be equal, then what costs more."""

    equal: tuple[tuple[str, object], ...]
    pattern: re.Pattern[str] | None
    calendar: str | None
    queue: str


def _facts(count: int, issues: Sequence[str], seed: int) -> list[Facts]:
    chance = random.Random(seed)
    return [
        Facts(
            now=NOW,
            channel="app",
            kind="webhook",
            text=text,
            language=chance.choice(("zh", "en", "fr", "de")),
            language_confidence=1.0,
            language_source="detected",
            issue=chance.choice(issues),
            issue_confidence=1.0,
            issue_source="words",
            customer={"segment": f"s{chance.randrange(stage.RULE_SEGMENTS)}", "tier": chance.choice(TIERS)},
        )
        for text in bodies(list(range(count)), seed)
    ]


def _naive(rules: Sequence[Written], facts: Facts, is_open: Callable[[str], bool]) -> str | None:
    """First match wins; the first difference ends a rule."""
    found = {"language": facts.language, "issue": facts.issue, **facts.customer}
    for rule in rules:
        for name, wanted in rule.equal:
            if found[name] != wanted:
                break
        else:
            if (rule.pattern is None or rule.pattern.search(facts.text)) and (
                rule.calendar is None or is_open(rule.calendar)
            ):
                return rule.queue
    return None


def _written(rule: stage.Json) -> Written:
    when = rule["when"]
    text = when.get("text")
    equal = {"language": when["language"], "issue": when["issue"], **when["customer"]}
    pattern = re.compile(text) if text else None
    return Written(tuple(equal.items()), pattern, when.get("open"), rule["then"]["queue"])


def _logic(rules: Sequence[stage.Json]) -> Any:
    """The same as one JSON Logic `if` of many branches. Words are looked for as plain substrings, hours as a given fact."""
    branches: list[Any] = []
    for rule in rules:
        when, who = rule["when"], rule["when"]["customer"]
        asked: list[Any] = [
            {"==": [{"var": "language"}, when["language"]]},
            {"==": [{"var": "issue"}, when["issue"]]},
            {"==": [{"var": "segment"}, who["segment"]]},
            {"==": [{"var": "tier"}, who["tier"]]},
        ]
        if "text" in when:
            asked.append({"in": [when["text"].removeprefix("(?i)"), {"var": "text"}]})
        if "open" in when:
            asked.append({"in": [when["open"], {"var": "open"}]})
        branches += [{"and": asked}, rule["then"]["queue"]]
    return {"if": [*branches, None]}


def _cost(call: Callable[[Facts], object], facts: Sequence[Facts], *, rounds: int = 5) -> float:
    """CPU seconds of one call: the median over rounds."""
    spans = []
    for _ in range(rounds):
        started = time.process_time()
        for one in facts:
            call(one)
        spans.append((time.process_time() - started) / len(facts))
    return median(spans)


class Book:
    """One number of rules, three ways."""

    def __init__(self, count: int) -> None:
        told = stage.document(count)
        self.source: list[stage.Json] = told["rules"]
        self._document = Document.model_validate(told)
        self.rulebook = self.compiled()
        self.naive = [_written(rule) for rule in self.source]
        self.logic = _logic(self.source)

    def compiled(self) -> RuleBook:
        """As a reload does it."""
        return compile_rules(self._document, revision="bench", channels=stage.HINTS)

    def is_open(self, queue: str, facts: Facts) -> bool:
        """Hours are no part of what is measured: everybody asks the same calendars."""
        return self.rulebook.calendars.is_open(self.rulebook.queues[queue].hours, facts.now, facts.language)

    def by_decide(self, facts: Facts) -> str | None:
        """The whole decision: joining, rules, hours, deadlines, replies."""
        decision = decide(facts, self.rulebook)
        assert decision.joining is Joining.NEW
        return decision.queue if decision.rules else None

    def by_rules(self, facts: Facts) -> str | None:
        """The rules alone, as `decide` asks them."""
        view = View(facts, Joined(joining=Joining.NEW, issue=facts.issue), self.rulebook)
        return _settle(view, self.rulebook, _Settled()).values.get("queue")

    def by_loop(self, facts: Facts) -> str | None:
        """One after the other."""
        return _naive(self.naive, facts, lambda queue: self.is_open(queue, facts))

    def by_logic(self, facts: Facts) -> str | None:
        """Interpreted."""
        opened = [queue for queue in self.rulebook.queues if self.is_open(queue, facts)]
        data = {"language": facts.language, "issue": facts.issue, "text": facts.text.replace("Monday", "monday")}
        found: str | None = jsonLogic(self.logic, {**data, **facts.customer, "open": opened})
        return found


def p5(results: Results, *, quick: bool) -> None:
    """Growth, distance, reload, and that the answers are the same."""
    few, some, many = Book(10), Book(1_000), Book(10_000)
    facts = _facts(200 if quick else 1_000, list(few.rulebook.issues), seed=3)
    _compare(results, many, facts, slow=5 if quick else 20)
    loop = _cost(many.by_loop, facts[:100])
    logic = _cost(many.by_logic, facts[: 2 if quick else 10], rounds=3)
    for name, less, more in (
        ("rules", few.by_rules, many.by_rules),
        ("the whole decision", few.by_decide, many.by_decide),
    ):
        start, end = _cost(less, facts), _cost(more, facts)
        thousand = _cost(some.by_rules if less == few.by_rules else some.by_decide, facts)
        told = f"10 rules: {start * 1e6:.1f} us"
        results.add(
            Row(f"P5 {name}, 1,000 rules", thousand * 1e6, "CPU us/message", "10 rules", thousand / start, note=told)
        )
        label = f"P5 {name}, 10,000 rules"
        results.at_most(
            label, end * 1e6, "CPU us/message", "10 rules", end / start, 4, f"10 rules: {start * 1e6:.1f} us"
        )
        for against, other, floor in (("a naive loop", loop, 100), ("json-logic", logic, 2_000)):
            row = (f"{label}, {against}", end * 1e6, "CPU us/message", against, other / end)
            note = f"{other * 1e6:,.0f} us"
            if more == many.by_rules:
                results.at_least(*row, floor, note)
            else:
                results.add(Row(*row, note=note + "; it does more than rules: joining, hours, deadline, replies"))
    spent = min(_compiling(many) for _ in range(3))  # a neighbour on the same core costs processor time, too
    results.at_most("P5 reload of 10,000 rules", spent, "CPU s", "1 s", spent, 1.0)


def _compiling(book: Book) -> float:
    """CPU seconds of one reload."""
    started = time.process_time()
    book.compiled()
    return time.process_time() - started


def _compare(results: Results, book: Book, facts: Sequence[Facts], *, slow: int) -> None:
    loop = [book.by_loop(one) for one in facts]
    same = [book.by_decide(one) for one in facts] == loop == [book.by_rules(one) for one in facts]
    interpreted = [book.by_logic(one) for one in facts[:slow]] == loop[:slow]
    matched = sum(one is not None for one in loop)
    note = f"{len(facts)} messages, {matched} matched a rule; json-logic asked {slow}"
    results.at_least(
        "P5 same answers",
        float(same and interpreted),
        "1 is yes",
        "naive loop, json-logic",
        1.0 * same * interpreted,
        1,
        note,
    )

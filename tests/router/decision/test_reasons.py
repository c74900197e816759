"""Reasons tell the same story as the decision; the index finds the same rules as trying them one by one; JSON keeps everything."""

import json
import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from conversation.decision_json import decision_to_json, facts_to_json, plain, tried_to_json
from conversation.model.conversation import Priority, State
from conversation.model.decision import Decision, Facts, Tried
from router.decision.decide import decide, reasons
from router.rules.document import Document
from router.rules.rulebook import ChannelHints, RuleBook, compile_rules
from storage.codecs.decisions import decision_from_text, facts_from_text, facts_to_text
from storage.database.bulk_sql import to_json
from tests.router.wallet import MORNING, compiled, existing_conversation, facts_for, plain_facts

QUEUES = [f"q{n}" for n in range(6)]
LANGUAGES = ["zh", "en", "fr", "de"]
ISSUES = ["topup", "fees", "card"]
INTENTS = ["thanks", "human"]
CHANNELS = {"a": ChannelHints(kind="webchat"), "b": ChannelHints(kind="email", brand="blue")}
WORDS = ["refund", "please", "退款", "help"]


def some(draw: random.Random, values: list[Any]) -> Any:
    return draw.choice(values) if draw.random() < 0.6 else draw.sample(values, k=min(2, len(values)))


def condition(draw: random.Random, depth: int = 0) -> dict[str, Any]:
    made: dict[str, Any] = {}
    makers: dict[str, Callable[[], Any]] = {
        "channel": lambda: some(draw, list(CHANNELS)),
        "language": lambda: some(draw, [*LANGUAGES, "unknown"]),
        "issue": lambda: some(draw, [*ISSUES, "unknown"]),
        "intent": lambda: some(draw, INTENTS),
        "priority": lambda: some(draw, ["normal", "urgent"]),
        "brand": lambda: "blue",
        "open": lambda: draw.choice([*QUEUES, "desk"]),
        "staffed": lambda: draw.choice(QUEUES),
        "text": lambda: draw.choice(WORDS),
        "verified": lambda: draw.random() < 0.5,
        "first_message": lambda: draw.random() < 0.5,
        "missing": lambda: draw.choice(["account", True, False]),
        "customer": lambda: draw.choice(
            [{"vip": True}, {"level": {"gt": 2}}, {"vip": {"exists": False}}, {"tags": "x"}]
        ),
        "conversation": lambda: draw.choice([{"amount": {"le": 5}}, {"queue": "q1"}]),
    }
    for name in draw.sample(sorted(makers), k=draw.randint(0, 3)):
        made[name] = makers[name]()
    if depth < 3 and draw.random() < 0.3:
        group = draw.choice(["any", "all", "not"])
        made[group] = [inner for inner in (condition(draw, depth + 1) for _ in range(2)) if inner] or [{"channel": "a"}]
    return made


def action(draw: random.Random) -> dict[str, Any]:
    makers: dict[str, Callable[[], Any]] = {
        "queue": lambda: draw.choice(QUEUES),
        "priority": lambda: draw.choice(["low", "normal", "high", "urgent"]),
        "issue": lambda: draw.choice(ISSUES),
        "labels": lambda: [draw.choice(["x", "y", "z"])],
        "reply": lambda: draw.choice(["hello", False]),
        "ask": lambda: ["account"],
        "callback": lambda: True,
        "deadline": lambda: "2h",
        "webhook": lambda: "hook",
        "page": lambda: draw.choice([False, {"after": "1m", "webhook": "hook"}]),
        "stop": lambda: True,
    }
    names = draw.sample(sorted(makers), k=draw.randint(1, 3))
    return {name: makers[name]() for name in names if name != "stop" or draw.random() < 0.2} or {"queue": "q0"}


def book(draw: random.Random, size: int) -> RuleBook:
    rules = [{"name": f"r{n}", "when": condition(draw), "then": action(draw)} for n in range(size)]
    made = {
        "languages": {"offered": LANGUAGES, "default": "en"},
        "hours": {"desk": {"timezone": "Asia/Shanghai", "every": ["09:00-12:00"]}},
        "queues": {name: {"hours": draw.choice(["desk", "always"]), "closed": "hello"} for name in QUEUES},
        "issues": {name: {"queue": draw.choice(QUEUES), "ask": ["account"], "priority": draw.choice(["normal", "urgent"])} for name in ISSUES},
        "intents": {name: {} for name in INTENTS},
        "webhooks": {"hook": {"url": "https://x.example"}},
        "replies": {"hello": dict.fromkeys(LANGUAGES, "hi")},
        "fallback": {"queue": "q0"},
        "rules": rules,
    }  # fmt: skip
    return compile_rules(Document.model_validate(made), revision="r", channels=CHANNELS)


def message(draw: random.Random) -> Facts:
    existing = [
        existing_conversation(
            f"c{n}",
            queue=draw.choice(QUEUES),
            issue=draw.choice([*ISSUES, None]),
            state=draw.choice(list(State)),
            closed_at=MORNING - timedelta(hours=draw.randint(1, 100)),
            owned=draw.random() < 0.3,
            priority=draw.choice(list(Priority)),
            attributes={"amount": draw.randint(1, 9)},
        )
        for n in range(draw.choice([0, 0, 1, 2]))
    ]
    return plain_facts(
        now=MORNING + timedelta(hours=draw.randint(0, 24)),
        channel=draw.choice(list(CHANNELS)),
        brand=draw.choice([None, "blue"]),
        language=draw.choice([*LANGUAGES, None]),
        issue=draw.choice([*ISSUES, None]),
        issue_source="words",
        issue_confidence=draw.random(),
        intents=tuple(draw.sample(INTENTS, k=draw.randint(0, 2))),
        text=" ".join(draw.sample(WORDS, k=2)),
        verified=draw.random() < 0.5,
        first_message=draw.random() < 0.5,
        claims=draw.random() < 0.7,
        customer=draw.choice([{}, {"vip": True, "level": 3}, {"vip": 1, "tags": ["x", "y"]}, {"level": "4"}]),
        matters=tuple(existing),
        on_duty=draw.choice([None, frozenset(), frozenset({("q1", "en"), ("q2", "zh")})]),
    )


def replayed(told: tuple[Tried, ...]) -> dict[str, str]:
    settled: dict[str, str] = {}
    for one in told:
        for name in one.settled:
            settled.setdefault(name, one.rule)
    return settled


def agree(made: Decision, told: tuple[Tried, ...]) -> None:
    assert made.rules == tuple(one.rule for one in told if one.settled)
    ours = {name: by for name, by in replayed(told).items() if name not in ("queue", "priority")}
    assert ours == {name: made.settled_by[name] for name in ours}
    if made.conversation is None:
        assert replayed(told).items() <= made.settled_by.items()
    assert all(one.matched == all(c.held for c in one.conditions) for one in told if one.reached)
    assert all(c.held is None for one in told if not one.reached for c in one.conditions)


@pytest.mark.parametrize("seed", range(60))
def test_the_index_and_the_reasons_agree_on_random_rule_books(seed: int) -> None:
    draw = random.Random(seed)
    rules = book(draw, draw.choice([3, 12, 40]))
    for _ in range(25):
        facts = message(draw)
        made, told = decide(facts, rules), reasons(facts, rules)
        agree(made, told)
        assert decide(facts, rules) == made
        json.dumps([facts_to_json(facts), decision_to_json(made)])
        assert facts_from_text(facts_to_text(facts), facts.text) == facts
        assert decision_from_text(to_json(made)) == made
        json.dumps([tried_to_json(one) for one in told])


def test_reasons_name_what_was_wanted_and_found() -> None:
    rules = compiled()
    told = reasons(facts_for("My account was hacked", rules), rules)
    assert [one.rule for one in told] == [rule.name for rule in rules.rules]
    stolen, vip = told[1], told[2]
    assert stolen.settled == ("queue", "priority", "webhook")
    assert (vip.matched, vip.conditions[0].fact, vip.conditions[0].wanted, vip.conditions[0].found) == (
        False,
        "customer.vip",
        True,
        None,
    )


def test_reasons_tell_what_came_too_late() -> None:
    rules = compiled()
    told = reasons(facts_for("hacked, I complain", rules), rules)
    late = next(one for one in told if one.rule == "Complaints")
    assert (late.matched, late.settled, late.lost) == (True, ("labels",), ("queue",))


def test_the_text_is_not_told_with_the_facts() -> None:
    assert "text" not in facts_to_json(plain_facts(text="secret"))
    assert "secret" not in json.dumps(facts_to_json(plain_facts(text="secret")))


def test_a_pattern_tells_what_it_found() -> None:
    rules = compiled()
    told = reasons(facts_for("please: 如何才能防止被盗?", rules), rules)
    assert told[0].conditions[0].found == "如何才能防止"


def test_odd_values_become_plain() -> None:
    assert plain({1: {"b", "a"}, "at": MORNING, "x": (1, None)}) == {
        "1": ["a", "b"],
        "at": MORNING.isoformat(),
        "x": [1, None],
    }

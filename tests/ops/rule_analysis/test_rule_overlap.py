"""Static analysis: a file with planted faults, each found at its line; none in the example; nothing said that is not certain."""

import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from conversation.model.decision import Facts
from ops.rule_analysis.checking import CheckResult, check
from ops.rule_analysis.rule_overlap import overlap_warnings
from router.decision.decide import reasons
from router.rules.document import Document
from router.rules.rulebook import ChannelHints, RuleBook, compile_rules

TODAY = date(2026, 11, 22)
CHANNELS = {
    "site": ChannelHints(kind="webchat", brand="blue"),
    "app": ChannelHints(kind="webhook"),
    "mail": ChannelHints(kind="email", brand="red"),
}
PLANTED = """
[languages]
offered = ["en", "de"]
[hours.never]
timezone = "UTC"
mon = []
[hours.day]
timezone = "UTC"
mon-fri = ["09:00-17:00"]
[hours.desk]
per_language = { de = "never", default = "day" }
[issues.fees]
queue = "money"
words = { en = ["fee"], de = ["Gebühr"] }
ask = ["amount"]
[issues.stolen]
queue = "money"
priority = "urgent"
words = { en = ["stolen"], de = ["gestohlen"] }
[queues.money]
hours = "desk"
closed = "closed"
[queues.general]
[replies.closed]
en = "Closed."
[webhooks.duty]
url = "https://duty.example"
secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
[[rules]]
name = "wide"
when = { issue = ["fees", "stolen"] }
then = { queue = "general", webhook = "duty" }
[[rules]]
name = "narrow"
when = { issue = "fees", customer.vip = true }
then = { queue = "money" }
[[rules]]
name = "alike"
when = { customer.vip = true }
then = { priority = "high" }
[[rules]]
name = "unlike"
when = { customer.vip = true }
then = { priority = "low" }
[[rules]]
name = "half"
when = { issue = "stolen", language = "de" }
then = { queue = "money", deadline = "5m" }
[[rules]]
name = "stops"
when = { customer.score = { gt = 10 } }
then = { labels = ["big"], stop = true }
[[rules]]
name = "behind"
when = { customer.score = { gt = 100 }, language = "en" }
then = { labels = ["huge"] }
[[rules]]
name = "no such kind"
when = { channel = "site", kind = "webhook" }
then = { labels = ["a"] }
[[rules]]
name = "no such weight"
when = { issue = "fees", priority = "urgent" }
then = { labels = ["b"] }
[[rules]]
name = "too narrow"
when = { customer.age = { gt = 60, lt = 18 } }
then = { labels = ["c"] }
[[rules]]
name = "denied"
when = { language = "de", not = { language = ["de", "en"] } }
then = { labels = ["d"] }
[[rules]]
name = "never asked"
when = { missing = "iban" }
then = { labels = ["e"] }
[fallback]
queue = "general"
[channels.site]
kind = "webchat"
[channels.app]
kind = "webhook"
secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
"""
EXPECTED = {
    "narrow": "settles nothing: whenever it matches, 'wide'",
    "unlike": "contradicts 'alike': they ask alike and differ in priority",
    "half": "the queue of rule 'half' never counts: 'wide'",
    "behind": "is never reached: 'stops' matches whenever it would, and stops",
    "no such kind": "can never match: no channel it names has that kind",
    "no such weight": "can never match: no issue it names has that priority",
    "too narrow": "can never match: 'customer.age' cannot lie above and below",
    "denied": "can never match: its 'not' denies what it asks for",
    "never asked": "can never match: no issue asks for 'iban'",
}


@pytest.fixture
def planted(tmp_path: Path) -> CheckResult:
    path = tmp_path / "planted.toml"
    path.write_text(PLANTED)
    return check(path, {}, today=TODAY)


def test_every_planted_fault_is_found_at_its_line_and_nothing_else(planted: CheckResult) -> None:
    lines = PLANTED.splitlines()
    found = {one.line: one.message for one in planted.warnings}
    for name, words in EXPECTED.items():
        line = lines.index(f'name = "{name}"')  # the header stands above, counted from 1
        assert words in found.pop(line), name
    assert "queue 'money' is not open once in 60 days for de" not in str(found)  # the rules take all of it elsewhere
    assert sorted(found.values()) == [
        "there are no [[tests]]: nothing is known of what these rules do",
        "this reply is not written in de",
    ]


def test_a_combination_that_nobody_ever_serves_is_named(tmp_path: Path) -> None:
    text = PLANTED[: PLANTED.index("[[rules]]")] + PLANTED[PLANTED.index("[fallback]") :]
    path = tmp_path / "holes.toml"
    path.write_text(text)
    (found,) = [one for one in check(path, {}, today=TODAY).warnings if "nobody ever serves" in one.message]
    assert found.line == text.splitlines().index("[queues.money]") + 1
    assert "queue 'money' is not open once in 60 days for de x fees, stolen x site, app" in found.message


def test_an_overflow_ring_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "ring.toml"
    ring = 'overflow = [{ after = "5m", queue = "general" }]\n[queues.general]\noverflow = [{ after = "5m", queue = "money" }]'
    path.write_text(PLANTED.replace("[queues.general]", ring, 1))
    assert any("overflow goes in a ring" in one.message for one in check(path, {}, today=TODAY).faults)


@pytest.mark.slow
def test_the_example_gives_no_alarm() -> None:
    assert check(Path("config.example.toml"), {}, today=TODAY).warnings == ()


# -- what is said is certain -------------------------------------------------------------------------------------------


def conditions(dice: random.Random) -> dict[str, Any]:
    made: dict[str, Any] = {}
    choices: dict[str, Any] = {
        "channel": lambda: dice.sample(["site", "app", "mail"], dice.randint(1, 2)),
        "kind": lambda: dice.choice(["webchat", "webhook", "email"]),
        "brand": lambda: dice.choice(["blue", "red"]),
        "language": lambda: dice.sample(["en", "de", "unknown"], dice.randint(1, 2)),
        "issue": lambda: dice.sample(["fees", "stolen", "unknown"], dice.randint(1, 2)),
        "priority": lambda: dice.choice(["normal", "urgent"]),
        "verified": lambda: dice.random() < 0.5,
        "customer": lambda: {
            "n": dice.choice([1, [1, 2], {"gt": 1}, {"ge": 1}, {"lt": 2}, {"gt": 1, "lt": 1}, {"exists": True}])
        },
        "text": lambda: dice.sample(["a", "b"], dice.randint(1, 2)),
        "not": lambda: {"language": dice.choice(["en", "de"])},
        "all": lambda: [{"language": "de"}, {"issue": dice.choice(["fees", "stolen"])}],
    }
    for name in dice.sample(sorted(choices), dice.randint(1, 3)):
        made[name] = choices[name]()
    return made


def book(dice: random.Random) -> RuleBook:
    actions: list[dict[str, Any]] = [
        {"queue": "a"},
        {"queue": "b", "priority": "low"},
        {"priority": "high", "stop": True},
        {"labels": ["x"]},
    ]
    rules = [{"name": f"r{n}", "when": conditions(dice), "then": dice.choice(actions)} for n in range(14)]
    document = {
        "languages": {"offered": ["en", "de"]},
        "issues": {"fees": {"words": ["fee"]}, "stolen": {"words": ["stolen"], "priority": "urgent"}},
        "queues": {"a": {}, "b": {}},
        "rules": rules,
        "fallback": {"queue": "a"},
    }
    return compile_rules(Document.model_validate(document), revision="r", channels=CHANNELS)


def messages(dice: random.Random) -> Facts:
    channel = dice.choice(sorted(CHANNELS))
    return Facts(
        now=datetime(2026, 11, 23, tzinfo=UTC) + timedelta(hours=dice.randrange(48)),
        channel=channel,
        kind=CHANNELS[channel].kind,
        brand=CHANNELS[channel].brand,
        text=dice.choice(["a", "b", "ab", ""]),
        language=dice.choice(["en", "de", None]),
        issue=dice.choice(["fees", "stolen", None]),
        issue_source="words",
        verified=dice.random() < 0.5,
        customer=dice.choice([{}, {"n": 0}, {"n": 1}, {"n": 2}, {"n": 1.5}, {"n": [1, 5]}]),
    )


@pytest.mark.parametrize("seed", range(25))
def test_no_rule_that_is_said_to_be_dead_ever_settles_anything(seed: int) -> None:
    dice = random.Random(seed)
    rulebook = book(dice)
    warned = {fault.path[1]: fault.message for fault in overlap_warnings(rulebook)}
    for _ in range(400):
        tried = reasons(messages(dice), rulebook)
        for number, message in warned.items():
            one = tried[int(number)]
            if "never match" in message:
                assert not one.matched, (message, one)
            elif "never reached" in message or "settles nothing" in message:
                assert not one.settled, (message, one)
            elif "contradicts" in message or "never counts" in message:
                words = message.split("differ in ")[-1] if "contradicts" in message else message.removeprefix("the ")
                assert words.replace(";", " ").split()[0].strip(",") not in one.settled, (message, one)


@pytest.mark.slow
def test_ten_thousand_rules_are_compared_in_seconds() -> None:
    rules = [
        {"name": f"r{n}", "when": {"customer": {"id": f"c{n}"}, "issue": ["fees"]}, "then": {"queue": "a"}}
        for n in range(10_000)
    ]
    document = {
        "issues": {"fees": {"words": ["fee"]}},
        "queues": {"a": {}},
        "rules": rules,
        "fallback": {"queue": "a"},
    }
    rulebook = compile_rules(Document.model_validate(document), revision="r", channels=CHANNELS)
    assert list(overlap_warnings(rulebook)) == []

"""What would send a message elsewhere: true by construction, since each is a decision made again, and told in few words."""

import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ops.configuration.settings import load, parse_rules
from ops.rule_analysis.dry_run import DryRun, TrialMessage
from ops.rule_analysis.explanation import as_text, explain
from router.rules.document import Document
from router.rules.rulebook import ChannelHints, compile_rules
from router.understanding.language_detector import load_detector
from tests.soon import cheaply

MONDAY = datetime(2026, 11, 23, 10, tzinfo=UTC)
RULES = """
languages = { offered = ["en", "fr"] }
hours.day = { timezone = "UTC", mon-fri = ["09:00-17:00"] }
hours.paris = { timezone = "Europe/Paris", tue = ["09:00-17:00"] }
hours.desk = { per_language = { fr = "paris", default = "day" } }
issues.fees = { queue = "money", words = ["fee"] }
issues.card = { queue = "cards", words = ["card"], priority = "high" }
queues = { money = { hours = "desk" }, cards = {}, vip = {}, night = {}, old = {}, general = {} }
fallback = { queue = "general" }
rules = [
  { name = "Rich", when = { customer.money.eur = { gt = 100 } }, then = { queue = "vip" } },
  { name = "Old", when = { any = [{ customer.since = { older = "2d" } }] }, then = { queue = "old" } },
  { name = "Night", when = { not = { open = "day" } }, then = { queue = "night" } },
]
"""
HINTS = {"site": ChannelHints(kind="webchat")}


@pytest.fixture(scope="module")
def trial() -> DryRun:
    book = compile_rules(Document.model_validate(tomllib.loads(RULES)), revision="r", channels=HINTS)
    return DryRun(book, lambda text: [("en", 0.99)])


def told(trial: DryRun, text: str, **given: Any) -> dict[str, Any]:
    (turn,) = trial.hold([TrialMessage(channel="site", text=text, at=MONDAY, given=given)])
    return explain(turn.facts, turn.decision, trial.rulebook)


def test_each_fact_that_would_change_the_queue_is_named(trial: DryRun) -> None:
    found = {(one["fact"], one["queue"]): one for one in told(trial, "a fee")["counterfactuals"]}
    assert set(found) == {
        ("language", "money"),
        ("issue", "cards"),
        ("customer.money.eur", "vip"),
        ("customer.since", "old"),
        ("at", "night"),
    }
    assert found["language", "money"]["values"] == ["fr"]
    assert found["language", "money"]["open"] is False
    assert found["issue", "cards"]["priority"] == "high"
    assert found["customer.money.eur", "vip"]["values"] == [101]
    assert found["at", "night"]["values"] == ["2026-11-23T17:00:01+00:00"]


def test_each_is_true_when_the_message_is_tried_so(trial: DryRun) -> None:
    assert told(trial, "a fee", customer={"money": {"eur": 101}})["queue"] == "vip"
    assert told(trial, "a fee", issue="card")["queue"] == "cards"


def test_the_text_says_it_in_a_line_each(trial: DryRun) -> None:
    lines = as_text({**told(trial, "a fee"), "spoken": None}, "a fee").splitlines()
    assert "  to cards with priority high, if issue were card" in lines
    assert "  stays in money, closed then, if language were fr" in lines


def test_the_example_is_explained_in_milliseconds() -> None:
    settings = load(Path("config.example.toml"), {}, make_secrets=False)
    book = parse_rules(settings.source, settings.hints)
    trial = DryRun(book, load_detector(book.languages))
    (turn,) = trial.hold([TrialMessage(channel="site", text="Why this fee?", at=MONDAY)])
    found = cheaply(1, lambda: explain(turn.facts, turn.decision, book))["counterfactuals"]
    assert {"fact": "customer.vip", "values": [True], "queue": "vip", "priority": "high", "open": True} in found

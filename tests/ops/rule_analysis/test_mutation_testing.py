"""`check --mutate`: every change that a test or a warning notices is counted, every other one is listed with its line."""

import json
from datetime import date
from pathlib import Path

import pytest

from ops.__main__ import main
from ops.configuration.settings import Settings, load, parse_rules
from ops.rule_analysis.checking import check
from ops.rule_analysis.mutation_testing import Mutated, as_text, mutate
from router.understanding.language_detector import load_detector

EXAMPLE = Path("config.example.toml")
TODAY = date(2026, 11, 22)
RULES = """
[languages]
offered = ["en", "de"]
[hours.day]
timezone = "UTC"
mon-fri = ["09:00-17:00"]
[issues.topup]
queue = "payments"
words = { en = ["top up", "deposit"], de = ["aufladen", "deposit"] }
[queues.payments]
hours = "day"
closed = "closed"
skills = ["payments"]
[queues.general]
closed = false
[replies.closed]
en = "Closed."
de = "Zu."
[[rules]]
name = "VIPs"
when = { customer.vip = true }
then = { queue = "general", priority = "high" }
[fallback]
queue = "general"
[channels.site]
kind = "webchat"
[[tests]]
name = "All"
channel = "site"
at = "2026-11-23T09:30:00Z"
cases = [
"""
CASES = """
  { text = "top up", queue = "payments", open = true, served = { skills = ["payments"] } },
  { text = "top up", set = { customer.vip = true }, queue = "general", priority = "high" },
  { text = "top up", set = { customer.vip = false }, queue = "payments", priority = "normal" },
  { text = "hello", queue = "general" },
  { texts = ["top up"], at = "2026-11-23T16:30:00Z", open = true },
  { text = "top up", at = "2026-11-23T17:00:00Z", open = false, reply = "closed" },
"""


def written(tmp_path: Path, cases: str) -> Settings:
    path = tmp_path / "rules.toml"
    path.write_text(RULES + cases + "]\n")
    return load(path, {}, make_secrets=False)


def tried(settings: Settings) -> Mutated:
    rulebook = parse_rules(settings.source, settings.hints)
    return mutate(settings, rulebook, load_detector(rulebook.languages), TODAY)


def test_a_well_tested_file_leaves_only_the_word_nobody_says(tmp_path: Path) -> None:
    settings = written(tmp_path, CASES)
    found = tried(settings)
    assert [one.words for one in found.survivors] == ["without the word 'aufladen' of issues.topup.words.de"]
    assert found.alike == 2  # "deposit" stands under both languages: taking one away changes nothing
    assert found.made["rule"] == found.caught["rule"] == 6
    assert found.made["span"] == found.caught["span"] == 3
    lines = list(as_text(found, settings))
    number = 1 + (tmp_path / "rules.toml").read_text().splitlines().index(
        'words = { en = ["top up", "deposit"], de = ["aufladen", "deposit"] }'
    )
    assert (
        f"{tmp_path / 'rules.toml'}:{number}: nothing would notice 1 words of issues.topup.words.de: aufladen" in lines
    )


@pytest.mark.parametrize(
    ("less", "told"),
    [
        ("served = { skills", "no skills for queue 'payments'"),
        ("vip = true", "without rule 'VIPs'"),
        ("T16:30", "09:00-17:00 on mon-fri of calendar 'day' becomes 09:00-16:00"),
    ],
)
def test_what_no_case_asks_for_survives(tmp_path: Path, less: str, told: str) -> None:
    cases = "\n".join(line for line in CASES.splitlines() if less not in line)
    assert told in {one.words for one in tried(written(tmp_path, cases)).survivors}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_of_the_example_nearly_every_change_is_noticed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--mutate", "--json", str(EXAMPLE)]) == 0
    told = json.loads(capsys.readouterr().out)["mutation"]
    kinds = told["kinds"]
    assert set(kinds) == {"rule", "span", "date", "queue", "issue", "word"}
    words = kinds.pop("word")
    assert words["caught"] >= 0.8 * words["made"]
    assert sum(one["caught"] for one in kinds.values()) >= 0.95 * sum(one["made"] for one in kinds.values())
    assert all(one["line"] > 0 for one in told["survivors"])


def test_failing_tests_come_before_any_change(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(RULES + '{ text = "hello", queue = "payments" },]\n')
    assert main(["check", "--mutate", str(path)]) == 1
    assert "would notice" not in capsys.readouterr().out


def test_a_promise_a_page_and_what_a_queue_asks_for_can_be_expected(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    wrong = '{ text = "hello", due = "2026-11-23T10:00:00Z", page = true, served = { strategy = "longest_idle" } },'
    path.write_text(RULES + wrong + "]\n")
    messages = [one.message for one in check(path, {}, today=TODAY).failures]
    for words in ("due is none, expected", "page is none, expected true", "strategy is 'least_busy'"):
        assert any(words in message for message in messages), messages

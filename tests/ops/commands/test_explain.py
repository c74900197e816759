"""`explain`: one message with its reasons, many as a stream, a stored decision in the same schema."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from conversation.model.decision import StoredDecision
from ops.__main__ import main
from ops.configuration.settings import load, parse_rules
from ops.rule_analysis.dry_run import DryRun, TrialMessage
from ops.rule_analysis.explaining import explain_lines
from ops.rule_analysis.explanation import explain, explain_stored
from router.understanding.language_detector import load_detector

EXAMPLE = Path("config.example.toml")
NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)  # 23:00 in Shanghai, 16:00 in Berlin
PROMISED = {"language", "language_confidence", "issue", "issue_confidence", "queue", "priority", "open", "rules"}


@pytest.fixture(scope="module")
def trial() -> DryRun:
    settings = load(EXAMPLE, {}, make_secrets=False)
    return DryRun(parse_rules(settings.source, settings.hints), load_detector(settings.document.languages.offered))


def told(trial: DryRun, text: str, **given: Any) -> dict[str, Any]:
    (turn,) = trial.hold([TrialMessage(channel="site", text=text, at=NOW, given=given)])
    return explain(turn.facts, turn.decision, trial.rulebook, reply_texts=turn.reply_texts)


def test_a_message_is_explained_with_facts_rules_hours_deadline_and_reply(trial: DryRun) -> None:
    found = told(trial, "充值不成功")
    assert set(found) >= PROMISED | {"facts", "tried", "winner", "nearest", "opens", "due", "replies", "candidates"}
    assert (found["queue"], found["issue"], found["open"], found["candidates"]) == ("payments", "topup", False, None)
    assert found["opens"] == "2026-11-24T01:00:00+00:00"
    assert found["hours"] == {"calendar": "shanghai", "timezone": "Asia/Shanghai", "opens_words": "明天 9:00"}
    assert found["replies"] == ["closed"]
    assert "明天 9:00" in found["spoken"][0]
    json.dumps(found)


def test_every_rule_is_told_with_its_conditions_and_the_winner_is_named(trial: DryRun) -> None:
    found = told(trial, "Why this fee?", customer={"vip": True})
    assert [one["rule"] for one in found["tried"]] == [rule.name for rule in trial.rulebook.rules]
    assert found["winner"] == "VIPs"
    assert found["settled_by"]["queue"] == "VIPs"
    assert found["rules"] == ["VIPs"]
    lost = next(one for one in found["tried"] if one["rule"] == "Stolen money before everything")
    assert lost["conditions"] == [{"fact": "issue", "wanted": "unauthorised_security", "found": "fees", "held": False}]


def test_the_nearest_misses_failed_by_the_fewest_conditions(trial: DryRun) -> None:
    found = told(trial, "My payment was declined", customer={"balance": 10})
    assert len(found["nearest"]) == 3
    assert found["nearest"][0]["rule"] == "Much money at stake"
    assert sum(condition["held"] is False for condition in found["nearest"][0]["conditions"]) == 1


def test_a_rule_that_stops_leaves_the_rest_unreached(trial: DryRun) -> None:
    found = told(trial, "How can I protect my account against fraud?")
    assert found["winner"] == "A question about protection is no alarm"
    assert {one["reached"] for one in found["tried"][1:]} == {False}
    assert found["webhooks"] == []


def test_a_conversation_set_by_hand_is_joined(trial: DryRun) -> None:
    found = told(trial, "在吗?", conversation={"queue": "cards", "issue": "card", "language": "zh"})
    assert (found["queue"], found["joining"], found["settled_by"]["queue"]) == ("cards", "joined", "conversation")


def test_a_stored_decision_has_the_same_schema(trial: DryRun) -> None:
    fresh = told(trial, "Why this fee?")
    facts, decision = trial.decide(TrialMessage(channel="site", text="Why this fee?", at=NOW))
    stored = StoredDecision(id="d", conversation="c", message="m", at=NOW, facts=facts, decision=decision)
    found = explain_stored(stored, trial.rulebook)
    assert set(found) == set(fresh) | {"message", "decision", "rules_changed"}
    assert (found["conversation"], found["rules_changed"], found["queue"]) == ("c", False, "general")


# -- many --------------------------------------------------------------------------------------------------------------


def lines(trial: DryRun, *texts: str) -> list[dict[str, Any]]:
    return list(explain_lines(trial, texts, now=NOW, given={}))


def test_each_line_is_answered_with_the_promised_keys(trial: DryRun) -> None:
    (found,) = lines(trial, '{"channel": "site", "text": "充值不成功", "from": "x", "at": "2026-11-23T10:00:00+08:00"}')
    assert set(found) >= PROMISED
    assert (found["language"], found["issue"], found["queue"], found["open"]) == ("zh", "topup", "payments", True)


def test_a_language_that_was_chosen_beats_the_text(trial: DryRun) -> None:
    (found,) = lines(trial, '{"channel": "site", "text": "top up", "language": "de"}')
    assert (found["language"], found["language_confidence"]) == ("de", 1.0)


BAD = [
    ("{", "not JSON"),
    ("[]", "not a JSON object"),
    ('{"text": "a"}', "'channel' is missing"),
    ('{"channel": "site"}', "'text' is missing"),
    ('{"channel": "site", "text": 7}', "'text' is not a string"),
    ('{"channel": "sit", "text": "a"}', "there is no channel 'sit' (did you mean 'site'?)"),
    ('{"channel": "site", "text": "a", "at": "yesterday"}', "no time with a zone"),
    ('{"channel": "site", "text": "a", "at": "2026-11-23T10:00:00"}', "no time with a zone"),
    ('{"channel": "site", "text": "a", "n": ' + "9" * 5000 + "}", "limit"),
    ("[" * 100_000, "nested too deeply"),
    ('{"channel": "site", "text": "\udcff"}', "not UTF-8"),
]


@pytest.mark.parametrize(("line", "words"), BAD, ids=[words for _, words in BAD])
def test_a_bad_line_is_told_and_its_neighbours_are_answered(trial: DryRun, line: str, words: str) -> None:
    good = '{"channel": "site", "text": "refund please"}'
    first, bad, last = lines(trial, good, line, good)
    assert first["queue"] == last["queue"] == "claims"
    assert bad["line"] == 2
    assert words in bad["error"]


def test_nul_and_lone_surrogates_are_decided_like_any_text(trial: DryRun) -> None:
    found = lines(trial, '{"channel": "site", "text": "refund \\u0000 \\ud800"}', '{"channel": "site", "text": ""}')
    assert [one["issue"] for one in found] == ["refund", None]
    json.dumps(found, ensure_ascii=False).encode()


def test_thousands_of_lines_stream_one_by_one(trial: DryRun) -> None:
    read = 0

    def endless() -> Iterator[str]:
        nonlocal read
        while True:
            read += 1
            yield '{"channel": "site", "text": "My card has not arrived"}'

    answers = explain_lines(trial, endless(), now=NOW, given={})
    assert [next(answers)["queue"] for _ in range(2000)] == ["cards"] * 2000
    assert read == 2000


# -- the command -------------------------------------------------------------------------------------------------------


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    code = main(["--config", str(EXAMPLE), "explain", *arguments])
    return code, capsys.readouterr()


def test_people_get_sentences(capsys: pytest.CaptureFixture[str]) -> None:
    at = "2026-11-23T23:00:00+08:00"
    code, printed = run(
        capsys, "--channel", "site", "--text", "充值不成功", "--at", at, "--set", "customer.balance=90000"
    )
    assert code == 0
    for words in (
        "goes to      payments  (its issue says so)",
        "priority     high  (rule: Much money at stake)",
        "no (shanghai), opens Tue 2026-11-24 09:00 CST",
        "✗ VIPs: customer.vip is unknown, wants true",
        "✓ Much money at stake: settles priority, labels",
        "Nearest misses:",
    ):
        assert words in printed.out


def test_a_file_with_a_bad_line_answers_all_others_and_1(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_text('{"channel": "site", "text": "refund"}\nnonsense\n{"channel": "app", "text": "退款"}\n', "utf-8")
    code, printed = run(capsys, "--file", str(path), "--json")
    answers = [json.loads(line) for line in printed.out.splitlines()]
    assert code == 1
    assert [answer.get("queue") for answer in answers] == ["claims", None, "claims"]
    assert answers[1]["line"] == 2


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--text", "a"],
        ["--channel", "nowhere", "--text", "a"],
        ["--channel", "site", "--text", "a", "--at", "noon"],
        ["--channel", "site", "--text", "a", "--set", "customer"],
        ["--channel", "site", "--text", "a", "--set", "custmer.vip=true"],
        ["--file", "nowhere.jsonl"],
    ],
)
def test_wrong_usage_answers_2_in_words(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    code, printed = run(capsys, *arguments)
    assert code == 2
    assert "huntgroup explain: " in printed.err

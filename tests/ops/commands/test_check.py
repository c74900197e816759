"""`check`: the example is clean, a mutated one is not, and each warning comes with its line."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from ops.__main__ import main
from ops.configuration.service import Service
from ops.configuration.sources import parse
from ops.rule_analysis.checking import CheckResult, check
from router.understanding.language import Detector
from router.understanding.language_detector import load_detector
from tests.example import EXAMPLE, PARTS, copied

Printed = Any  # pytest names the type in a private module
Checked = Callable[[str], CheckResult]

TODAY = date(2026, 11, 23)
GOOD = """\
[languages]
offered = ["en"]
[hours.day]
timezone = "Europe/Berlin"
mon-fri = ["09:00-17:00"]
[issues.topup]
queue = "payments"
words = ["top up"]
[queue_defaults]
hours = "day"
closed = "closed"
[queues.payments]
[queues.general]
[fallback]
queue = "general"
[replies.closed]
en = "Closed until {next_opening}."
[channels.site]
kind = "webchat"
[[tests]]
name = "t"
channel = "site"
at = "2026-11-23T10:00:00+01:00"
cases = [
  { text = "top up", queue = "payments" },
]
"""


@pytest.fixture(scope="module")
def detector() -> Detector:
    return load_detector(["zh", "en", "fr", "de"])


@pytest.fixture
def checked(tmp_path: Path, detector: Detector) -> Checked:
    def run(text: str) -> CheckResult:
        path = tmp_path / "config.toml"
        path.write_text(text, "utf-8")
        return check(path, {}, detector=detector, today=TODAY)

    return run


@pytest.fixture(scope="module")
def example(detector: Detector) -> CheckResult:
    return check(EXAMPLE, {}, detector=detector, today=TODAY)


def test_the_example_is_clean_and_every_case_passes(example: CheckResult) -> None:
    assert example.problems == ()
    assert example.warnings == ()
    assert example.passed >= 40


def test_the_example_has_the_issues_of_the_taxonomy_in_the_languages_offered_and_eleven_more(
    example: CheckResult,
) -> None:
    settings = example.settings
    assert settings is not None
    document = settings.document
    assert set(document.issues) == {
        *("account_locked", "password_reset", "topup", "payment_failed", "missing_transaction"),
        *("unauthorised_security", "dispute", "refund", "fees", "card", "identity_verification", "feedback", "other"),
    }
    more = {"es", "pt", "ru", "ja", "ko", "ar", "vi", "id", "th", "tr", "hi"}
    assert all(set(issue.words) == {*document.languages.offered, *more} for issue in document.issues.values())


def test_each_language_offered_has_a_file_of_words_and_each_file_has_words_of_that_language_alone(
    example: CheckResult,
) -> None:
    assert example.settings is not None
    files = {file.name.split(".")[1]: file for file in PARTS.glob("words.*.toml")}
    assert set(files) >= set(example.settings.document.languages.offered)
    for language, file in files.items():
        data, _ = parse(file)
        assert set(data) <= {"issues", "intents"}
        lists = [table for part in data.values() for one in part.values() for table in one.values()]
        assert lists
        assert all(set(table) == {language} for table in lists), file.name


def test_each_part_of_the_example_is_included_and_the_file_to_begin_with_stays_short(example: CheckResult) -> None:
    assert example.settings is not None
    assert {file.resolve() for file in example.settings.files} == {EXAMPLE, *PARTS.iterdir()}
    assert len(EXAMPLE.read_text("utf-8").splitlines()) <= 300


def test_the_limits_of_the_example_are_those_that_hold_without_it(example: CheckResult) -> None:
    assert example.settings is not None
    service = example.settings.service
    assert {name: getattr(service, name) for name in ("retention", "media", "unproven_answers")} == {
        name: getattr(Service(), name) for name in ("retention", "media", "unproven_answers")
    }


def test_a_case_that_fails_names_its_line_of_the_file_of_tests(tmp_path: Path, detector: Detector) -> None:
    path = copied(tmp_path, ('[issues.fees]\nqueue = "general"', '[issues.fees]\nqueue = "cards"'))
    tests = tmp_path / PARTS.name / "tests.toml"
    lines = tests.read_text("utf-8").splitlines()
    failures = check(path, {}, detector=detector, today=TODAY).failures
    text = "Quels sont les frais pour un virement ?"
    (line,) = {one.line for one in failures if text in one.message}
    assert text in lines[line - 1]
    assert {one.file for one in failures} == {str(tests)}


MUTANTS = [
    ("the lunch break is gone", '["09:00-12:00", "13:00-21:00"]', '["09:00-21:00"]'),
    ("night duty sleeps", 'hours = "always"', 'hours = "desk"'),
    ("a rule is not stopped", "stop = true", "stop = false"),
    ("the make-up day is forgotten", '{ date = "2027-02-14", as = "mon" }', '{ date = "2027-02-15", as = "mon" }'),
    ("the holidays are forgotten", 'holidays = "CN"', ""),
    ("top-ups go to cards", '[issues.topup]\nqueue = "payments"', '[issues.topup]\nqueue = "cards"'),
    ("VIPs are nobody special", "customer.vip = true }\nthen", "customer.vip = false }\nthen"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("before", "after"), [case[1:] for case in MUTANTS], ids=[case[0] for case in MUTANTS])
def test_a_mutated_example_fails_its_own_tests(tmp_path: Path, detector: Detector, before: str, after: str) -> None:
    path = copied(tmp_path, (before, after))
    tests = tmp_path / PARTS.name / "tests.toml"
    text, mark, _ = tests.read_text("utf-8").partition('[[tests]]\nname = "Each word')  # those look at words alone
    assert mark
    tests.write_text(text, "utf-8")
    result = check(path, {}, detector=detector, today=TODAY)
    assert not result.faults
    assert result.failures
    assert not result.ok


def test_a_failing_case_is_told_with_file_line_and_what_came(checked: Checked) -> None:
    result = checked(GOOD.replace('queue = "payments" },', 'queue = "general", open = false, issue = "unknown" },'))
    assert [one.line for one in result.failures] == [25, 25, 25]
    assert "queue is 'payments', expected 'general'" in str(result.failures[0])
    assert result.failed == 1


CASES = [
    ('text = "top up", priority = "high"', "priority is 'normal', expected 'high'"),
    ('text = "top up", language = "de"', "language is 'en', expected 'de'"),
    ('text = "top up", reply = "closed"', "reply is [], expected 'closed'"),
    ('text = "top up", at = "2026-11-23T20:00:00+01:00", reply = false', "reply is ['closed'], expected false"),
    ('text = "top up", opens = "2026-11-24T09:00:00+01:00"', "opens is none, expected '2026-11-24T09:00:00+01:00'"),
    (
        'text = "top up", at = "2026-11-23T20:00:00+01:00", opens = false',
        "opens is 2026-11-24T08:00:00+00:00, expected none",
    ),
    ('text = "top up", labels = ["x"]', "labels is [], expected ['x']"),
    ('text = "top up", webhook = true', "webhook is [], expected true"),
    (
        'text = "top up", set = { custmer.vip = true }',
        "'custmer' is no fact that can be set (did you mean 'customer'?)",
    ),
    ('steps = ["top up", "hello?"], replies = 1', "replies is 0, expected 1"),
]


@pytest.mark.parametrize(("case", "words"), CASES)
def test_each_expectation_is_compared(checked: Checked, case: str, words: str) -> None:
    result = checked(GOOD.replace('text = "top up", queue = "payments"', case))
    assert not result.faults
    assert [words in str(one) for one in result.failures] == [True], result.failures


def test_steps_are_one_conversation_with_one_closed_reply(checked: Checked) -> None:
    steps = 'steps = ["top up failed", "are you there?", "hello"], at = "2026-11-23T20:00:00+01:00", queue = "payments", replies = 1'
    result = checked(GOOD.replace('text = "top up", queue = "payments"', steps))
    assert result.problems == ()
    assert result.passed == 1


def test_an_unexpected_reply_is_a_warning(checked: Checked) -> None:
    late = 'text = "top up", at = "2026-11-23T20:00:00+01:00", queue = "payments"'
    (warning,) = checked(GOOD.replace('text = "top up", queue = "payments"', late)).warnings
    assert warning.line == 25
    assert "the reply 'closed' is said" in warning.message


WARNINGS = [
    ("an unreached queue", "[queues.general]", "[queues.general]\n[queues.lost]", 14, "nothing goes to queue 'lost'"),
    ("an issue without words", 'words = ["top up"]\n', "", 6, "has no words"),
    ("a queue that closes silently", 'closed = "closed"\n', "", 11, "closes and says nothing"),
    (
        "a reply nobody names",
        "[channels.site]",
        '[replies.hello]\nen = "Hi"\n[channels.site]',
        18,
        "nothing names 'hello'",
    ),
    ("a reply in one of two languages", '["en"]', '["en", "de"]', 16, "not written in de"),
    ("holiday data that ends", "[issues", 'holidays = "CN"\n[issues', 6, "known to the end of 2026"),
]


@pytest.mark.parametrize(
    ("before", "after", "line", "words"), [case[1:] for case in WARNINGS], ids=[case[0] for case in WARNINGS]
)
def test_each_warning_has_its_line(checked: Checked, before: str, after: str, line: int, words: str) -> None:
    result = checked(GOOD.replace(before, after, 1))
    assert not result.faults
    assert any(one.line == line and words in one.message for one in result.warnings), result.warnings


def test_holiday_data_is_enough_when_the_file_names_the_next_years_days(checked: Checked) -> None:
    dated = 'holidays = "CN"\ndates = [{ date = "2027-02-14", as = "mon" }]\n[issues'
    assert checked(GOOD.replace("[issues", dated, 1)).warnings == ()


def test_what_stands_below_a_rule_without_conditions_is_told(checked: Checked) -> None:
    rules = '[[rules]]\nname = "all"\nthen = { queue = "payments" }\n[[rules]]\nname = "late"\nthen = { queue = "general" }\n'
    messages = [one.message for one in checked(rules + GOOD).warnings]
    assert "rule 'late' settles nothing: 'all' has no conditions and stands before it" in messages


PHONE = """\
[channels.phone]
kind = "callback"
queue = "payments"
[channels.phone.twilio]
account = "AC0123456789abcdef0123456789abcdef"
token = "the auth token"
caller = "+33199005678"
menu = { 1 = { language = "en", issue = "topup" }, 2 = {} }
"""


@pytest.mark.parametrize(
    ("before", "after", "line", "words"),
    [
        ('queue = "payments"\n[', 'queue = "payment"\n[', 3, "there is no queue 'payment' (did you mean 'payments'?)"),
        ('issue = "topup"', 'issue = "topups"', 8, "there is no issue 'topups' (did you mean 'topup'?)"),
        ('language = "en"', 'language = "it"', 8, "there is no offered language 'it'"),
        ("2 = {}", '2 = { language = "en-GB" }', 8, "there is no offered language 'en-GB'"),
    ],
)
def test_what_an_account_for_calls_names_must_stand_in_the_rules(
    checked: Checked, before: str, after: str, line: int, words: str
) -> None:
    assert checked(PHONE + GOOD).faults == ()
    (fault,) = checked(PHONE.replace(before, after, 1) + GOOD).faults
    assert (fault.line, words in fault.message) == (line, True), fault


def test_what_was_left_out_because_it_is_misshapen_is_not_called_missing_too(checked: Checked) -> None:
    (fault,) = checked(PHONE + GOOD.replace("[queues.payments]", "[queues.payments]\nhour = 1", 1)).faults
    assert "unknown key 'hour'" in fault.message


def test_a_queue_that_an_account_fills_is_reached(checked: Checked) -> None:
    lost = PHONE.replace('queue = "payments"', 'queue = "lost"') + GOOD + "[queues.lost]\n"
    assert not [one for one in checked(lost).warnings if "nothing goes" in one.message]
    assert [one for one in checked(GOOD + "[queues.lost]\n").warnings if "nothing goes" in one.message]


@pytest.mark.parametrize(
    ("service", "told"),
    [
        ('public_url = "https://support.example"', False),
        ('public_url = "https://support.example"\nproxies = []', True),
        ('public_url = "https://support.example"\nproxies = ["10.0.0.0/8"]', True),
        ('public_url = "https://support.example"\nproxies = ["127.0.0.1"]', False),
        ('public_url = "https://support.example"\nlisten = "0.0.0.0:8080"', False),
        ('public_url = "http://127.0.0.1:8080"', False),
        ('public_url = "http://localhost:8080"', False),
        ('listen = "127.0.0.1:8080"', False),
    ],
)
def test_a_proxy_that_hides_all_customers_is_told(checked: Checked, service: str, told: bool) -> None:
    warnings = checked(f"{GOOD}[service]\n{service}\n").warnings
    assert [(one.line, "'proxies'" in one.message) for one in warnings] == [(28, True)] * told


POOLED = 'database = "postgresql://a@pooler:6432/x"\nsignals = "nats://host:4222"\n'


@pytest.mark.parametrize(("more", "warned"), [("", True), ('database_direct = "postgresql://server/x"\n', False)])
def test_the_usual_port_of_a_pooler_without_the_servers_address_is_a_warning(
    checked: Checked, more: str, warned: bool
) -> None:
    warnings = checked(f"{GOOD}[service]\n{POOLED}{more}").warnings
    assert ["'database_direct'" in one.message for one in warnings] == [True] * warned


def test_a_direct_address_belongs_to_postgresql(checked: Checked) -> None:
    (fault,) = checked(f'{GOOD}[service]\ndatabase_direct = "postgresql://server/x"\n').faults
    assert "belongs to a postgresql:// `database`" in fault.message


@pytest.mark.parametrize("network", ["proxy.example", "10.0.0.1/8", ""])
def test_a_proxy_is_an_address_or_a_network(checked: Checked, network: str) -> None:
    (fault,) = checked(f'{GOOD}[service]\nproxies = ["10.0.0.0/8", "::1", "{network}"]\n').faults
    assert "write an address or a network" in fault.message


# -- the command -------------------------------------------------------------------------------------------------------


def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, *flags: str) -> tuple[int, Printed]:
    path = tmp_path / "config.toml"
    path.write_text(text, "utf-8")
    code = main(["check", str(path), *flags])
    return code, capsys.readouterr()


def test_a_good_file_answers_0_and_says_what_was_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, printed = run(tmp_path, capsys, GOOD)
    assert code == 0
    assert "1 case passed, 0 failed, 0 warnings" in printed.out


def test_faults_and_failing_tests_answer_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, printed = run(tmp_path, capsys, GOOD.replace('hours = "day"', 'hours = "dya"'))
    assert code == 1
    assert "config.toml:10: there is no calendar 'dya' (did you mean 'day'?)" in printed.out
    assert run(tmp_path, capsys, GOOD.replace('queue = "payments" }', 'queue = "general" }'))[0] == 1


def test_warnings_answer_1_only_when_strict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = GOOD + "[queues.lost]\n"
    assert run(tmp_path, capsys, text)[0] == 0
    code, printed = run(tmp_path, capsys, text, "--strict")
    assert code == 1
    assert "config.toml:27: warning: nothing goes to queue 'lost'" in printed.out


def test_what_cannot_be_read_answers_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, capsys, "[queues")[0] == 2
    assert main(["check", str(tmp_path / "none.toml")]) == 2


def test_json_is_one_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, printed = run(tmp_path, capsys, GOOD.replace('queue = "payments" }', 'queue = "general" }'), "--json")
    told = json.loads(printed.out)
    assert code == 1
    assert (told["ok"], told["tests"]["failed"], told["tests"]["failures"][0]["line"]) == (False, 1, 25)

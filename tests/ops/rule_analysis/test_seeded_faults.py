"""Fifty faults planted in a clean file one at a time: each is told with its line. A thousand damaged files: never a stack trace."""

import random
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest

from ops.configuration.settings import load
from ops.configuration.sources import SettingsFaults
from ops.rule_analysis.checking import check
from router.understanding.language import Detector
from router.understanding.language_detector import load_detector

TODAY = date(2026, 11, 22)
CLEAN = """\
[service]
name = "Wallet"
database = "sqlite:///wallet.db"
[languages]
offered = ["en", "de"]
default = "en"
[conversations]
reopen_within = "72h"
[agents]
grace = "5m"
[hours.berlin]
timezone = "Europe/Berlin"
mon-fri = ["08:00-20:00"]
holidays = "DE-BE"
dates = [{ date = "12-24", hours = ["08:00-12:00"] }]
[hours.night]
timezone = "Europe/Berlin"
every = ["22:00-06:00"]
[hours.both]
any = ["berlin", "night"]
[hours.desk]
per_language = { de = "berlin", default = "both" }
[issues.topup]
queue = "payments"
priority = "normal"
words = { en = ["top up"], de = ["aufladen"] }
unless = { en = ["top up offer"] }
ask = ["amount"]
[issues.stolen]
queue = "safety"
priority = "urgent"
words = { en = ["stolen"], de = ["gestohlen"] }
[intents.human]
words = ["a person"]
[queue_defaults]
hours = "desk"
closed = "closed"
first_response = { webchat = "5m", default = "15m" }
[queues.payments]
skills = ["payments"]
strategy = "least_busy"
overflow = [{ after = "5m", queue = "general" }]
[queues.safety]
hours = "always"
arrival = "safety"
page = { after = "1m", webhook = "duty" }
[queues.vip]
[queues.general]
[webhooks.duty]
url = "https://duty.example/page"
secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
[[rules]]
name = "Stolen first"
when = { issue = "stolen" }
then = { queue = "safety", priority = "urgent", webhook = "duty" }
[[rules]]
name = "VIPs"
when = { customer.vip = true, language = "en", text = "(?i)vip" }
then = { queue = "vip", priority = "high" }
[[rules]]
name = "A person"
when = { intent = "human", open = "berlin", staffed = "general" }
then = { labels = ["human"] }
[fallback]
queue = "general"
[replies.closed]
en = "We open {next_opening}."
de = "Wir öffnen {next_opening}."
[replies.safety]
en = "We are on it."
de = "Wir kümmern uns."
[channels.site]
kind = "webchat"
origins = ["https://wallet.example"]
[[tests]]
name = "Top-ups"
channel = "site"
at = "2026-11-23T10:00:00+01:00"
cases = [{ text = "top up", queue = "payments", reply = false }]
"""

# what the fault is, the line as it is in the clean file, the line with the fault, and what must be said of it
FAULTS: list[tuple[str, str, str, str]] = [
    ("a section misspelt", "[agents]", "[agnets]", "agnets"),
    ("a key misspelt in service", 'name = "Wallet"', 'nmae = "Wallet"', "nmae"),
    ("a database of another kind", 'database = "sqlite:///wallet.db"', 'database = "mysql://x"', "database"),
    ("a language that is none", 'offered = ["en", "de"]', 'offered = ["english", "de"]', "english"),
    ("a language twice", 'offered = ["en", "de"]', 'offered = ["en", "en", "de"]', "twice"),
    ("a default that is not offered", 'default = "en"', 'default = "fr"', "fr"),
    ("a span of time that is none", 'reopen_within = "72h"', 'reopen_within = "72 hours"', "72 hours"),
    ("a zone that is none", 'timezone = "Europe/Berlin"', 'timezone = "Europe/Berln"', "Berln"),
    ("hours beyond the day", 'mon-fri = ["08:00-20:00"]', 'mon-fri = ["08:00-25:00"]', "25:00"),
    ("a span without end", 'mon-fri = ["08:00-20:00"]', 'mon-fri = ["08:00"]', "08:00"),
    ("a weekday that is none", 'mon-fri = ["08:00-20:00"]', 'mon-fry = ["08:00-20:00"]', "mon-fry"),
    ("a country that is none", 'holidays = "DE-BE"', 'holidays = "XX"', "XX"),
    ("a part of a country that is none", 'holidays = "DE-BE"', 'holidays = "DE-XX"', "'XX'"),
    ("a date that is none", "dates = [", 'dates = [{ date = "02-30", hours = [] }]', "02-30"),
    ("a date without hours", "dates = [", 'dates = [{ date = "12-24" }]', "hours"),
    ("a calendar of a calendar that is not there", 'any = ["berlin", "night"]', 'any = ["berlin", "nihgt"]', "nihgt"),
    ("a calendar of itself", 'any = ["berlin", "night"]', 'any = ["both", "night"]', "both"),
    ("no default calendar", "per_language", 'per_language = { de = "berlin" }', "default"),
    ("a calendar by language that is not there", "per_language", 'per_language = { de = "berln", default = "both" }', "berln"),
    ("an issue in a queue that is not there", 'queue = "payments"', 'queue = "payment"', "payment"),
    ("a priority that is none", 'priority = "normal"', 'priority = "hihg"', "priority"),
    ("a word that is nothing", 'words = { en = ["top up"]', 'words = { en = ["!!"], de = ["aufladen"] }', "!!"),
    ("a star in the middle", 'words = { en = ["top up"]', 'words = { en = ["t*op"], de = ["aufladen"] }', "t*op"),
    ("words in no language", 'words = { en = ["top up"]', 'words = { english = ["top up"], de = ["aufladen"] }', "english"),
    ("a list where none may be", 'ask = ["amount"]', 'ask = "amount"', "list"),
    ("a queue's key misspelt", 'skills = ["payments"]', 'skils = ["payments"]', "skils"),
    ("a strategy that is none", 'strategy = "least_busy"', 'strategy = "least_bussy"', "least_bussy"),
    ("overflow to nowhere", "overflow = [", 'overflow = [{ after = "5m", queue = "genral" }]', "genral"),
    ("overflow to itself", "overflow = [", 'overflow = [{ after = "5m", queue = "payments" }]', "ring"),
    ("overflow without a time", "overflow = [", 'overflow = [{ queue = "general" }]', "after"),
    ("hours that are not there", 'hours = "always"', 'hours = "alway"', "alway"),
    ("a reply that is not there", 'arrival = "safety"', 'arrival = "saftey"', "saftey"),
    ("a page to nobody", "page = {", 'page = { after = "1m", webhook = "dutty" }', "dutty"),
    ("a webhook without address", 'url = "https://duty.example/page"', 'link = "https://duty.example/page"', "url"),
    ("a rule called like another", 'name = "VIPs"', 'name = "Stolen first"', "already"),
    ("a condition misspelt", 'when = { issue = "stolen" }', 'when = { isue = "stolen" }', "isue"),
    ("an issue that is not there", 'when = { issue = "stolen" }', 'when = { issue = "stollen" }', "stollen"),
    ("an action misspelt", 'then = { queue = "safety"', 'then = { quue = "safety" }', "quue"),
    ("a rule that does nothing", 'then = { labels = ["human"] }', "then = { }", "nothing"),
    ("a pattern that looks ahead", "when = { customer.vip", 'when = { text = "vip(?=x)" }', "RE2"),
    ("a pattern that is not closed", "when = { customer.vip", 'when = { text = "(vip" }', "RE2"),
    ("an operator that is none", "when = { customer.vip", "when = { customer.n = { greater = 3 } }", "greater"),
    ("a calendar in a condition that is not there", 'when = { intent = "human"', 'when = { open = "berln" }', "berln"),
    ("an intent that is not there", 'when = { intent = "human"', 'when = { intent = "humann" }', "humann"),
    ("a placeholder that is none", 'en = "We open {next_opening}."', 'en = "We open {next_openning}."', "next_openning"),
    ("a brace too many", 'en = "We open {next_opening}."', 'en = "We open {next_opening."', "brace"),
    ("a kind of channel that is none", 'kind = "webchat"', 'kind = "webchatt"', "webchatt"),
    ("a test on no channel", 'channel = "site"', 'channel = "sight"', "sight"),
    ("a time without zone", 'at = "2026-11-23T10:00:00+01:00"', 'at = "2026-11-23T10:00:00"', "zone"),
    ("a test that fails", "cases = [", 'cases = [{ text = "top up", queue = "general" }]', "payments"),
    ("no last resort", "[fallback]", "[falback]", "falback"),
]  # fmt: skip

# what is no fault but surely not meant
DOUBTS: list[tuple[str, str, str, str]] = [
    ("a rule that an earlier one forestalls", "when = { customer.vip", 'when = { issue = "stolen", customer.vip = true }', "VIPs"),
    ("a rule that can never match", 'when = { intent = "human"', 'when = { issue = "topup", not = { issue = "topup" } }', "never match"),
    ("a hole in coverage", "per_language", 'per_language = { de = "gone", default = "both" }\n[hours.gone]\ntimezone = "UTC"\nmon = []', "nobody ever serves"),
    ("a queue that nothing reaches", 'then = { queue = "vip"', 'then = { priority = "high" }', "vip"),
    ("a reply not written in a language", 'de = "Wir kümmern uns."', 'fr = "Nous nous en occupons."', "de"),
]  # fmt: skip


def planted(line: str, fault: str) -> tuple[str, int]:
    """The clean file with one line exchanged, and its number."""
    lines = CLEAN.splitlines()
    number = next(at for at, one in enumerate(lines) if one.startswith(line))
    lines[number] = fault
    return "\n".join(lines) + "\n", number + 1


@pytest.fixture(scope="module")
def detector() -> Detector:
    return load_detector(("en", "de"))


def test_the_file_is_clean(tmp_path: Path, detector: Detector) -> None:
    path = tmp_path / "clean.toml"
    path.write_text(CLEAN)
    result = check(path, {}, detector=detector, today=TODAY)
    assert (result.problems, result.warnings) == ((), ())
    assert len(FAULTS) >= 50


@pytest.mark.parametrize(("line", "fault", "words"), [one[1:] for one in FAULTS], ids=[one[0] for one in FAULTS])
def test_a_planted_fault_is_told_with_its_line(
    tmp_path: Path, detector: Detector, line: str, fault: str, words: str
) -> None:
    text, number = planted(line, fault)
    path = tmp_path / "faulty.toml"
    path.write_text(text)
    found = check(path, {}, detector=detector, today=TODAY).problems
    assert found, "accepted"
    # a missing key is told at its table's head, the line before
    assert any(one.line in (number, number - 1) and words in one.message for one in found), [str(one) for one in found]


@pytest.mark.parametrize(("line", "fault", "words"), [one[1:] for one in DOUBTS], ids=[one[0] for one in DOUBTS])
def test_what_is_surely_not_meant_is_a_warning(
    tmp_path: Path, detector: Detector, line: str, fault: str, words: str
) -> None:
    text, _ = planted(line, fault)
    path = tmp_path / "doubtful.toml"
    path.write_text(text)
    result = check(path, {}, detector=detector, today=TODAY)
    assert result.faults == ()
    assert any(words in one.message and one.line for one in result.warnings), [str(one) for one in result.warnings]


# -- damaged files -----------------------------------------------------------------------------------------------------

_PIECES = (
    '"',
    "[",
    "]",
    "{",
    "}",
    "=",
    "\n",
    "\x00",
    "\ufeff",
    "é",
    "充",
    "true",
    "9" * 30,
    "[[rules]]\n",
    "'''",
    "#",
    ",",
)


def damaged(dice: random.Random) -> bytes:
    """The clean file with one to four wounds: cut, doubled, exchanged, mixed, or of no encoding."""
    text = CLEAN
    for _ in range(dice.randint(1, 4)):
        at, length = dice.randrange(len(text)), dice.randint(1, 40)
        text = (
            dice.choice(
                (
                    text[:at] + text[at + length :],
                    text[:at] + text[at : at + length] * 2 + text[at + length :],
                    text[:at] + dice.choice(_PIECES) + text[at:],
                    text[:at] + dice.choice(_PIECES) + text[at + 1 :],
                    _swapped(text, dice),
                )
            )
            or CLEAN
        )
    raw = text.encode()
    return (
        raw if dice.random() < 0.9 else raw[: len(raw) // 2] + bytes([dice.randrange(128, 256)]) + raw[len(raw) // 2 :]
    )


def _swapped(text: str, dice: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    one, other = dice.randrange(len(lines)), dice.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    return "".join(lines)


def test_a_thousand_damaged_files_end_in_words_or_in_rules_and_never_in_a_stack_trace(tmp_path: Path) -> None:
    dice, environment, refused = random.Random(4), dict[str, str](), 0
    path = tmp_path / "damaged.toml"
    for _ in range(1_000):
        path.write_bytes(damaged(dice))
        try:
            settings = load(path, environment, make_secrets=False)
        except SettingsFaults as found:
            refused += 1
            assert all(one.message and (one.line or one.file) for one in found.faults)
        else:
            assert _sound(settings.document.model_dump()), "accepted, and it names what is not there"
    assert 700 < refused < 1_000


def _sound(document: Mapping[str, object]) -> bool:
    """What was accepted names queues that there are."""
    queues = document["queues"]
    assert isinstance(queues, Mapping)
    issues, rules = document["issues"], document["rules"]
    assert isinstance(issues, Mapping)
    assert isinstance(rules, list)
    named = [one["queue"] for one in issues.values()] + [one["then"]["queue"] for one in rules]
    fallback = document["fallback"]
    assert isinstance(fallback, Mapping)
    return all(queue in queues for queue in (*named, fallback["queue"]) if queue is not None)

"""Settings: every fault at once with file and line, includes, precedence, secrets that never show."""

import json
import stat
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from conversation.ports.storage.retention import Keep
from ops.configuration.secrets import Secret
from ops.configuration.settings import Settings, load, parse_rules
from ops.configuration.sources import SettingsFaults

GOOD = """\
[service]
name = "Try"
[languages]
offered = ["en", "de"]
[hours.day]
timezone = "Europe/Berlin"
mon-fri = ["09:00-17:00"]
[issues.topup]
queue = "payments"
words = { en = ["top up"] }
[queues.payments]
hours = "day"
closed = "closed"
[queues.general]
[fallback]
queue = "general"
[replies.closed]
en = "Closed until {next_opening}."
de = "Zu."
[channels.site]
kind = "webchat"
"""


def write(folder: Path, text: str, name: str = "config.toml") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def faults_in(path: Path, env: Mapping[str, str] | None = None) -> list[tuple[int, str]]:
    with pytest.raises(SettingsFaults) as caught:
        load(path, env or {}, calls_webhooks=True)
    return [(fault.line, fault.message) for fault in caught.value.faults]


def test_a_good_file_has_no_fault_and_its_rules_come_back_from_their_source(tmp_path: Path) -> None:
    settings = load(write(tmp_path, GOOD), {})
    assert isinstance(settings, Settings)
    assert settings.service.port == 8080
    assert set(json.loads(settings.source)) == {"languages", "hours", "issues", "queues", "fallback", "replies"}
    book = parse_rules(settings.source, settings.hints, revision="r1")
    assert (book.revision, book.fallback, list(book.queues)) == ("r1", "general", ["payments", "general"])


def test_the_digest_follows_the_rules_and_not_the_node(tmp_path: Path) -> None:
    one = load(write(tmp_path, GOOD), {})
    other_node = load(write(tmp_path, GOOD.replace('name = "Try"', 'name = "Else"')), {})
    other_rules = load(write(tmp_path, GOOD.replace("top up", "deposit")), {})
    assert one.digest == other_node.digest != other_rules.digest


BROKEN = [
    ("an unknown section", "[quues.x]\n", 22, "unknown key 'quues' (did you mean 'queues'?)"),
    ("an unknown key of service", ('name = "Try"', 'nmae = "Try"'), 2, "unknown key 'nmae' (did you mean 'name'?)"),
    ("a bad address", ('name = "Try"', 'listen = "8080"'), 2, "host and port"),
    ("a bad database", ('name = "Try"', 'database = "mysql://x"'), 2, "sqlite:///"),
    ("bad signals", ('name = "Try"', 'signals = "carrier"'), 2, "nats://"),
    ("a bad log level", ('name = "Try"', 'log_level = "loud"'), 2, "'log_level' must be 'debug', 'info'"),
    ("a word for a number", ('name = "Try"', 'body_limit = "much"'), 2, "'body_limit' must be a whole number"),
    ("a language as text", ('offered = ["en", "de"]', 'offered = "en"'), 4, "'offered' must be a list"),
    ("a default that is not offered", ('"de"]', '"de"]\ndefault = "fr"'), 5, "no offered language 'fr'"),
    ("an unknown zone", ("Europe/Berlin", "Europe/Berlim"), 6, "Berlim"),
    ("a bad span", ("09:00-17:00", "9-5"), 7, "no time of day"),
    ("an unknown day", ("mon-fri", "mon-fry"), 7, "mon-fry"),
    ("an issue's unknown queue", ('queue = "payments"', 'queue = "payment"'), 9, "no queue 'payment' (did you mean"),
    ("words that are no list", ('["top up"]', '"top up"'), 10, "'en' must be a list"),
    ("a word that is a number", ('["top up"]', '["top up", 7]'), 10, "item 2 of 'en' must be a string"),
    ("an unknown calendar", ('hours = "day"', 'hours = "dya"'), 12, "no calendar 'dya' (did you mean 'day'?)"),
    ("an unknown reply", ('closed = "closed"', 'closed = "close"'), 13, "no reply 'close' (did you mean 'closed'?)"),
    ("an unknown key of a queue", ('closed = "closed"', 'closd = "closed"'), 13, "unknown key 'closd'"),
    ("a strategy nobody knows", ('hours = "day"', 'strategy = "least_bussy"'), 12, "did you mean 'least_busy'"),
    ("a bad span of time", ('hours = "day"', 'first_response = "soon"'), 12, "'soon' is not a span of time"),
    ("a missing part", ('hours = "day"', 'overflow = [{ after = "5m" }]'), 12, "'queue' is missing"),
    ("overflow to nowhere", ('hours = "day"', 'overflow = [{ after = "5m", queue = "x" }]'), 12, "no queue 'x'"),
    ("a fallback to nowhere", ('[fallback]\nqueue = "general"', '[fallback]\nqueue = "generl"'), 16, "'generl'"),
    ("a fallback without a queue", ('[fallback]\nqueue = "general"', "[fallback]\n"), 15, "'queue' is missing"),
    ("an unknown placeholder", ("{next_opening}", "{next_openin}"), 18, "did you mean '{next_opening}'"),
    ("braces that do not match", ("{next_opening}", "{next_opening"), 18, "brace"),
    ("an unknown kind", ('kind = "webchat"', 'kind = "webcat"'), 21, "webcat"),
    ("a channel without a kind", ('kind = "webchat"', "origins = []"), 20, "needs a kind"),
    (
        "a hint at an unknown issue",
        ('kind = "webchat"', 'kind = "webchat"\nissue = "topupp"'),
        22,
        "did you mean 'topup'",
    ),
    ("mail by nobody", ('kind = "webchat"', 'kind = "webchat"\nfollow_up = "mail"'), 22, "no e-mail account 'mail'"),
    (
        "codes by nobody",
        ('kind = "webchat"', 'kind = "callback"\ncode = "site"'),
        22,
        "no account 'site' of the kind 'sms'",
    ),
    ("mail at once", ('kind = "webchat"', 'kind = "webchat"\nfollow_up_after = "5s"'), 22, "at least '60s'"),
    ("an unknown key of a channel", ('kind = "webchat"', 'kind = "webchat"\norigin = []'), 22, "'origins'"),
    ("a rule without a name", '[[rules]]\nthen = { queue = "general" }\n', 22, "'name' is missing"),
    ("a rule to nowhere", '[[rules]]\nname = "r"\nthen = { queue = "x" }\n', 24, "no queue 'x'"),
    ("a bad pattern", '[[rules]]\nname = "r"\nwhen = { text = "(" }\nthen = { queue = "general" }\n', 24, "RE2"),
    (
        "a bad condition",
        '[[rules]]\nname = "r"\nwhen = { isue = "topup" }\nthen = { queue = "general" }\n',
        24,
        "'issue'",
    ),
    ("a bad action", '[[rules]]\nname = "r"\n[rules.then]\nqueu = "general"\n', 25, "did you mean 'queue'"),
    ("a bad priority", '[[rules]]\nname = "r"\nthen = { priority = "hig" }\n', 24, "'priority' must be 'low'"),
    ("a test without a zone", '[[tests]]\nname = "t"\nat = "2026-11-23T10:00:00"\ncases = []\n', 24, "with its zone"),
    (
        "a case that asks nonsense",
        '[[tests]]\nname = "t"\nchannel = "site"\ncases = [\n  { text = "a", que = 1 },\n]\n',
        26,
        "'que'",
    ),
    (
        "a secret that is not set",
        '[channels.app]\nkind = "webhook"\nsecret = { env = "APP_HOOK" }\n',
        24,
        "APP_HOOK is not set",
    ),
    (
        "a secret in no file",
        '[channels.app]\nkind = "webhook"\nsecret = { file = "none" }\n',
        24,
        "none cannot be read",
    ),
    (
        "a webhook's secret",
        '[webhooks.duty]\nurl = "https://x.example"\nsecret = { env = "DUTY" }\n',
        24,
        "DUTY is not set",
    ),
    ("a webhook without a secret", '[webhooks.duty]\nurl = "https://x.example"\n', 22, "webhook 'duty' has no secret"),
    (
        "a webhook with an empty secret",
        '[webhooks.duty]\nurl = "https://x.example"\nsecret = ""\n',
        24,
        "a secret is written whsec_BASE64",
    ),
    (
        "a webhook whose secret signs nothing",
        '[webhooks.duty]\nurl = "https://x.example"\nsecret = { file = "config.toml" }\n',
        24,
        "a secret is written whsec_BASE64",
    ),
]


@pytest.mark.parametrize(("change", "line", "words"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_each_fault_is_told_with_its_line(tmp_path: Path, change: str | tuple[str, str], line: int, words: str) -> None:
    text = GOOD + change if isinstance(change, str) else GOOD.replace(*change, 1)
    assert text != GOOD
    found = faults_in(write(tmp_path, text))
    assert any(at == line and words in message for at, message in found), found


def test_how_long_what_is_kept_is_said_for_a_node(tmp_path: Path) -> None:
    written = GOOD.replace("[languages]", '[service.retention]\nuploads = "1d"\n\n[languages]', 1)
    assert load(write(tmp_path, written), {}).service.retention.keep() == Keep(uploads=timedelta(days=1))
    assert load(write(tmp_path, GOOD), {}).service.retention.keep() == Keep()
    env = {"HUNTGROUP_SERVICE__RETENTION__AUDIT": "52w"}
    assert load(write(tmp_path, GOOD), env).service.retention.keep().audit == timedelta(weeks=52)
    faults = faults_in(write(tmp_path, written.replace("1d", "1s").replace("uploads", "audit")))
    assert [words for _, words in faults] == ["'audit': must be at least '1h'"]


def test_all_faults_come_at_once_in_the_order_of_lines(tmp_path: Path) -> None:
    text = GOOD.replace('name = "Try"', 'listen = "x"').replace('hours = "day"', 'hours = "dya"\nclosd = 1')
    text = text.replace('kind = "webchat"', 'kind = "webcat"')
    found = faults_in(write(tmp_path, text))
    assert [line for line, _ in found] == [2, 12, 13, 22]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[service]\nname = \n", 2, "not TOML: invalid value"),
        ("[service]\nname = 'a'\nname = 'b'\n", 3, "not TOML: cannot overwrite"),
        ("[service\n", 1, "not TOML"),
        ("a = [1,\n", 1, "not TOML"),
        ('a = """x\n', 1, "not TOML"),
        ("a = " + "[" * 5000, 1, ""),
    ],
)
def test_a_file_that_is_no_toml_has_one_fault_with_its_line(tmp_path: Path, text: str, line: int, words: str) -> None:
    ((at, message),) = faults_in(write(tmp_path, text))
    assert at == line
    assert words in message


def test_a_file_that_is_not_utf8_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b'[service]\nname = "\xff"\n')
    assert faults_in(path) == [(2, "this is not UTF-8: save the file in UTF-8")]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsFaults, match="cannot be read") as caught:
        load(tmp_path / "none.toml", {})
    assert caught.value.faults[0].unreadable


# -- includes ----------------------------------------------------------------------------------------------------------


def test_an_included_file_is_part_of_the_whole(tmp_path: Path) -> None:
    write(tmp_path, '[issues.card]\nqueue = "general"\nwords = ["card"]\n', "issues.toml")
    settings = load(write(tmp_path, 'include = ["issues.toml"]\n' + GOOD), {})
    assert set(settings.document.issues) == {"topup", "card"}


def test_a_fault_in_an_included_file_names_that_file(tmp_path: Path) -> None:
    write(tmp_path, '[issues.card]\n\nqueue = "nowhere"\nwords = ["card"]\n', "issues.toml")
    with pytest.raises(SettingsFaults) as caught:
        load(write(tmp_path, 'include = ["issues.toml"]\n' + GOOD), {})
    (fault,) = caught.value.faults
    assert str(fault).startswith(f"{tmp_path / 'issues.toml'}:3: there is no queue 'nowhere'")


def test_tests_of_several_files_are_strung_together(tmp_path: Path) -> None:
    one = '[[tests]]\nname = "%s"\nchannel = "site"\ncases = [{ text = "a"%s }]\n'
    write(tmp_path, one % ("second", ', queue = "x"'), "tests.toml")
    with pytest.raises(SettingsFaults) as caught:
        load(write(tmp_path, 'include = ["tests.toml"]\n' + GOOD + one % ("first", "")), {})
    (fault,) = caught.value.faults
    assert (fault.file, fault.line) == (str(tmp_path / "tests.toml"), 4)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ('include = ["config.toml"]\n', "in a circle"),
        ('[[rules]]\nname = "r"\nthen = { queue = "general" }\n', "rules stay in config.toml"),
        ('[queues.payments]\nhours = "day"\n', "'queues.payments.hours' is set in"),
        ("[queues\n", "not TOML"),
    ],
)
def test_what_an_included_file_may_not_do(tmp_path: Path, other: str, words: str) -> None:
    write(tmp_path, other, "more.toml")
    found = faults_in(write(tmp_path, 'include = ["more.toml"]\n' + GOOD))
    assert any(words in message for _, message in found), found


@pytest.mark.parametrize(("name", "words"), [("none.toml", "there is no file"), ("../up.toml", "lies outside")])
def test_an_include_that_cannot_be_is_told_at_its_line(tmp_path: Path, name: str, words: str) -> None:
    folder = tmp_path / "inner"
    folder.mkdir()
    found = faults_in(write(folder, f'include = [\n  "{name}",\n]\n' + GOOD))
    assert found[0][0] == 2
    assert words in found[0][1]


WORDS = "[issues.topup.words]\n\n%s\n"
TOPUP = 'words = { en = ["top up"] }'


def test_the_words_of_one_issue_are_spread_over_a_file_for_each_language(tmp_path: Path) -> None:
    assert TOPUP in GOOD
    for name, line in (("de", 'de = ["auflad*"]'), ("en", 'en = ["top up"]')):
        write(tmp_path, WORDS % line, f"words.{name}.toml")
    settings = load(write(tmp_path, 'include = ["words.*.toml"]\n' + GOOD.replace(TOPUP, "")), {})
    assert settings.document.issues["topup"].words == {"de": ["auflad*"], "en": ["top up"]}
    assert [one.name for one in settings.files] == ["config.toml", "words.de.toml", "words.en.toml"]


def test_a_language_that_two_files_give_an_issue_is_a_fault_at_the_second(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path, WORDS % 'en = ["top up"]', f"words.{name}.toml")
    with pytest.raises(SettingsFaults) as caught:
        load(write(tmp_path, 'include = ["words.*.toml"]\n' + GOOD.replace(TOPUP, "")), {})
    (fault,) = caught.value.faults
    first, second = tmp_path / "words.a.toml", tmp_path / "words.b.toml"
    assert str(fault) == f"{second}:3: 'issues.topup.words.en' is set in {first}:3 already"


def test_a_word_that_cannot_be_is_told_at_its_line_of_the_file_that_has_it(tmp_path: Path) -> None:
    write(tmp_path, WORDS % 'en = [\n  "top up",\n  7,\n]', "words.en.toml")
    with pytest.raises(SettingsFaults) as caught:
        load(write(tmp_path, 'include = ["words.*.toml"]\n' + GOOD.replace(TOPUP, "")), {})
    assert {(one.file, one.line) for one in caught.value.faults} == {(str(tmp_path / "words.en.toml"), 5)}


def test_a_pattern_that_matches_no_file_is_a_fault_at_its_line(tmp_path: Path) -> None:
    write(tmp_path, "not TOML, and hidden", ".words.en.toml")
    found = faults_in(write(tmp_path, 'include = [\n  "*words.*.toml",\n]\n' + GOOD))
    assert found == [(2, f"no file matches {tmp_path / '*words.*.toml'}")]


def test_a_file_that_is_included_twice_is_one_fault(tmp_path: Path) -> None:
    write(tmp_path, WORDS % 'en = ["top up"]', "words.en.toml")
    config = write(tmp_path, 'include = [\n  "words.en.toml",\n  "words.*.toml",\n]\n' + GOOD.replace(TOPUP, ""))
    assert faults_in(config) == [(3, f"{tmp_path / 'words.en.toml'} is included in {config}:2 already")]


def test_a_name_with_brackets_is_a_file_where_there_is_one(tmp_path: Path) -> None:
    write(tmp_path, '[issues.card]\nqueue = "general"\nwords = ["card"]\n', "issues[1].toml")
    settings = load(write(tmp_path, 'include = ["issues[1].toml"]\n' + GOOD), {})
    assert set(settings.document.issues) == {"topup", "card"}


# -- environment and flags ---------------------------------------------------------------------------------------------


def test_the_environment_wins_over_the_file_and_flags_win_over_both(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    env = {"HUNTGROUP_SERVICE__NAME": "Env", "HUNTGROUP_SERVICE__BODY_LIMIT": "2048", "HUNTGROUP_CONFIG": "x"}
    settings = load(path, env, overrides={"service.listen": "127.0.0.1:0"})
    assert (settings.service.name, settings.service.body_limit, settings.service.port) == ("Env", 2048, 0)
    assert load(path, env, overrides={"service.name": "Flag"}).service.name == "Flag"


def test_a_list_in_the_environment_is_written_as_in_toml(tmp_path: Path) -> None:
    env = {"HUNTGROUP_CHANNELS__SITE__ORIGINS": '["https://a.example"]'}
    assert load(write(tmp_path, GOOD), env).channels["site"]["origins"] == ["https://a.example"]


def test_a_fault_in_the_environment_names_the_variable(tmp_path: Path) -> None:
    with pytest.raises(SettingsFaults) as caught:
        load(write(tmp_path, GOOD), {"HUNTGROUP_SERVICE__DATABSE": "x"})
    (fault,) = caught.value.faults
    assert str(fault) == "HUNTGROUP_SERVICE__DATABSE: unknown key 'databse' (did you mean 'database'?)"


# -- secrets -----------------------------------------------------------------------------------------------------------

KEY = "whsec_" + "c2VjcmV0LXRoYXQtbm9ib2R5LXNlZXM="
APP = GOOD + '[channels.app]\nkind = "webhook"\nsecret = { %s }\n'


def test_a_secret_comes_from_the_environment_or_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY + "\n")
    for reference, env in (('env = "K"', {"K": KEY}), ('file = "key"', {})):
        settings = load(write(tmp_path, APP % reference), env)
        assert settings.channels["app"]["secret"] == KEY


def test_a_secret_never_shows_itself(tmp_path: Path) -> None:
    settings = load(write(tmp_path, APP % 'env = "K"'), {"K": KEY})
    secret = settings.channels["app"]["secret"]
    assert isinstance(secret, Secret)
    shown = f"{secret} {secret!r} {settings!r} {dict(settings.channels)} {[secret]} {secret:>9}"
    assert KEY not in shown
    assert KEY not in settings.source


def test_a_bad_secret_is_not_repeated_in_its_fault(tmp_path: Path) -> None:
    found = faults_in(write(tmp_path, APP % 'env = "K"'), {"K": "hunter2-hunter2"})
    assert found
    assert "hunter2" not in str(found)


def test_a_secret_file_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    path = write(tmp_path, APP % 'create = "app.secret"')
    load(path, {}, make_secrets=False)
    assert not (tmp_path / "app.secret").exists()
    first = load(path, {}).channels["app"]["secret"]
    assert stat.S_IMODE((tmp_path / "app.secret").stat().st_mode) == 0o600
    assert load(path, {}).channels["app"]["secret"] == first


def test_the_rules_in_the_database_keep_only_the_name_of_a_webhooks_secret(tmp_path: Path) -> None:
    text = GOOD + '[webhooks.duty]\nurl = "https://x.example"\nsecret = { env = "K" }\n'
    settings = load(write(tmp_path, text), {"K": KEY})
    assert settings.webhook_secrets["duty"] == KEY
    assert KEY not in settings.source
    assert '{"env":"K"}' in settings.source


@pytest.mark.parametrize("secret", ["", 'secret = { env = "K" }\n', 'secret = { file = "none" }\n', 'secret = "x"\n'])
def test_a_webhooks_missing_secret_stops_only_who_calls_webhooks(tmp_path: Path, secret: str) -> None:
    path = write(tmp_path, GOOD + f'[webhooks.duty]\nurl = "https://x.example"\n{secret}')
    assert load(path, {}).webhook_secrets == {}
    with pytest.raises(SettingsFaults):
        load(path, {}, calls_webhooks=True)

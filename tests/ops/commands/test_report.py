"""`report`: times in opening hours and on the clock, promises kept or broken, tables, JSON, and a page that needs nothing else."""

import json
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversation.model.conversation import Priority
from conversation.model.decision import Decision, Joining
from conversation.model.message import Status
from conversation.ports.storage.figures import Corrected, Lived, Window
from ops.__main__ import main
from ops.commands.report import report
from ops.configuration.settings import Settings, load, parse_rules
from ops.reporting.charts import Point, bars, columns
from ops.reporting.figures import Lives, Row, corrections, handled, percentile, talk
from ops.reporting.html import as_page
from ops.reporting.open_time import OpenClock
from ops.reporting.tables import SECTIONS, as_text, span
from ops.reporting.translations import LANGUAGES, word
from router.rules.rulebook import RuleBook
from storage.store import Store
from tests.storage.makers import NOW, conversation, message, put
from tests.storage.test_figures import AGENT, said

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
WEEK = Window(MONDAY, MONDAY + 7 * DAY)
FILE = """
[languages]
offered = ["en", "zh"]
[hours.office]
timezone = "UTC"
mon-fri = ["09:00-17:00"]
[queues.help]
hours = "office"
first_response = { email = "2h", default = "30m" }
[queues.night]
[fallback]
queue = "help"
[channels.app]
kind = "webhook"
secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    path = tmp_path / "config.toml"
    path.write_text(FILE)
    return load(path, {}, make_secrets=False)


@pytest.fixture
def rulebook(settings: Settings) -> RuleBook:
    return parse_rules(settings.source, settings.hints)


def lived(
    opened: timedelta, answered: timedelta | None = None, closed: timedelta | None = None, **values: str
) -> Lived:
    """Opened so long after Monday began; answered and closed so long after that."""
    at = MONDAY + opened
    told = {"id": "c", "queue": "help", "channel": "app", "work": "message", "language": "en", "issue": "fees"}
    return Lived(
        created_at=at,
        answered_at=None if answered is None else at + answered,
        closed_at=None if closed is None else at + closed,
        **(told | values),
    )


def counted(rulebook: RuleBook, *lives: Lived, window: Window = WEEK) -> Lives:
    found = Lives(rulebook, window, ZoneInfo("Europe/Berlin"))
    for one in lives:
        found.add(one)
    return found


def row(rows: list[Row], queue: str) -> Row:
    return next(one for one in rows if one["queue"] == queue)


def test_times_are_told_on_the_clock_and_in_opening_hours(rulebook: RuleBook) -> None:
    overnight = lived(
        16 * HOUR, 18 * HOUR, 19 * HOUR
    )  # Monday 16:00, Tuesday 10:00 and 11:00: 2 h and 3 h of open time
    quick = lived(10 * HOUR, 10 * MINUTE)
    told = row(counted(rulebook, overnight, quick).times(), "help")
    assert (told["answered"], told["closed"]) == (2, 1)
    assert (told["first_median_seconds"], told["first_p90_seconds"]) == (600, 18 * 3600)
    assert (told["first_open_median_seconds"], told["first_open_p90_seconds"]) == (600, 2 * 3600)
    assert (told["resolution_median_seconds"], told["resolution_open_median_seconds"]) == (19 * 3600, 3 * 3600)


def test_a_promise_is_kept_broken_or_not_due_yet(rulebook: RuleBook) -> None:
    friday = 4 * DAY + 16 * HOUR + 50 * MINUTE  # ten open minutes before the weekend
    lives = (
        lived(10 * HOUR, 30 * MINUTE),
        lived(10 * HOUR, 31 * MINUTE),
        lived(20 * HOUR, 13 * HOUR + 30 * MINUTE),  # out of hours: answered half an hour after the opening
        lived(10 * HOUR),
        lived(friday),
        lived(10 * HOUR, None, 5 * MINUTE),
        lived(10 * HOUR, None, HOUR),
        lived(10 * HOUR, 90 * MINUTE, channel="gone", work="email"),  # another promise for mail
        lived(10 * HOUR, 9 * HOUR, queue="night"),  # promises nothing
    )
    told = counted(rulebook, *lives).levels()
    wanted = {"within": 3, "late": 1, "unanswered": 2, "pending": 1, "closed_unanswered": 1, "share": 0.5}
    assert told == [{"queue": "help", **wanted}, {"queue": "all", **wanted}]


def test_what_comes_after_the_window_has_not_happened_yet(rulebook: RuleBook) -> None:
    morning = Window(MONDAY, MONDAY + 12 * HOUR)
    found = counted(rulebook, lived(11 * HOUR, 2 * HOUR, 3 * HOUR), window=morning)
    assert (row(found.times(), "help")["answered"], row(found.times(), "help")["closed"]) == (0, 0)
    assert row(found.levels(), "help")["unanswered"] == 1


def test_days_are_those_of_the_zone_and_empty_ones_are_told(rulebook: RuleBook) -> None:
    late = lived(23 * HOUR + 30 * MINUTE)  # Tuesday in Berlin
    volumes = counted(rulebook, late, lived(HOUR, issue="card"), lived(2 * HOUR)).volumes()
    days = {one["day"]: one["count"] for one in volumes["per_day"]}
    assert list(days) == [f"2026-11-{day}" for day in range(23, 31)]
    assert (days["2026-11-23"], days["2026-11-24"], days["2026-11-25"]) == (2, 1, 0)
    assert volumes["per_issue"] == [{"issue": "fees", "count": 2}, {"issue": "card", "count": 1}]


def test_a_percentile_is_the_nearest_rank() -> None:
    ten = [float(n) for n in range(1, 11)]
    assert (percentile(ten, 0.5), percentile(ten, 0.9), percentile([7.0], 0.9), percentile([], 0.5)) == (5, 9, 7, None)


@given(st.integers(0, 7 * 86_400), st.integers(0, 7 * 86_400))
def test_the_summed_up_hours_are_those_of_the_calendars(rulebook_of_all: RuleBook, first: int, second: int) -> None:
    since, until = MONDAY + timedelta(seconds=first), MONDAY + timedelta(seconds=second)
    clock = OpenClock(rulebook_of_all.calendars, WEEK.since, WEEK.until)
    wanted = rulebook_of_all.calendars.open_time_between("office", since, until).total_seconds()
    assert clock.seconds("office", None, since, until) == wanted


@pytest.fixture(scope="module")
def rulebook_of_all(tmp_path_factory: pytest.TempPathFactory) -> RuleBook:
    path = tmp_path_factory.mktemp("report") / "config.toml"
    path.write_text(FILE)
    read = load(path, {}, make_secrets=False)
    return parse_rules(read.source, read.hints)


def test_what_was_held_back_is_no_message() -> None:
    channels, troubles = talk(
        {
            ("app", "in", "customer", "received", ""): 5,
            ("app", "out", "agent", "read", ""): 3,
            ("app", "out", "agent", "failed", "blocked"): 2,
            ("app", "out", "system", "suppressed", "a machine wrote"): 4,
            ("app", "out", "system", "sent", ""): 1,
            ("", "note", "agent", "received", ""): 9,
        }
    )
    said_there = {"received": 5, "answers": 5, "automatic": 1, "failed": 2, "uncertain": 0, "suppressed": 4}
    assert channels == [{"channel": "app", **said_there}]
    assert [(one["status"], one["reason"], one["count"]) for one in troubles] == [
        ("suppressed", "a machine wrote", 4),
        ("failed", "blocked", 2),
    ]


def test_corrections_name_the_ways_and_what_had_settled_them() -> None:
    by_rule = Decision(
        joining=Joining.NEW, queue="vip", priority=Priority.HIGH, revision="r", issue="fees", language="en",
        settled_by={"queue": "VIPs"},
    )  # fmt: skip
    transfers = [Corrected(decision=by_rule, from_queue="vip", queue="help"), Corrected(decision=None, queue="help")]
    relabels = [Corrected(decision=by_rule, issue="card", language="en"), Corrected(decision=None, issue="card")]
    assert corrections(transfers, relabels) == {
        "transfers": [{"from": "unknown", "to": "help", "count": 1}, {"from": "vip", "to": "help", "count": 1}],
        "rules": [{"rule": "VIPs", "count": 1}, {"rule": "unknown", "count": 1}],
        "relabelled_issues": [
            {"from": "fees", "to": "card", "count": 1},
            {"from": "unknown", "to": "card", "count": 1},
        ],
        "relabelled_languages": [],
    }
    assert handled({("help", "expired"): 2})[0]["expired"] == 2


# -- the whole ---------------------------------------------------------------------------------------------------------


async def a_report(store: Store, settings: Settings) -> Row:
    one = conversation(queue="help", channel="<b>app</b>", language="zh", created_at=NOW + 8 * HOUR)
    await put(store, one)
    await said(
        store,
        message(one, seq=1, author=AGENT, channel="<b>app</b>", created_at=NOW + 8 * HOUR + 5 * MINUTE),
        message(one, seq=2, author=AGENT, channel="<b>app</b>", status=Status.FAILED, error="<script>no</script>"),
    )
    return await report(store, settings, WEEK, ZoneInfo("UTC"), now=NOW + DAY)


async def test_the_figures_of_a_store_have_every_section(store: Store, settings: Settings) -> None:
    told = await a_report(store, settings)
    json.dumps(told)
    assert {"since", "until", "timezone", "handled_since", "opened"} | {one.name for one in SECTIONS} == set(told)
    for section in SECTIONS:
        for found in told[section.name]:
            assert set(found) == set(section.columns)
    assert told["opened"] == 1
    assert row(told["times"], "help")["first_open_median_seconds"] == 300
    assert row(told["service_level"], "all")["share"] == 1.0
    assert told["waiting"] == [{"queue": "help", "language": "zh", "count": 1, "oldest_seconds": 86_400}]


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_page_needs_nothing_else_and_has_a_table_beside_each_chart(
    store: Store, settings: Settings, language: str
) -> None:
    page = as_page(await a_report(store, settings), language)
    seen = Tags()
    seen.feed(page)
    assert f'<html lang="{language}">' in page
    assert "<script" not in page
    assert "<b>app" not in page
    assert not re.search(r"(?:src|href)=|url\(|@import|https?:", page)
    assert seen.open == []
    assert seen.charts >= 6
    assert seen.with_table == seen.charts
    assert word("service_level", language) in page


class Tags(HTMLParser):
    """Every tag is closed; a section with a chart has a table with headings too."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.charts = self.with_table = 0
        self._here: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._here = set() if tag == "section" else self._here | {tag}
        if tag == "svg":
            assert dict(attrs)["role"] == "img"
            assert dict(attrs)["aria-label"]
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        if tag == "section" and "svg" in self._here:
            self.charts += 1
            self.with_table += {"table", "thead", "th"} <= self._here


async def test_the_tables_are_told_in_each_language(store: Store, settings: Settings) -> None:
    told = await a_report(store, settings)
    for language in LANGUAGES:
        lines = list(as_text(told, language))
        assert word("times", language) in lines
        assert any("5 min" in line and "help" in line for line in lines)
        assert lines[-1].startswith(word("none", language))


def test_every_section_and_column_has_a_word() -> None:
    for section in SECTIONS:
        assert all(word(name, "fr") for name in (section.name, *section.columns))


def test_spans_are_read_as_people_say_them() -> None:
    assert [span(seconds) for seconds in (0, 59, 60, 3_599, 3_600, 5_400, 86_400, 180_000)] == [
        *("0 s", "59 s", "1 min", "59 min", "1 h", "1 h 30 min", "1 d", "2 d 2 h"),
    ]


def test_charts_of_nothing_and_of_nothing_but_zeros_are_drawn() -> None:
    zeros = [Point("a", 0, "0"), Point("b", 0, "0")]
    for draw in (bars, columns):
        assert draw("t", []).endswith("</svg>")
        assert draw("t", zeros).count("<rect") == 2
    halves = bars("t", [Point("a", 4, "4"), Point("b", 2, "2")])
    widths = [float(found) for found in re.findall(r'width="([\d.]+)" height="14"', halves)]
    assert widths[1] * 2 == widths[0]


def test_the_command_prints_writes_and_refuses(
    sqlite_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUNTGROUP_SERVICE__DATABASE", sqlite_url)
    asked = ["--config", "config.example.toml", "report"]
    assert main([*asked, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["opened"] == 0
    page = tmp_path / "report.html"
    assert main([*asked, "--html", str(page), "--language", "de"]) == 0
    assert capsys.readouterr().out == ""
    assert "Bericht" in page.read_text("utf-8")
    assert main([*asked, "--timezone", "Asia/Shanghai"]) == 0
    assert "+08:00" not in capsys.readouterr().out
    for wrong in (["--since", "soon"], ["--timezone", "Mars/Base"], ["--until", "8d"], ["--html", str(tmp_path)]):
        assert main([*asked, *wrong]) == 2
        assert "huntgroup report:" in capsys.readouterr().err

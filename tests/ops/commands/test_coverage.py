"""`coverage`: spans from the calendars' boundaries, equal to asking every minute with a clock on the wall, also when clocks change."""

import json
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ops.__main__ import main
from ops.commands.coverage import as_json, as_text
from ops.rule_analysis.staff_coverage import Combination, Coverage, Span, holes, open_time
from router.rules.document import Document
from router.rules.rulebook import ChannelHints, RuleBook, compile_rules

CHANNELS = {"site": ChannelHints(kind="webchat"), "mail": ChannelHints(kind="email", language="de")}
ZONES = ("Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "UTC")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# days before clocks change: Berlin in spring and autumn, New York, Lord Howe (by half an hour), an ordinary week
STARTS = (date(2026, 3, 28), date(2026, 10, 24), date(2026, 10, 31), date(2026, 10, 3), date(2026, 11, 21))
EXAMPLE = Path("config.example.toml")


def minutes(text: str) -> int:
    hour, minute = text.split(":")
    return int(hour) * 60 + int(minute)


def on_the_wall(hours: dict[str, object], at: datetime) -> bool:
    """Whether the clock on that zone's wall shows a time within a span of this day or of the one before."""
    local = at.astimezone(ZoneInfo(str(hours["timezone"])))
    now = local.hour * 60 + local.minute
    for back in (0, 1):
        day = DAYS[(local.weekday() - back) % 7]
        for span in hours.get(day, []):  # type: ignore[attr-defined]
            begin, end = map(minutes, span.split("-"))
            end += 1440 if end <= begin else 0
            if begin <= now + back * 1440 < end:
                return True
    return False


def clock(at: int) -> str:
    return f"{at // 60:02d}:{at % 60:02d}"


@st.composite
def weekly(draw: st.DrawFn) -> dict[str, object]:
    hours: dict[str, object] = {"timezone": draw(st.sampled_from(ZONES))}
    for day in DAYS:
        marks = sorted(draw(st.sets(st.integers(0, 1439), max_size=4)))
        spans = [f"{clock(a)}-{clock(b)}" for a, b in zip(marks[::2], marks[1::2], strict=False)]
        if draw(st.booleans()):
            hours[day] = spans
    night = draw(st.sampled_from(DAYS))
    if draw(st.booleans()):
        hours[night] = ["22:30-06:15"]
    return hours


def book(a: dict[str, object], b: dict[str, object]) -> RuleBook:
    document = {
        "languages": {"offered": ["en", "de"]},
        "hours": {"a": a, "b": b, "either": {"any": ["a", "b"]}, "desk": {"per_language": {"de": "b", "default": "a"}}},
        "issues": {"fees": {"queue": "money", "words": ["fee"]}},
        "queues": {"money": {"hours": "desk"}, "night": {"hours": "either"}, "general": {"hours": "a"}},
        "rules": [
            {"name": "Closed goes to the night", "when": {"open": "b", "kind": "email"}, "then": {"queue": "night"}},
            {
                "name": "Nobody at the desk",
                "when": {"not": {"open": "money"}, "issue": "fees"},
                "then": {"queue": "general"},
            },
        ],
        "fallback": {"queue": "general"},
    }
    return compile_rules(Document.model_validate(document), revision="r", channels=CHANNELS)


def expected(a: dict[str, object], b: dict[str, object], one: Combination, at: datetime) -> tuple[str, bool]:
    """The same rules, read aloud."""
    opened = {"a": on_the_wall(a, at), "b": on_the_wall(b, at)}
    desk = opened["b" if one.language == "de" else "a"]
    if one.channel == "mail" and opened["b"]:
        return "night", opened["a"] or opened["b"]
    if one.issue == "fees":
        return ("money", True) if desk else ("general", opened["a"])
    return "general", opened["a"]


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(a=weekly(), b=weekly(), first=st.sampled_from(STARTS))
def test_spans_are_what_every_minute_says(a: dict[str, object], b: dict[str, object], first: date) -> None:
    start = datetime(first.year, first.month, first.day, tzinfo=UTC)
    coverage = Coverage(book(a, b), start, start + timedelta(days=2))
    assert len(coverage.timelines) == 2 * 2 * 2
    for one, timeline in coverage.timelines.items():
        assert timeline[0].start == start
        assert timeline[-1].end == start + timedelta(days=2)
        assert all(before.end == after.start for before, after in pairwise(timeline))
        at = start
        for span in timeline:
            while at < span.end:
                assert (span.queue, span.open) == expected(a, b, one, at), (one, at)
                at += timedelta(minutes=1)


def test_a_quarter_that_is_served_in_part_is_marked() -> None:
    start = datetime(2026, 11, 23, tzinfo=UTC)
    spans = (
        Span(start, start + timedelta(minutes=20), "q", open=True),
        Span(start + timedelta(minutes=20), start + timedelta(minutes=60), "q", open=False),
    )
    rulebook = book({"timezone": "UTC", "mon": ["00:00-01:00"]}, {"timezone": "UTC", "mon": ["00:00-01:00"]})
    coverage = Coverage(rulebook, start, start + timedelta(hours=1))
    assert coverage.quarters(spans) == "#~.."
    assert holes(spans) == [(start + timedelta(minutes=20), start + timedelta(minutes=60))]
    assert open_time(spans) == timedelta(minutes=20)


def test_what_nobody_ever_serves_is_told() -> None:
    closed: dict[str, object] = {"timezone": "UTC", "mon": []}
    always: dict[str, object] = {"timezone": "UTC", "every": ["00:00-24:00"]}
    start = datetime(2026, 11, 23, tzinfo=UTC)
    rulebook = book(closed, always)
    coverage = Coverage(rulebook, start, start + timedelta(days=14))
    never = coverage.never_served()
    assert {(one.language, one.channel) for one in never} == {("en", "site"), ("de", "site")}
    assert any("never served" in line for line in as_text(coverage, rulebook))


def test_the_text_tells_local_days_also_when_an_hour_comes_twice() -> None:
    hours: dict[str, object] = {"timezone": "Europe/Berlin", "sat-sun": ["09:00-17:00"]}
    start = datetime(2026, 10, 24, 22, tzinfo=UTC)  # midnight in Berlin; this Sunday has 25 hours
    rulebook = book(hours, hours)
    coverage = Coverage(rulebook, start, start + timedelta(hours=25))
    (line,) = {line for line in as_text(coverage, rulebook) if "nobody" in line}
    assert line.strip() == "nobody 00:00-09:00 17:00-24:00 on Sun 10-25"
    (grid,) = {line for line in as_text(coverage, rulebook, grid=True) if "Sun 10-25" in line}
    assert grid.count("#") == 8 * 4
    assert grid.count(".") == 17 * 4


def test_json_names_each_combination_and_its_timeline() -> None:
    start = datetime(2026, 11, 23, tzinfo=UTC)
    day: dict[str, object] = {"timezone": "UTC", "every": ["09:00-17:00"]}
    told = as_json(Coverage(book(day, day), start, start + timedelta(days=1)))
    assert len(told["combinations"]) == 8
    found = {told["timelines"][one["timeline"]]["quarters"] for one in told["combinations"]}
    assert found == {"." * 36 + "#" * 32 + "." * 28}


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    config = ["--config", str(EXAMPLE), "coverage"]
    assert main([*config, "--json", "--from", "2026-11-23T00:00:00+08:00"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert len(told["combinations"]) == 4 * 14 * 3
    assert all(len(one["quarters"]) == 14 * 96 for one in told["timelines"])
    assert main([*config, "--days", "2", "--grid"]) == 0
    assert "unauthorised_security" in capsys.readouterr().out
    assert main([*config, "--days", "0"]) == 2
    assert main([*config, "--from", "tomorrow"]) == 2

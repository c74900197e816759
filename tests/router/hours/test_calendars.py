"""Calendars against an oracle that looks at the wall clock minute by minute."""

import tomllib
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from router.hours.calendars import Calendars
from router.rules.document import Document
from router.rules.faults import Faults
from router.rules.read_hours import read_calendars

HOURS = """
[hours.split]
timezone = "{zone}"
mon-fri = ["09:00-12:00", "13:00-21:00"]
sat-sun = ["10:00-18:00"]
[hours.night]
timezone = "{zone}"
every = ["22:00-06:00"]
sun = []
[hours.early]
timezone = "{zone}"
every = ["00:30-03:15", "11:30-14:00", "23:00-24:00"]
[hours.either]
any = ["split", "night"]
[hours.both]
all = ["split", "early"]
"""


def calendars(text: str) -> Calendars:
    faults = Faults()
    read = read_calendars(Document.model_validate(tomllib.loads(text)).hours, faults)
    assert not faults.errors
    return read


def minutes(text: str) -> int:
    hour, minute = text.split(":")
    return int(hour) * 60 + int(minute)


def spans_of(name: str, day: date) -> list[tuple[int, int]]:
    week = {
        "split": ["10:00-18:00"] if day.weekday() >= 5 else ["09:00-12:00", "13:00-21:00"],
        "night": [] if day.weekday() == 6 else ["22:00-06:00"],
        "early": ["00:30-03:15", "11:30-14:00", "23:00-24:00"],
    }[name]
    return [tuple(map(minutes, span.split("-"))) for span in week]  # type: ignore[misc]


def oracle(name: str, at: datetime, zone: ZoneInfo) -> bool:
    if name == "either":
        return oracle("split", at, zone) or oracle("night", at, zone)
    if name == "both":
        return oracle("split", at, zone) and oracle("early", at, zone)
    wall = at.astimezone(zone)
    now = wall.hour * 60 + wall.minute
    today = spans_of(name, wall.date())
    yesterday = spans_of(name, wall.date() - timedelta(days=1))
    return any(low <= now < (high if high > low else 1441) for low, high in today) or any(
        high < low and now < high for low, high in yesterday
    )


ZONES = [
    ("Europe/Berlin", datetime(2026, 3, 28, 12, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2026, 10, 24, 12, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 11, 1, 0, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, 6, tzinfo=UTC)),
    ("Asia/Shanghai", datetime(2026, 11, 20, 12, tzinfo=UTC)),
    ("Asia/Kathmandu", datetime(2026, 11, 20, 12, tzinfo=UTC)),
    ("Pacific/Apia", datetime(2011, 12, 29, 12, tzinfo=UTC)),
]


@pytest.mark.parametrize(("zone", "start"), ZONES)
def test_open_and_next_opening_agree_with_the_wall_clock_minute_by_minute(zone: str, start: datetime) -> None:
    read, place = calendars(HOURS.format(zone=zone)), ZoneInfo(zone)
    for name in ("split", "night", "early", "either", "both"):
        instants = [start + timedelta(minutes=step) for step in range(2 * 1440)]
        open_at = [oracle(name, at, place) for at in instants]
        assert [read.is_open(name, at) for at in instants] == open_at
        openings = [
            at for (_, before), (at, now) in pairwise(zip(instants, open_at, strict=True)) if now and not before
        ]
        for at, is_open in zip(instants[::17], open_at[::17], strict=True):
            expected = at if is_open else next((opening for opening in openings if opening > at), None)
            if expected is not None:
                assert read.next_opening(name, at) == expected


@pytest.mark.parametrize(("zone", "start"), ZONES)
def test_open_time_is_what_the_minutes_sum_up_to(zone: str, start: datetime) -> None:
    read, place = calendars(HOURS.format(zone=zone)), ZoneInfo(zone)
    for name in ("split", "night", "either", "both"):
        open_at = [oracle(name, start + timedelta(minutes=step), place) for step in range(4000)]
        total = sum(open_at)
        end = start + timedelta(minutes=4000)
        assert read.open_time_between(name, start, end) == timedelta(minutes=total)
        for wanted in (1, total // 3, total):
            if 0 < wanted <= total:
                reached = read.add_open_time(name, start, timedelta(minutes=wanted))
                assert reached is not None
                assert read.open_time_between(name, start, reached) == timedelta(minutes=wanted)


SHOP = """
[hours.shop]
timezone = "Asia/Shanghai"
mon-fri = ["09:00-17:00"]
wed = ["09:00-12:00"]
holidays = "CN"
dates = [
  { from = "2027-02-05", to = "2027-02-10", hours = [] },
  { date = "2026-12-31", hours = ["09:00-10:00"] },
  { date = "12-24", hours = ["08:00-09:00"] },
  { date = "2027-02-14", as = "mon" },
  { date = 2026-10-01, hours = ["11:00-12:00"] },
]
[hours.berlin]
timezone = "Europe/Berlin"
every = ["00:00-24:00"]
holidays = ["DE-BE", "DE-BY"]
[hours.never]
timezone = "UTC"
every = []
[hours.desk]
per_language = { zh = "shop", default = "berlin" }
"""


@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        ("2026-11-23T09:00:00+08:00", True),
        ("2026-11-23T17:00:00+08:00", False),
        ("2026-11-25T12:30:00+08:00", False),
        ("2026-10-02T10:00:00+08:00", False),
        ("2026-10-01T11:30:00+08:00", True),
        ("2026-12-31T10:30:00+08:00", False),
        ("2026-12-24T08:30:00+08:00", True),
        ("2031-12-24T08:30:00+08:00", True),
        ("2027-02-08T10:00:00+08:00", False),
        ("2027-02-14T10:00:00+08:00", True),
    ],
)
def test_a_date_wins_over_a_holiday_and_a_holiday_over_the_week(at: str, is_open: bool) -> None:
    assert calendars(SHOP).is_open("shop", datetime.fromisoformat(at)) is is_open


def test_holidays_of_several_regions_add_up() -> None:
    read = calendars(SHOP)
    assert not read.is_open("berlin", datetime(2026, 3, 8, 12, tzinfo=UTC))  # women's day, Berlin only
    assert not read.is_open("berlin", datetime(2026, 1, 6, 12, tzinfo=UTC))  # Epiphany, Bavaria only
    assert read.is_open("berlin", datetime(2026, 1, 7, 12, tzinfo=UTC))


def test_a_calendar_per_language_falls_back_to_its_default() -> None:
    read, at = calendars(SHOP), datetime(2026, 11, 23, 15, tzinfo=UTC)
    assert not read.is_open("desk", at, "zh")
    assert read.is_open("desk", at, "fr")
    assert read.is_open("desk", at)
    assert read.zone("desk", "zh") == ZoneInfo("Asia/Shanghai")
    assert read.zone("desk", "fr") == ZoneInfo("Europe/Berlin")


def test_what_never_opens_has_no_next_opening_and_no_deadline() -> None:
    read, at = calendars(SHOP), datetime(2026, 11, 23, 15, tzinfo=UTC)
    assert read.next_opening("never", at) is None
    assert read.add_open_time("never", at, timedelta(minutes=1)) is None
    assert read.open_time_between("never", at, at + timedelta(days=30)) == timedelta(0)


def test_always_is_built_in() -> None:
    read, at = calendars(SHOP), datetime(2026, 11, 23, 15, tzinfo=UTC)
    assert read.is_open("always", at)
    assert read.add_open_time("always", at, timedelta(days=3)) == at + timedelta(days=3)
    assert read.open_time_between("always", at, at + timedelta(hours=5)) == timedelta(hours=5)


def test_an_opening_many_weeks_away_is_found() -> None:
    text = '[hours.fair]\ntimezone = "UTC"\nevery = []\ndates = [{ date = "06-01", hours = ["09:00-10:00"] }]\n'
    found = calendars(text).next_opening("fair", datetime(2026, 6, 1, 10, tzinfo=UTC))
    assert found == datetime(2027, 6, 1, 9, tzinfo=UTC)


@pytest.mark.parametrize("year", [1, 9999])
def test_the_ends_of_time_raise_nothing(year: int) -> None:
    read, at = calendars(SHOP), datetime(year, 1, 2, tzinfo=UTC)
    read.is_open("shop", at)
    read.next_opening("shop", at)

"""When a customer may be called, compared with a slow oracle around the changes of the clocks."""

import tomllib
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from conversation.model.callback import CallbackSettings
from router.policy.callback_times import CallTimes
from router.rules.document import Document
from router.rules.rulebook import compile_rules

RULES = """
[languages]
offered = ["en", "fr"]
default = "en"
[hours.berlin]
timezone = "Europe/Berlin"
mon-fri = ["08:00-12:00", "13:00-20:00"]
[hours.night]
timezone = "Europe/Berlin"
every = ["22:00-06:00"]
[queues.general]
[fallback]
queue = "general"
"""
BOOK = compile_rules(Document.model_validate(tomllib.loads(RULES)), revision="r", channels={})
DAY = tuple((day, ((9 * 60, 20 * 60),)) for day in range(7))
ROUND_THE_CLOCK = dict.fromkeys(range(7), ((0, 24 * 60),))


def times(hours: str = "berlin", *zones: str, plan: CallbackSettings | None = None) -> CallTimes:
    return CallTimes(
        calendars=BOOK.calendars,
        hours=hours,
        language=None,
        plan=plan or CallbackSettings(lawful=dict(DAY)),
        zones=zones or ("Europe/Paris",),
    )


def test_slots_are_those_of_the_next_opening_in_the_customers_zone() -> None:
    closed = datetime(2026, 3, 6, 20, 30, tzinfo=UTC)  # a Friday night in Berlin

    found = list(times("berlin", "America/Sao_Paulo").slots(closed))

    assert found[0].local == "2026-03-09T09:00"
    assert found[0].start == datetime(2026, 3, 9, 12, 0, tzinfo=UTC)
    assert {slot.end - slot.start for slot in found} == {timedelta(minutes=30)}


@pytest.mark.parametrize("zone", ["Asia/Kathmandu", "Australia/Lord_Howe", "America/New_York", "Europe/Paris"])
@pytest.mark.parametrize("around", ["2026-03-06", "2026-03-27", "2026-10-02", "2026-10-23", "2026-10-30"])
@pytest.mark.parametrize("hours", ["berlin", "night", "always"])
def test_every_minute_of_every_slot_is_open_and_lawful_and_none_is_left_out(zone: str, around: str, hours: str) -> None:
    now = datetime.fromisoformat(around).replace(hour=10, minute=7, tzinfo=UTC)
    lawful = dict.fromkeys(range(7), ((2 * 60 + 30, 5 * 60), (9 * 60, 20 * 60)))
    when = times(hours, zone, plan=CallbackSettings(lawful=lawful, horizon=timedelta(days=4)))
    found = {slot.start for slot in when.slots(now)}

    grid = datetime(2026, 1, 1, tzinfo=UTC)
    wanted = set()
    start = grid + ((now + timedelta(minutes=30) - grid) // timedelta(minutes=30) + 1) * timedelta(minutes=30)
    while start <= now + timedelta(days=4):
        if all(_callable(when, start + timedelta(minutes=m)) for m in range(30)):
            wanted.add(start)
        start += timedelta(minutes=30)

    assert found == wanted
    assert found


def _callable(when: CallTimes, at: datetime) -> bool:
    wall = at.astimezone(ZoneInfo(when.zones[0]))
    minute = wall.hour * 60 + wall.minute
    lawful = any(low <= minute < high for low, high in when.plan.lawful[wall.weekday()])
    return lawful and BOOK.calendars.is_open(when.hours, at)


def test_a_wall_time_that_is_skipped_is_no_slot_and_one_that_comes_twice_is_two() -> None:
    plan = CallbackSettings(lawful=ROUND_THE_CLOCK, horizon=timedelta(days=1), slot=timedelta(hours=1))
    spring = [
        s.local for s in times("always", "Europe/Paris", plan=plan).slots(datetime(2026, 3, 28, 20, 0, tzinfo=UTC))
    ]
    autumn = [
        s.local for s in times("always", "Europe/Paris", plan=plan).slots(datetime(2026, 10, 24, 20, 0, tzinfo=UTC))
    ]

    assert "2026-03-29T02:00" not in spring
    assert autumn.count("2026-10-25T02:00") == 2


def test_slots_do_not_overlap_and_a_slot_is_one_when_asked_for() -> None:
    when = times()
    found = list(when.slots(datetime(2026, 3, 2, 7, 0, tzinfo=UTC)))

    assert all(a.end <= b.start for a, b in pairwise(found))
    assert all(when.is_slot(slot.start) for slot in found)
    assert not when.is_slot(found[0].start + timedelta(minutes=5))
    assert not when.is_slot(datetime(2026, 3, 2, 11, 0, tzinfo=UTC))  # Berlin has its lunch


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-03-02T09:00+01:00", "2026-03-02T14:00+01:00"),  # it is night in New York
        ("2026-03-02T15:03+01:00", "2026-03-02T15:03+01:00"),
        ("2026-03-06T19:59+01:00", "2026-03-06T19:59+01:00"),
        ("2026-03-06T20:00+01:00", "2026-03-09T13:00+01:00"),  # America changed its clocks on the 8th
    ],
)
def test_the_next_call_waits_for_the_house_and_for_the_customers_day(at: str, expected: str) -> None:
    plan = CallbackSettings(lawful=dict.fromkeys(range(7), ((8 * 60, 20 * 60),)))
    found = times("berlin", "America/New_York", plan=plan).next_call(datetime.fromisoformat(at))

    assert found == datetime.fromisoformat(expected)


def test_a_number_of_a_country_with_many_zones_is_called_when_it_is_day_in_all_of_them() -> None:
    when = times("always", "America/New_York", "Pacific/Honolulu")

    assert not when.is_lawful(datetime(2026, 3, 2, 15, 0, tzinfo=UTC))
    assert when.is_lawful(datetime(2026, 3, 2, 20, 0, tzinfo=UTC))


def test_where_no_call_is_ever_lawful_none_is_promised() -> None:
    never = times("berlin", plan=CallbackSettings(lawful={}))

    assert never.next_call(datetime(2026, 3, 2, tzinfo=UTC)) is None
    assert list(never.slots(datetime(2026, 3, 2, tzinfo=UTC))) == []

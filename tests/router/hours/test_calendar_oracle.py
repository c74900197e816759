"""The short form of the long comparison: `make oracle` asks a million times."""

from zoneinfo import available_timezones

import pytest

from tests.router.hours import calendar_oracle

SOME = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca"]


@pytest.mark.slow
def test_hours_are_what_the_wall_clock_says_minute_by_minute() -> None:
    assert set(SOME) <= available_timezones()
    assert calendar_oracle.compare(4_000, SOME, seed=7) > 12_000

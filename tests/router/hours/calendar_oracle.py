"""A slow second opinion on hours: it looks at the wall clock minute by minute, and knows nothing of intervals.

    python -m tests.router.hours.calendar_oracle 1000000

compares that many decisions over all zones and two years; each decision asks whether it is open, when it opens next, and when an
amount of open time has passed.
"""

import random
import sys
import time
import tomllib
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate
from zoneinfo import ZoneInfo, available_timezones

import holidays

from router.hours.calendars import Calendars
from router.rules.document import Document
from router.rules.faults import Faults
from router.rules.read_hours import read_calendars

START = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 730
WINDOW = 9 * 1_440  # minutes that are looked at one by one for each zone
EDGE = 2 * 1_440  # next openings and due times may lie this much later than what is asked for
FILE = """
[hours.shop]
timezone = "{zone}"
mon-fri = ["09:00-12:00", "13:00-21:00"]
sat-sun = ["10:00-18:00"]
holidays = "DE-BE"
dates = [
  {{ date = "2026-12-31", hours = ["09:00-17:00"] }},
  {{ date = "12-24", hours = ["08:00-12:00"] }},
  {{ from = "2027-02-05", to = "2027-02-10", hours = [] }},
  {{ date = "2027-02-14", as = "mon" }},
]
[hours.night]
timezone = "{zone}"
every = ["22:00-06:00"]
sun = []
[hours.odd]
timezone = "{zone}"
every = ["00:30-03:15", "11:30-14:00", "23:00-24:00"]
wed = ["01:00-02:30"]
[hours.either]
any = ["shop", "night"]
[hours.both]
all = ["shop", "odd"]
"""
NAMES = ("shop", "night", "odd", "either", "both")
_GERMAN = holidays.country_holidays("DE", subdiv="BE", years=range(2025, 2030))


def _spans(name: str, day: date) -> tuple[tuple[int, int], ...]:
    """The spans that begin on that day, in minutes of the day; an end before its beginning is on the next day."""
    if name == "night":
        return () if day.weekday() == 6 else ((1320, 360),)
    if name == "odd":
        return ((60, 150),) if day.weekday() == 2 else ((30, 195), (690, 840), (1380, 1440))
    if day == date(2026, 12, 31):
        return ((540, 1020),)
    if day == date(2027, 2, 14):
        return ((540, 720), (780, 1260))
    if (day.month, day.day) == (12, 24):
        return ((480, 720),)
    if date(2027, 2, 5) <= day <= date(2027, 2, 10) or day in _GERMAN:
        return ()
    return ((600, 1080),) if day.weekday() >= 5 else ((540, 720), (780, 1260))


def is_open(name: str, at: datetime, zone: ZoneInfo) -> bool:
    """What the wall clock says in that minute."""
    if name == "either":
        return is_open("shop", at, zone) or is_open("night", at, zone)
    if name == "both":
        return is_open("shop", at, zone) and is_open("odd", at, zone)
    wall = at.astimezone(zone)
    now, today = wall.hour * 60 + wall.minute, wall.date()
    if any(low <= now < (high if high > low else 1441) for low, high in _spans(name, today)):
        return True
    return any(high < low and now < high for low, high in _spans(name, today - timedelta(days=1)))


@dataclass(slots=True)
class Looked:
    """One calendar in one zone, minute by minute from `start` on."""

    calendars: Calendars
    name: str
    start: datetime
    open: list[bool]

    def compare(self, dice: random.Random) -> int:
        """One decision; how many answers were compared. Raises `AssertionError`."""
        place = dice.randrange(len(self.open) - EDGE)
        at = self.start + timedelta(minutes=place)
        told = (self.name, str(self.calendars.zone(self.name)), at)
        assert self.calendars.is_open(self.name, at) is self.open[place], told
        compared = 1
        opens = next((then for then in range(place, len(self.open)) if self.open[then]), None)
        if opens is not None:
            assert self.calendars.next_opening(self.name, at) == self.start + timedelta(minutes=opens), told
            compared += 1
        return compared + self._due(dice, place, at)

    def _due(self, dice: random.Random, place: int, at: datetime) -> int:
        """The instant at which so many open minutes have passed, counted one by one."""
        wanted = dice.randrange(1, 600)
        ahead = list(accumulate(map(int, self.open[place : place + EDGE])))
        if not ahead or ahead[-1] < wanted:
            return 0
        due = at + timedelta(minutes=ahead.index(wanted) + 1)
        assert self.calendars.add_open_time(self.name, at, timedelta(minutes=wanted)) == due, (self.name, at, wanted)
        end = at + timedelta(minutes=len(ahead))
        assert self.calendars.open_time_between(self.name, at, end) == timedelta(minutes=ahead[-1]), (self.name, at)
        return 2


def looked(zone: str, dice: random.Random) -> list[Looked]:
    """All calendars of a zone over some days of the two years; where clocks change in these years, mostly around that."""
    faults = Faults()
    calendars = read_calendars(Document.model_validate(tomllib.loads(FILE.format(zone=zone))).hours, faults)
    assert not faults.errors
    start, place = _start(ZoneInfo(zone), dice), ZoneInfo(zone)
    minutes = [start + timedelta(minutes=step) for step in range(WINDOW)]
    return [Looked(calendars, name, start, [is_open(name, at, place) for at in minutes]) for name in NAMES]


def _start(zone: ZoneInfo, dice: random.Random) -> datetime:
    days = [START + timedelta(days=day) for day in range(DAYS)]
    changes = [
        one
        for one in days
        if one.astimezone(zone).utcoffset() != (one - timedelta(days=1)).astimezone(zone).utcoffset()
    ]
    if changes and dice.random() < 0.5:
        return dice.choice(changes) - timedelta(days=3)
    return dice.choice(days) + timedelta(minutes=dice.randrange(1_440))


def compare(decisions: int, zones: list[str], seed: int) -> int:
    """So many decisions, spread over the zones; how many answers were compared."""
    dice, compared = random.Random(seed), 0
    for number, zone in enumerate(zones):
        calendars = looked(zone, dice)
        for _ in range(decisions * (number + 1) // len(zones) - decisions * number // len(zones)):
            compared += dice.choice(calendars).compare(dice)
    return compared


if __name__ == "__main__":
    wanted, began = int(sys.argv[1] if len(sys.argv) > 1 else 1_000_000), time.monotonic()
    everywhere = sorted(available_timezones())
    answers = compare(wanted, everywhere, seed=1)
    print(
        f"{wanted:,} decisions in {len(everywhere)} zones, {answers:,} answers compared: all equal,"
        f" {time.monotonic() - began:.0f} s"
    )

"""When a customer may be called: the queue's opening hours within lawful hours where the customer is. Pure.

Slots lie on one grid, counted from 1970 in UTC, so that customers in all zones share their capacity; a change of the clocks moves
nothing. Lawfulness is asked of the wall clock in every quarter of an hour: offsets and lawful hours are multiples of one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from conversation.model.callback import QUARTER, CallbackSettings, Slot
from router.hours.calendars import Calendars

_LOOK_AHEAD = timedelta(days=21)
_INSTANT = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_zone = lru_cache(1_000)(ZoneInfo)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallTimes:
    """When this customer may be called by this queue. `zones`: where they may be; times are given in the first."""

    calendars: Calendars
    hours: str
    language: str | None
    plan: CallbackSettings
    zones: tuple[str, ...]

    def is_lawful(self, at: datetime) -> bool:
        """Whether a call at this instant is within lawful hours in every zone where the customer may be."""
        return all(_within(self.plan, at.astimezone(_zone(name))) for name in self.zones)

    def may_call(self, at: datetime) -> bool:
        """Whether somebody is here, and the customer may be called at this instant."""
        return self.calendars.is_open(self.hours, at, self.language) and self.is_lawful(at)

    def next_call(self, at: datetime) -> datetime | None:
        """The first instant from `at` on at which a call may be made; None: not within three weeks."""
        end = at + _LOOK_AHEAD
        while at < end:
            opens = self.calendars.next_opening(self.hours, at, self.language)
            if opens is None or opens >= end:
                return None
            if self.is_lawful(opens):
                return opens
            at = _above(opens, QUARTER)
        return None

    def slots(self, now: datetime) -> Iterator[Slot]:
        """The slots of the plan's horizon, free or not, the soonest first."""
        step, last = self.plan.slot, now + self.plan.horizon
        start = _above(now + self.plan.lead - _INSTANT, step)
        spans = self._open_spans(start, last + step)
        while start <= last:
            if self._is_slot(spans, start):
                yield self.slot(start)
            start += step

    def is_slot(self, start: datetime) -> bool:
        """Whether a whole slot begins then, open and lawful from its beginning to its end."""
        on_grid = _above(start - _INSTANT, self.plan.slot) == start
        return on_grid and self._is_slot(self._open_spans(start, start + self.plan.slot), start)

    def slot(self, start: datetime) -> Slot:
        """The slot that begins then, with its wall time."""
        local = start.astimezone(_zone(self.zones[0])).replace(tzinfo=None).isoformat(timespec="minutes")
        return Slot(start=start, end=start + self.plan.slot, local=local)

    def _open_spans(self, start: datetime, end: datetime) -> Sequence[tuple[int, int]]:
        return self.calendars.intervals(self.hours, start, end, self.language)

    def _is_slot(self, spans: Sequence[tuple[int, int]], start: datetime) -> bool:
        low, high = start.timestamp(), (start + self.plan.slot).timestamp()
        if not any(opens <= low and high <= closes for opens, closes in spans):
            return False
        return all(self.is_lawful(start + number * QUARTER) for number in range(self.plan.slot // QUARTER))


def _within(plan: CallbackSettings, wall: datetime) -> bool:
    minute = wall.hour * 60 + wall.minute
    return any(begin <= minute < end for begin, end in plan.lawful.get(wall.weekday(), ()))


def _above(at: datetime, step: timedelta) -> datetime:
    """The next point of the grid, later than `at`."""
    return _EPOCH + ((at - _EPOCH) // step + 1) * step

"""How much open time lies between two instants, for very many of them: each calendar's intervals are summed up once."""

from bisect import bisect_right
from datetime import datetime
from itertools import accumulate

from router.hours.calendars import Calendars


class OpenClock:
    """Reads like a clock that stands still while a calendar is closed. Good for instants between `start` and `end` only."""

    def __init__(self, calendars: Calendars, start: datetime, end: datetime) -> None:
        self._calendars = calendars
        self._start, self._end = start, end
        self._faces: dict[str, tuple[list[int], list[int], list[int]]] = {}

    def seconds(self, calendar: str, language: str | None, since: datetime, until: datetime) -> float:
        """Open seconds between the two; 0 where the second is not later."""
        face = self._face(self._calendars.resolve(calendar, language))
        return max(_read(face, until.timestamp()) - _read(face, since.timestamp()), 0.0)

    def _face(self, calendar: str) -> tuple[list[int], list[int], list[int]]:
        """When it opens, when it closes, and how much open time lay before each opening."""
        if calendar not in self._faces:
            spans = self._calendars.intervals(calendar, self._start, self._end)
            passed = [0, *accumulate(high - low for low, high in spans)]
            self._faces[calendar] = ([low for low, _ in spans], [high for _, high in spans], passed)
        return self._faces[calendar]


def _read(face: tuple[list[int], list[int], list[int]], at: float) -> float:
    opens, closes, passed = face
    place = bisect_right(opens, at) - 1
    return 0.0 if place < 0 else passed[place] + min(at, closes[place]) - opens[place]

"""Due times, counted in the opening hours of the queue."""

from datetime import datetime, timedelta

from router.hours.calendars import Calendars
from router.rules.model import WORK_OF
from router.rules.queues import Queue


def promised(queue: Queue, kind: str) -> timedelta | None:
    """Within which open time a first answer is due: by kind of channel, by kind of work, else the default."""
    table = queue.first_response
    for name in (kind, WORK_OF.get(kind, "message"), "default"):
        if name in table:
            return table[name]
    return None


def due(queue: Queue, kind: str, language: str | None, now: datetime, calendars: Calendars) -> datetime | None:
    """The instant by which a first answer is due; None where nothing is promised or it never opens."""
    span = promised(queue, kind)
    return None if span is None else calendars.add_open_time(queue.hours, now, span, language)

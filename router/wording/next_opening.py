"""The next opening in words, in the customer's language and seen from the queue's zone."""

from datetime import datetime
from zoneinfo import ZoneInfo

from conversation.wording import CATALOGUE

_WEEK = 7


def format_opening(opens: datetime | None, now: datetime, zone: ZoneInfo, language: str) -> str:
    """`tomorrow at 9:00`: today, tomorrow, the weekday within a week, the date beyond; English where a language is not known."""
    texts = CATALOGUE.texts("opening", language)
    if opens is None:
        return texts("never")
    there, here = opens.astimezone(zone), now.astimezone(zone)
    days = there.toordinal() - here.toordinal()
    if days <= 1:
        return texts("today" if days <= 0 else "tomorrow", opens=there)
    return texts("weekday" if days < _WEEK else "date", opens=there)

"""Days and times as a language writes them, by the clock of a zone. Pure."""

from datetime import datetime
from zoneinfo import ZoneInfo

from conversation.wording import CATALOGUE, Texts


def when(at: datetime, zone: str, language: str) -> str:
    """A day and a time, as they stand in a sentence."""
    wall = at.astimezone(ZoneInfo(zone))
    return _texts(language)("at", at=wall, offset=_offset(wall))


def day_of(at: datetime, zone: str, language: str) -> str:
    """The day, under which its times stand in a list."""
    return _texts(language)("day", at=at.astimezone(ZoneInfo(zone)))


def time_of(at: datetime, zone: str, language: str) -> str:
    """The time in such a list. It names its day: of a list that is folded, the chosen line alone is seen."""
    wall = at.astimezone(ZoneInfo(zone))
    return _texts(language)("listed", at=wall, clock=f"{wall:%H:%M}{_offset(wall)}")


def _texts(language: str) -> Texts:
    return CATALOGUE.texts("callback_times", language)


def _offset(wall: datetime) -> str:
    """In the hour that autumn repeats, which of the two is meant; else nothing."""
    once = wall.utcoffset() == wall.replace(fold=1 - wall.fold).utcoffset()
    return "" if once else f" (UTC{wall.isoformat()[-6:]})"

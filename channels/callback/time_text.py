"""Days and times as the four languages say them, by the clock of a zone. Pure."""

from datetime import datetime
from zoneinfo import ZoneInfo

from channels.callback.translations import DAYS, MONTHS


def when(at: datetime, zone: str, language: str) -> str:
    """A day and a time, as they stand in a sentence."""
    wall, tongue = at.astimezone(ZoneInfo(zone)), _tongue(language)
    if tongue == "zh":
        return f"{_weekday(wall, tongue)} {_clock(wall)}"
    beginning, between = {"de": ("am ", ", um "), "fr": ("", " à "), "en": ("on ", ", at ")}[tongue]
    return f"{beginning}{_weekday(wall, tongue)}{between}{_clock(wall)}"


def day_of(at: datetime, zone: str, language: str) -> str:
    """The day, under which its times stand in a list."""
    return _weekday(at.astimezone(ZoneInfo(zone)), _tongue(language))


def time_of(at: datetime, zone: str, language: str) -> str:
    """The time in such a list. It names its day: of a list that is folded, the chosen line alone is seen."""
    wall = at.astimezone(ZoneInfo(zone))
    return f"{_clock(wall)} · {_date(wall, _tongue(language))}"


def _tongue(language: str) -> str:
    tongue = language.partition("-")[0]
    return tongue if tongue in DAYS else "en"


def _date(wall: datetime, tongue: str) -> str:
    if tongue == "zh":
        return f"{wall.month}月{wall.day}日"
    number = {"de": f"{wall.day}.", "fr": "1er" if wall.day == 1 else f"{wall.day}"}.get(tongue, f"{wall.day}")
    return f"{number} {MONTHS[tongue][wall.month - 1]}"


def _weekday(wall: datetime, tongue: str) -> str:
    day, date = DAYS[tongue][wall.weekday()], _date(wall, tongue)
    return f"{date}{day}" if tongue == "zh" else f"{day}{' ' if tongue == 'fr' else ', '}{date}"


def _clock(wall: datetime) -> str:
    """The hour that autumn repeats is told apart by its offset."""
    once = wall.utcoffset() == wall.replace(fold=1 - wall.fold).utcoffset()
    return f"{wall:%H:%M}" if once else f"{wall:%H:%M} (UTC{wall.isoformat()[-6:]})"

"""The next opening in words, in the customer's language and seen from the queue's zone."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """How one language says it. `{time}`, `{day}` and `{date}` are filled in."""

    time: str
    today: str
    tomorrow: str
    weekday: str
    other: str
    date: str
    never: str
    full_hour: str = ""
    days: tuple[str, ...] = ()
    months: tuple[str, ...] = ()


WORDINGS: Mapping[str, Wording] = {
    "en": Wording(
        time="{h}:{m:02}",
        today="today at {time}",
        tomorrow="tomorrow at {time}",
        weekday="on {day} at {time}",
        other="on {date} at {time}",
        date="{d} {month} {y}",
        never="at a time we will announce",
        days=("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
        months=(
            *("January", "February", "March", "April", "May", "June"),
            *("July", "August", "September", "October", "November", "December"),
        ),
    ),
    "zh": Wording(
        time="{h}:{m:02}",
        today="今天 {time}",
        tomorrow="明天 {time}",
        weekday="{day} {time}",
        other="{date} {time}",
        date="{y}年{n}月{d}日",
        never="时间另行通知",
        days=("星期一", "星期二", "星期三", "星期四", "星期五", "星期六", "星期日"),
    ),
    "zh-Hant": Wording(
        time="{h}:{m:02}",
        today="今天 {time}",
        tomorrow="明天 {time}",
        weekday="{day} {time}",
        other="{date} {time}",
        date="{y}年{n}月{d}日",
        never="時間另行通知",
        days=("星期一", "星期二", "星期三", "星期四", "星期五", "星期六", "星期日"),
    ),
    "fr": Wording(
        time="{h} h {m:02}",
        full_hour="{h} h",
        today="aujourd'hui à {time}",
        tomorrow="demain à {time}",
        weekday="{day} à {time}",
        other="le {date} à {time}",
        date="{d} {month} {y}",
        never="à une date qui sera annoncée",
        days=("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"),
        months=(
            *("janvier", "février", "mars", "avril", "mai", "juin"),
            *("juillet", "août", "septembre", "octobre", "novembre", "décembre"),
        ),
    ),
    "de": Wording(
        time="{h}:{m:02} Uhr",
        today="heute um {time}",
        tomorrow="morgen um {time}",
        weekday="am {day} um {time}",
        other="am {date} um {time}",
        date="{d}. {month} {y}",
        never="zu einer Zeit, die wir noch bekannt geben",
        days=("Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"),
        months=(
            *("Januar", "Februar", "März", "April", "Mai", "Juni"),
            *("Juli", "August", "September", "Oktober", "November", "Dezember"),
        ),
    ),
}
_FIRST_OF_MONTH = {"fr": "1er"}


def say_opening(opens: datetime | None, now: datetime, zone: ZoneInfo, language: str) -> str:
    """`tomorrow at 9:00`: today, tomorrow, the weekday within a week, the date beyond; English where a language is not known."""
    tongue = language if language in WORDINGS else language.split("-", 1)[0].lower() if language else "en"
    tongue = tongue if tongue in WORDINGS else "en"
    wording = WORDINGS[tongue]
    if opens is None:
        return wording.never
    there, here = opens.astimezone(zone), now.astimezone(zone)
    days = (there.date() - here.date()).days
    clock = wording.time if there.minute else wording.full_hour or wording.time
    time = clock.format(h=there.hour, m=there.minute)
    if days <= 1:
        return (wording.today if days <= 0 else wording.tomorrow).format(time=time)
    if days < len(wording.days):
        return wording.weekday.format(day=wording.days[there.weekday()], time=time)
    return wording.other.format(date=_date(there.date(), wording, tongue), time=time)


def _date(day: date, wording: Wording, tongue: str) -> str:
    number = _FIRST_OF_MONTH.get(tongue, "1") if day.day == 1 else str(day.day)
    month = wording.months[day.month - 1] if wording.months else ""
    return wording.date.format(d=number, n=day.month, month=month, y=day.year)

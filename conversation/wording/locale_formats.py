"""Dates, numbers and plural categories of one language, by Babel and its CLDR data. Loaded at construction, pure after that."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from functools import lru_cache

from babel import Locale
from babel.dates import DateTimePattern, parse_pattern, tokenize_pattern
from babel.numbers import format_decimal

OTHER = "other"
CATEGORIES = frozenset({"zero", "one", "two", "few", "many", OTHER})
_GROUPED = 1_000  # smaller numbers have no separator in any language
_CLOCK_FIELDS = frozenset("Hhm")
_MOST_CACHED = 4_096
_ANY_TIME = datetime(2000, 1, 2, tzinfo=UTC)
# the cases in which a language may write a day or a time differently: `1er décembre`, `9 h`, `a la 1:00`
_DAYS: Mapping[str, Callable[[date], bool]] = {"first_day": lambda day: day.day == 1}
_CLOCKS: Mapping[str, Callable[[time], bool]] = {
    "full_hour": lambda clock: clock.minute == 0,
    "one_o_clock": lambda clock: clock.hour == 1,
}


class LocaleFormats:
    """`dates` are the formats of `[dates]`: a CLDR pattern, or a table with one for `other` and one for each special case."""

    def __init__(self, language: str, written: Mapping[str, str | Mapping[str, str]]) -> None:
        self._locale = Locale.parse(language, sep="-")
        self.dates = {name: _date_format(one, self._locale) for name, one in written.items()}
        for write in self.dates.values():  # Babel loads the language's data at its first use
            write(_ANY_TIME)

    def plural_category(self, number: object) -> str:
        """`one`, `few`, `other` ... of an integer."""
        if type(number) is not int:
            raise TypeError(f"a plural form needs an integer, not {type(number).__name__}")
        return self._locale.plural_form(number)

    def number(self, number: int) -> str:
        """`1,204`. Raises `TypeError` for what is no integer."""
        if type(number) is not int:
            raise TypeError(f"an integer is needed, not {type(number).__name__}")
        return str(number) if abs(number) < _GROUPED else format_decimal(number, locale=self._locale)


def _date_format(written: str | Mapping[str, str], locale: Locale) -> Callable[[datetime], str]:
    cases = {OTHER: written} if isinstance(written, str) else written
    patterns = {case: parse_pattern(pattern) for case, pattern in cases.items()}
    fields = {value[0] for pattern in cases.values() for kind, value in tokenize_pattern(pattern) if kind == "field"}
    if fields & _CLOCK_FIELDS:
        return _clock_format(patterns, locale)
    return _day_format(patterns, locale)


def _day_format(patterns: Mapping[str, DateTimePattern], locale: Locale) -> Callable[[datetime], str]:
    special = [(_DAYS[case], pattern) for case, pattern in patterns.items() if case != OTHER]

    @lru_cache(_MOST_CACHED)
    def text_of(ordinal: int) -> str:
        day = date.fromordinal(ordinal)
        return next((one for applies, one in special if applies(day)), patterns[OTHER]).apply(day, locale)

    def day_of(at: datetime) -> str:
        if not isinstance(at, datetime):
            raise _no_datetime(at)
        return text_of(at.toordinal())

    return day_of


def _clock_format(patterns: Mapping[str, DateTimePattern], locale: Locale) -> Callable[[datetime], str]:
    special = [(_CLOCKS[case], pattern) for case, pattern in patterns.items() if case != OTHER]

    @lru_cache(_MOST_CACHED)
    def text_of(hour: int, minute: int) -> str:
        clock = time(hour, minute)
        return next((one for applies, one in special if applies(clock)), patterns[OTHER]).apply(clock, locale)

    def clock_of(at: datetime) -> str:
        if not isinstance(at, datetime):
            raise _no_datetime(at)
        return text_of(at.hour, at.minute)

    return clock_of


def _no_datetime(value: object) -> TypeError:
    return TypeError(f"a datetime is needed, not {type(value).__name__}")

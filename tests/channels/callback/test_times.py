"""Days and times in each language, also in the hour that autumn repeats."""

from datetime import UTC, datetime

import pytest

from channels.callback.time_text import day_of, time_of, when

AT = datetime(2026, 12, 1, 8, 30, tzinfo=UTC)
PARIS = "Europe/Paris"


@pytest.mark.parametrize(
    ("language", "sentence", "day", "time"),
    [
        ("en", "on Tuesday, 1 December, at 09:30", "Tuesday, 1 December", "09:30 · 1 December"),
        ("de", "am Dienstag, 1. Dezember, um 09:30", "Dienstag, 1. Dezember", "09:30 · 1. Dezember"),
        ("fr", "mardi 1er décembre à 09:30", "mardi 1er décembre", "09:30 · 1er décembre"),
        ("es", "el martes, 1 de diciembre, a las 09:30", "martes, 1 de diciembre", "09:30 · 1 de diciembre"),
        ("zh-Hans", "12月1日星期二 09:30", "12月1日星期二", "09:30 · 12月1日"),
        ("xx", "on Tuesday, 1 December, at 09:30", "Tuesday, 1 December", "09:30 · 1 December"),
    ],
)
def test_a_time_is_said_as_the_language_says_it(language: str, sentence: str, day: str, time: str) -> None:
    said = (when(AT, PARIS, language), day_of(AT, PARIS, language), time_of(AT, PARIS, language))
    assert said == (sentence, day, time)


def test_the_hour_that_autumn_repeats_is_told_apart_by_its_offset_and_no_other_is() -> None:
    night = [
        datetime(2026, 10, 24, 23, 30, tzinfo=UTC),
        *(datetime(2026, 10, 25, hour, 30, tzinfo=UTC) for hour in range(3)),
    ]
    assert [time_of(at, PARIS, "en").partition(" ·")[0] for at in night] == [
        "01:30",
        "02:30 (UTC+02:00)",
        "02:30 (UTC+01:00)",
        "03:30",
    ]
    assert when(night[2], PARIS, "de") == "am Sonntag, 25. Oktober, um 02:30 (UTC+01:00)"
    assert day_of(night[0], PARIS, "en") == "Sunday, 25 October"
    assert (
        time_of(datetime(2026, 3, 29, 1, 30, tzinfo=UTC), PARIS, "en") == "03:30 · 29 March"
    )  # spring leaves an hour out

"""The next opening in words."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from router.wording.next_opening import format_opening

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 11, 23, 2, 30, tzinfo=UTC)  # Monday, 10:30


@pytest.mark.parametrize(
    ("opens", "language", "words"),
    [
        ("2026-11-23T13:00:00+08:00", "en", "today at 13:00"),
        ("2026-11-24T09:05:00+08:00", "en", "tomorrow at 9:05"),
        ("2026-11-27T09:00:00+08:00", "en", "on Friday at 9:00"),
        ("2026-11-30T09:00:00+08:00", "en", "on 30 November 2026 at 9:00"),
        ("2026-11-23T13:00:00+08:00", "zh", "今天 13:00"),
        ("2026-11-24T09:00:00+08:00", "zh", "明天 9:00"),
        ("2026-11-29T09:00:00+08:00", "zh", "星期日 9:00"),
        ("2026-12-01T09:00:00+08:00", "zh", "2026年12月1日 9:00"),
        ("2026-11-24T09:00:00+08:00", "fr", "demain à 9 h"),
        ("2026-12-01T09:00:00+08:00", "fr", "le 1er décembre 2026 à 9 h"),
        ("2026-11-26T09:00:00+08:00", "fr", "jeudi à 9 h"),
        ("2026-11-23T13:00:00+08:00", "de", "heute um 13:00 Uhr"),
        ("2026-11-25T13:00:00+08:00", "de", "am Mittwoch um 13:00 Uhr"),
        ("2026-12-01T13:00:00+08:00", "de", "am 1. Dezember 2026 um 13:00 Uhr"),
        ("2026-11-23T13:00:00+08:00", "es", "hoy a las 13:00"),
        ("2026-11-24T01:00:00+08:00", "es", "mañana a la 1:00"),
        ("2026-11-25T09:30:00+08:00", "es-MX", "el miércoles a las 9:30"),
        ("2026-12-01T09:00:00+08:00", "es", "el 1 de diciembre de 2026 a las 9:00"),
        ("2026-12-01T09:00:00+08:00", "zh-Hant", "2026年12月1日 9:00"),
        ("2026-11-24T00:00:00+08:00", "vi", "tomorrow at 0:00"),
        ("2026-11-24T00:00:00+08:00", "", "tomorrow at 0:00"),
        ("2026-11-24T00:00:00+08:00", "de-AT", "morgen um 0:00 Uhr"),
    ],
)
def test_an_opening_is_said_as_people_say_it(opens: str, language: str, words: str) -> None:
    assert format_opening(datetime.fromisoformat(opens), NOW, SHANGHAI, language) == words


def test_the_day_is_that_of_the_zone() -> None:
    late = datetime(2026, 11, 23, 16, 30, tzinfo=UTC)  # 00:30 on Tuesday there
    assert format_opening(datetime(2026, 11, 24, 1, 0, tzinfo=UTC), late, SHANGHAI, "en") == "today at 9:00"


def test_what_never_opens_is_said_without_a_time() -> None:
    assert format_opening(None, NOW, SHANGHAI, "en") == "at a time we will announce"

"""The reader of the catalogue and its messages: languages, placeholders with types, plural forms, dates."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from conversation.wording import Catalogue, read_catalogue

AT = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)
ENGLISH = """
name = "English"

[dates]
clock = "H:mm"
date = "d MMMM y"

[queue]
place = "You are number {position:number}."
wait = { one = "About a minute.", other = "About {minutes:number} minutes." }
opens = "We open on {opens:date} at {opens:clock}, {name}."
braces = "{{literal}}"

[report]
title = "Report"
"""
POLISH = """
name = "Polski"

[dates]
clock = { full_hour = "H", other = "H:mm" }
date = { first_day = "'pierwszego' MMMM", other = "d MMMM" }

[queue]
place = "Miejsce {position:number}."
wait = { one = "Minuta.", few = "{minutes:number} minuty.", many = "{minutes:number} minut.", other = "{minutes:number} minuty" }
opens = "{name}, {opens:date}, {opens:clock}"
braces = "{{nawiasy}}"
"""


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return written(tmp_path, en=ENGLISH, pl=POLISH)


def written(folder: Path, **languages: str) -> Catalogue:
    for language, text in languages.items():
        (folder / f"{language}.toml").write_text(text, "utf-8")
    return read_catalogue(folder)


def test_a_new_file_is_a_new_language(tmp_path: Path) -> None:
    before = written(tmp_path, en=ENGLISH)
    after = written(tmp_path, pl=POLISH)

    assert before.texts("queue", "pl")("place", position=3) == "You are number 3."
    assert after.texts("queue", "pl")("place", position=3) == "Miejsce 3."
    assert (before.name_of("pl"), after.name_of("pl"), after.name_of("pl-PL")) == ("pl", "Polski", "Polski")
    assert after.languages("queue") == ("en", "pl")
    assert after.languages("report") == ("en",)


@pytest.mark.parametrize(
    ("languages", "found"),
    [
        (("pl",), "pl"),
        (("pl-PL",), "pl"),
        (("PL",), "pl"),
        (("xx", "pl"), "pl"),
        (("xx", "yy"), "en"),
        ((None,), "en"),
        (("", "pl"), "pl"),
        ((), "en"),
        (("en", "pl"), "en"),
    ],
)
def test_a_table_comes_in_the_first_language_that_has_it(
    catalogue: Catalogue, languages: tuple[str | None, ...], found: str
) -> None:
    assert catalogue.texts("queue", *languages).language == found


def test_a_table_that_a_language_lacks_comes_whole_in_english(catalogue: Catalogue) -> None:
    texts = catalogue.texts("report", "pl")

    assert (texts.language, texts("title")) == ("en", "Report")
    assert "title" in texts
    assert "place" not in texts


@pytest.mark.parametrize(
    ("minutes", "english", "polish"),
    [
        (1, "About a minute.", "Minuta."),
        (3, "About 3 minutes.", "3 minuty."),
        (5, "About 5 minutes.", "5 minut."),
        (22, "About 22 minutes.", "22 minuty."),
        (12_000, "About 12,000 minutes.", "12\xa0000 minut."),
    ],
)
def test_a_number_chooses_the_plural_form_of_its_language(
    catalogue: Catalogue, minutes: int, english: str, polish: str
) -> None:
    assert catalogue.texts("queue", "en")("wait", minutes=minutes) == english
    assert catalogue.texts("queue", "pl")("wait", minutes=minutes) == polish


def test_a_date_is_written_in_the_formats_of_the_file(catalogue: Catalogue) -> None:
    first, later = AT.replace(minute=0), AT.replace(day=2)

    english, polish = catalogue.texts("queue", "en"), catalogue.texts("queue", "pl")
    assert english("opens", opens=AT, name="Ada") == "We open on 1 December 2026 at 9:30, Ada."
    assert polish("opens", opens=first, name="Ada") == "Ada, pierwszego grudnia, 9"
    assert polish("opens", opens=later, name="Ada") == "Ada, 2 grudnia, 9:30"


def test_a_brace_written_twice_is_a_brace(catalogue: Catalogue) -> None:
    assert catalogue.texts("queue", "en")("braces") == "{literal}"


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("place", {}),
        ("place", {"position": "3"}),
        ("place", {"position": True}),
        ("place", {"position": 3, "queue": "a"}),
        ("wait", {"minutes": "3"}),
        ("wait", {"hours": 1}),
        ("wait", {"minutes": None}),
        ("opens", {"opens": "9:30", "name": "Ada"}),
        ("opens", {"opens": AT, "name": 3}),
        ("opens", {"opens": AT}),
        ("braces", {"literal": "a"}),
    ],
)
def test_a_missing_or_unknown_value_or_one_of_the_wrong_type_is_refused(
    catalogue: Catalogue, name: str, values: dict[str, str | int]
) -> None:
    with pytest.raises(TypeError, match=rf"^en\.toml \[queue\] {name}"):
        catalogue.texts("queue", "en")(name, **values)


@pytest.mark.parametrize("table", ["nothing", "dates", "name"])
def test_an_unknown_table_is_refused(catalogue: Catalogue, table: str) -> None:
    with pytest.raises(KeyError):
        catalogue.texts(table, "en")


@pytest.mark.parametrize(
    "message",
    [
        'bad = ""',
        'bad = "{name"',
        'bad = "{}"',
        'bad = "{0}"',
        'bad = "{name!r}"',
        'bad = "{name:>10}"',
        'bad = "{name:clock}"',
        "bad = 3",
        'bad = { one = "a {n:number}" }',
        'bad = { one = "a", other = "b" }',
        'bad = { one = "a", other = "{n}" }',
        'bad = { one = "a", other = "{n:number} of {m:number}" }',
        'bad = { one = "{n}", other = "{n:number}" }',
        'bad = { one = 3, other = "{n:number}" }',
        'bad = { plenty = "a", other = "{n:number}" }',
    ],
)
def test_a_message_that_cannot_be_formatted_is_refused_with_its_place(tmp_path: Path, message: str) -> None:
    with pytest.raises(ValueError, match=r"^en\.toml \[queue\] bad: "):
        written(tmp_path, en=f'name = "English"\n[queue]\n{message}\n')


@pytest.mark.parametrize(
    "dates", ['clock = { noon = "H", other = "H" }', 'clock = "H d"', 'clock = { full_hour = "H" }']
)
def test_a_format_of_dates_that_cannot_be_used_is_refused(tmp_path: Path, dates: str) -> None:
    with pytest.raises((KeyError, AttributeError)):
        written(tmp_path, en=f'name = "English"\n[dates]\n{dates}\n')

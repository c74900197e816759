"""Numbers as people write them, and those that are never called."""

import random

import pytest

from channels.callback.numbers import Number, NumberRefused, Policy, read
from channels.callback.zones import known, zones_of

PARIS = "+33142685300"


@pytest.mark.parametrize(
    ("written", "country", "e164", "extension"),
    [
        ("+33 1 42 68 53 00", None, PARIS, ""),
        ("01 42 68 53 00", "FR", PARIS, ""),
        ("01.42.68.53.00", "fr", PARIS, ""),
        ("0033 1 42 68 53 00", "FR", PARIS, ""),
        ("٠١٤٢٦٨٥٣٠٠", "FR", PARIS, ""),
        ("+३३ १ ४२६८ ५३००", None, PARIS, ""),
        ("+33142685300", None, PARIS, ""),
        ("tel:+33-1-42-68-53-00", None, PARIS, ""),
        ("+49 30 12345678 ext. 44", None, "+493012345678", "44"),
        ("+33 1 42 68 53 00;ext=12", None, PARIS, "12"),
        ("+33 1 42 68 53 00 ext. 1234567890", None, PARIS, "1234567890"),
        ("138 1234 5678", "CN", "+8613812345678", ""),
        ("+39 06 698 12345", None, "+390669812345", ""),
        ("(202) 555-0143", "US", "+12025550143", ""),
    ],
)
def test_a_number_is_read_as_it_was_meant(written: str, country: str | None, e164: str, extension: str) -> None:
    found = read(written, Policy(), country=country)

    assert (found.e164, found.extension) == (e164, extension)


def test_the_accounts_country_helps_where_the_form_names_none() -> None:
    assert read("01 42 68 53 00", Policy(country="FR")).e164 == PARIS


@pytest.mark.parametrize(
    ("written", "country", "code"),
    [
        ("", None, "unreadable"),
        ("hello", "FR", "unreadable"),
        ("12", "FR", "unreadable"),
        ("01 42 68 53 00", None, "unreadable"),
        ("112", "FR", "emergency"),
        ("911", "US", "emergency"),
        ("+1 911", None, "emergency"),
        ("+49 110", None, "emergency"),
        ("999", "GB", "emergency"),
        ("١١٢", "FR", "emergency"),
        ("+1 900 555 1234", None, "premium"),
        ("0899 70 00 00", "FR", "premium"),
        ("+800 1234 5678", None, "special"),
        ("+1 800 356 9377", None, "special"),
        ("+882 16 1234 5678", None, "special"),
        ("+33\x001 42 68 53 00", None, "unreadable"),
        ("+33142685300" * 10, None, "too_long"),
        ("+49 30 12345678 ext. 12345678901", None, "extension_too_long"),
        ("+49 30 12345678;ext=123456789012345678", None, "extension_too_long"),
    ],
)
def test_a_number_that_is_not_called_is_refused_with_a_reason(written: str, country: str | None, code: str) -> None:
    with pytest.raises(NumberRefused) as refused:
        read(written, Policy(), country=country)

    assert refused.value.code == code


def test_lists_allow_and_deny_by_the_longer_beginning() -> None:
    only_france = Policy(allow=("+33",), deny=("+331",))

    assert read("+33 4 91 12 34 56", only_france).e164 == "+33491123456"
    for denied in ("+33 1 42 68 53 00", "+49 30 12345678"):
        with pytest.raises(NumberRefused, match="denied"):
            read(denied, only_france)
    assert read("+1 800 356 9377", Policy(allow=("+1800",))).e164 == "+18003569377"
    with pytest.raises(NumberRefused, match="emergency"):
        read("+1 911", Policy(allow=("+1",)))


def test_an_extension_is_another_person_and_stands_in_the_link() -> None:
    number = Number(e164=PARIS, extension="12")

    assert number.address != Number(e164=PARIS).address
    assert number.uri == "tel:+33142685300;ext=12"
    assert number.shown == "+33 1 42 68 53 00 ext. 12"


def test_two_thousand_hostile_numbers_are_refused_or_read_and_never_a_fault() -> None:
    draw = random.Random(6)
    letters = "0123456789+()-. ;=ext#*x٠१７\x00\u202e\ud800aé中/%<>\"'\n" + "＋"
    read_well = 0
    for _ in range(2_000):
        written = "".join(draw.choice(letters) for _ in range(draw.randrange(0, 40)))
        try:
            found = read(written, Policy(), country=draw.choice([None, "FR", "US", "zz", "中"]))
        except NumberRefused as refused:
            assert refused.code
        else:
            assert found.e164.startswith("+")
            assert found.e164[1:].isascii()
            assert found.e164[1:].isdigit()
            assert found.extension.isdigit() or not found.extension
            read_well += 1
    assert read_well < 200


def test_the_zone_they_state_wins_and_else_any_zone_of_the_country_may_be_theirs() -> None:
    assert zones_of("FR", stated=None) == ("Europe/Paris",)
    assert zones_of("FR", stated="Indian/Reunion") == ("Indian/Reunion",)
    assert zones_of("US", stated="nowhere")[0] == "America/New_York"
    assert "Pacific/Honolulu" in zones_of("US", stated=None)
    assert zones_of(None, stated=None) == ("UTC",)
    assert [known(name) for name in ("../etc/passwd", "", None, "Europe/Berlin\x00", "中")] == [None] * 5
    assert [known(name) for name in ("Europe/Berlin", "UTC", "US/Pacific")] == ["Europe/Berlin", "UTC", "US/Pacific"]


@pytest.mark.parametrize(
    "name", ["Factory", "localtime", "posixrules", "posix/Europe/Paris", "right/Europe/Paris", "Europe", "zone.tab"]
)
def test_what_only_a_machines_folder_calls_a_zone_is_none(name: str) -> None:
    assert known(name) is None
    assert zones_of("FR", stated=name) == ("Europe/Paris",)

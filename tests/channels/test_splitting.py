"""Long texts in parts: nothing is lost, each part fits, and the cut is where a reader would make it."""

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.text_splitting import length, parts

UNITS = ("characters", "utf16", "bytes")
WRITTEN = st.text(
    st.one_of(
        st.sampled_from(" \n\r\t.。！？，a字é\u0301\u200d👩🏻🇩🇪\ufe0f\u0e33\u0600"),
        st.characters(exclude_categories=["Cs"]),
    ),
    max_size=200,
)


def bare(text: str) -> str:
    return "".join(text.split())


@settings(max_examples=300, deadline=None)
@given(text=WRITTEN, limit=st.integers(4, 60), unit=st.sampled_from(UNITS))
def test_nothing_but_white_space_is_lost_and_every_part_fits(text: str, limit: int, unit: str) -> None:
    found = parts(text, limit, unit)
    assert bare("".join(found)) == bare(text)
    assert all(part.strip() and length(part, unit) <= limit for part in found)


@settings(max_examples=300, deadline=None)
@given(text=WRITTEN, limit=st.integers(30, 60))
def test_what_is_seen_as_one_character_stays_whole(text: str, limit: int) -> None:
    seen = [one for one in regex.findall(r"\X", text) if one.strip()]
    if any(len(one) > limit for one in seen):
        return
    again = [one for part in parts(text, limit) for one in regex.findall(r"\X", part) if one.strip()]
    assert [bare(one) for one in again] == [bare(one) for one in seen]


def test_a_text_that_fits_is_left_alone_and_a_blank_one_has_no_parts() -> None:
    assert parts("  Hello \n", 9) == ["  Hello \n"]
    assert parts("  Hello \n" * 1000, None) == ["  Hello \n" * 1000]
    assert parts(" \n\n ", 4) == parts("", 4) == parts(" \n" * 40, 4) == []


def test_paragraphs_go_before_lines_before_sentences_before_words() -> None:
    assert parts("One. Two.\n\nThree. Four\nfive. Six", 24) == ["One. Two.", "Three. Four\nfive. Six"]
    assert parts("One. Two\nThree. Four five", 16) == ["One. Two", "Three. Four five"]
    assert parts("It is so. And yet it moves", 18) == ["It is so.", "And yet it moves"]
    assert parts("and yet it moves", 12) == ["and yet it", "moves"]
    assert parts("abcdefghij", 4) == ["abcd", "efgh", "ij"]


def test_chinese_sentences_end_without_a_space() -> None:
    assert parts("您好。您的充值已到账,请查收。谢谢", 12) == ["您好。", "您的充值已到账,请查收。", "谢谢"]
    assert parts("他说:“好的。”然后走了", 9) == ["他说:“好的。”", "然后走了"]
    assert parts("第一，第二，第三", 6) == ["第一，第二，", "第三"]


def test_a_full_stop_within_a_number_or_an_address_ends_nothing() -> None:
    assert parts("Pay 1.50 at https://a.example/b.c now", 29) == ["Pay 1.50 at", "https://a.example/b.c now"]


@pytest.mark.parametrize("seen", ["👩\u200d👩\u200d👧", "🇩🇪", "e\u0301", "👍🏽", "\u0e01\u0e33"])
def test_families_flags_and_accents_are_not_torn_apart(seen: str) -> None:
    for unit in UNITS:
        room = length(seen, unit)
        assert parts(seen * 7, max(4, room), unit)[0].startswith(seen)
        assert all(set(regex.findall(r"\X", part)) == {seen} for part in parts(seen * 7, max(4, room * 2), unit))


def test_one_character_longer_than_the_limit_is_cut_all_the_same() -> None:
    tower = "a" + "\u0301" * 20
    assert "".join(parts(tower, 6)) == tower
    assert [len(part) for part in parts(tower, 6)] == [6, 6, 6, 3]


def test_units_count_what_their_names_say() -> None:
    assert [length("a字👍", unit) for unit in UNITS] == [3, 4, 8]
    assert parts("👍👍👍", 4, "utf16") == ["👍👍", "👍"]
    assert parts("字字字", 7, "bytes") == ["字字", "字"]
    with pytest.raises(ValueError, match="shorter than 4"):
        parts("too long", 3)


def test_a_long_text_takes_no_long_time() -> None:
    assert len("".join(parts("字" * 400_000, 160))) == 400_000
    assert len(parts(" " * 200_000 + "x", 160)) == 1

"""Cleaning, blending, and the detector itself."""

import pytest

from router.understanding.language import Detector, blend, boosted, cleaned, has_letters, primary, scores_of, weigh
from router.understanding.language_detector import load_detector
from tests.soon import cheaply

OFFERED = frozenset({"zh", "en", "fr", "de"})


@pytest.fixture(scope="module")
def detector() -> Detector:
    return load_detector(sorted(OFFERED))


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("see https://example.com/a?b=c now", "see now"),
        ("write to jo.doe+x@example.com today", "write to today"),
        ("@support help", "help"),
        ("order TX-99812 and 1Z999 failed", "order and failed"),
        ("我充值了100元", "我充值了 元"),
        ("ฉันจ่าย 500 บาท", "ฉันจ่าย บาท"),
        ("> he wrote in English\nmerci", "merci"),
        ("danke 👍🏽❤️", "danke"),
        ("看https://x.com/abc这里", "看 这里"),
        ("#bitcoin", "#bitcoin"),
    ],
)
def test_what_tells_nothing_of_the_language_is_taken_away(text: str, left: str) -> None:
    assert " ".join(cleaned(text).split()) == left


def test_only_the_beginning_is_looked_at() -> None:
    assert len(cleaned("wort " * 100_000)) <= 1_000


def test_hostile_text_is_cleaned_in_no_time() -> None:
    texts = ("a" * 5000 + "@", "a." * 3000 + "@", "@" * 5000, "www." * 2000, "-" * 5000 + "1", "1a" * 4000)
    cheaply(0.2, lambda: [cleaned(text) for text in texts])


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("我的钱包充值不成功,请帮我看一下", "zh"),
        ("My payment did not go through, can you help me?", "en"),
        ("Mon paiement n'a pas été accepté, pouvez-vous m'aider ?", "fr"),
        ("Meine Zahlung ist nicht durchgegangen, können Sie mir helfen?", "de"),
        ("Mi pago no se ha realizado, ¿me pueden ayudar por favor?", "es"),
    ],
)
def test_the_detector_knows_a_sentence(detector: Detector, text: str, language: str) -> None:
    name, sure = scores_of(text, detector, OFFERED)[0]
    assert name == language
    assert sure >= 0.7


@pytest.mark.parametrize("text", ["", "12345", "👍", "TX-99812-A1", "https://example.com", "???"])
def test_what_has_no_letters_is_in_no_language(detector: Detector, text: str) -> None:
    assert scores_of(text, detector, OFFERED) == ()


@pytest.mark.parametrize("text", ["ok", "iPhone 15", "USDT", "asdf"])
def test_a_word_of_no_language_is_not_claimed(detector: Detector, text: str) -> None:
    assert blend(scores_of(text, detector, OFFERED), default="en").confidence < 0.7


@pytest.mark.parametrize("text", ["\ud800", "\x00\x01", "a" * 10**6, "\u202e\ufeff", "ǅ" * 50])
def test_the_detector_takes_any_text(detector: Detector, text: str) -> None:
    scores_of(text, detector, OFFERED)


def test_languages_not_offered_weigh_less() -> None:
    assert weigh([("nl", 0.6), ("de", 0.4)], OFFERED)[0] == ("de", 0.9569)
    assert weigh([], OFFERED) == ()


def test_history_makes_a_language_twenty_times_as_likely() -> None:
    best = boosted([("en", 0.5), ("fr", 0.1)], "fr")
    assert best is not None
    assert best[0] == "fr"
    assert boosted([("en", 0.98), ("fr", 0.01)], "fr") == ("en", 0.8305)


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({"scores": [("zh", 0.9)], "chosen": "fr", "prior": "de", "hint": "en"}, ("fr", "chosen")),
        ({"scores": [("zh", 0.9), ("de", 0.001)], "prior": "de", "hint": "en"}, ("zh", "detected")),
        ({"scores": [("zh", 0.5), ("fr", 0.3)], "prior": "de", "hint": "en"}, ("de", "contact")),
        ({"scores": [("zh", 0.5), ("fr", 0.3)], "hint": "fr"}, ("fr", "channel")),
        ({"scores": [("zh", 0.5), ("fr", 0.3)]}, ("zh", "detected")),
        ({"scores": [("zh", 0.3), ("fr", 0.3)]}, ("en", "default")),
        ({"scores": []}, (None, "unknown")),
        ({"scores": [], "hint": "fr"}, ("fr", "channel")),
    ],
)
def test_hints_speak_in_their_order(known: dict, expected: tuple[str | None, str]) -> None:  # type: ignore[type-arg]
    spoken = blend(default="en", **known)
    assert (spoken.language, spoken.source) == expected


def test_tags_are_read_by_their_first_part() -> None:
    assert [primary(tag) for tag in ("zh-Hant-TW", "de_AT", "EN", "", None, "POSIX", "x" * 9)] == [
        "zh",
        "de",
        "en",
        *[None] * 4,
    ]


def test_an_unknown_engine_is_named() -> None:
    with pytest.raises(LookupError, match="no language detector 'parrot'"):
        load_detector([], engine="parrot")


def test_letters_are_letters_of_any_script() -> None:
    assert has_letters("あ")
    assert not has_letters("12 :-) 👍")

"""Short messages in languages that look alike. None of them is taken from the texts that the figures are made of."""

import pytest

from router.understanding.function_words import by_function_words
from router.understanding.language import Detector, scores_of
from router.understanding.language_detector import load_detector

SERVED = ("en", "fr", "de", "es", "pt", "it", "nl", "ru", "uk")
MANY = (*SERVED, "vi", "tr", "pl", "id")


@pytest.fixture(scope="module")
def detector() -> Detector:
    return load_detector(SERVED)


@pytest.fixture(scope="module")
def detector_of_many() -> Detector:
    return load_detector(MANY)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("es", "mi tarjeta, por favor"),
        ("es", "no me llega el código"),
        ("es", "¿y mi reembolso?"),
        ("pt", "meu cartão, por favor"),
        ("pt", "não recebi o código"),
        ("pt", "e o meu reembolso?"),
        ("it", "la mia carta, per favore"),
        ("it", "non ho ricevuto il codice"),
        ("fr", "ma carte, svp"),
        ("nl", "waar is mijn geld"),
        ("de", "wo ist mein geld"),
        ("en", "no i can not"),
        ("uk", "де мої гроші"),
        ("ru", "где мои деньги"),
        ("uk", "мені треба картку"),
        ("ru", "мне нужна карта"),
    ],
)
def test_a_short_message_is_told_from_its_neighbours(detector: Detector, language: str, text: str) -> None:
    assert scores_of(text, detector, frozenset(SERVED))[0][0] == language


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("vi", "toi chua nhan duoc tien"),
        ("vi", "Cho toi hoi the cua toi sao khong dung duoc"),
        ("vi", "ban oi, tai khoan cua minh bi khoa roi"),
        ("tr", "param neden hala yok"),
        ("tr", "hesabim icin sifre nasil"),
        ("pl", "nie mam jeszcze karty"),
        ("pt", "nao tenho o dinheiro ainda"),
        ("es", "mi contrasena no va"),
        ("en", "can do, thanks, but the card is not here"),
    ],
)
def test_a_message_typed_without_accents_is_told_by_the_same_words(
    detector_of_many: Detector, language: str, text: str
) -> None:
    assert scores_of(text, detector_of_many, frozenset(MANY))[0][0] == language


def test_words_that_are_english_without_their_accents_speak_for_english_only() -> None:
    told = dict(by_function_words([("vi", 0.5), ("en", 0.5)], "the to"))  # not for "thẻ"
    assert told["en"] > told["vi"]


def test_a_word_is_theirs_who_write_it_without_an_accent() -> None:
    told = dict(by_function_words([("pt", 0.5), ("es", 0.5)], "agua"))  # not "água"
    assert told["es"] > told["pt"]


def test_a_text_with_accents_is_read_with_them() -> None:
    told = dict(by_function_words([("vi", 0.5), ("pt", 0.5)], "não dung roi"))  # without accents "roi" would be "rồi"
    assert told["pt"] > told["vi"]


def test_what_has_no_function_word_is_left_as_it_was() -> None:
    ranking = [("pt", 0.6), ("es", 0.4)]
    assert by_function_words(ranking, "cancelar temporizador") == ranking
    assert by_function_words(ranking, "") == ranking


def test_a_function_word_weighs_for_all_who_use_it_and_the_sum_stays() -> None:
    told = dict(by_function_words([("pt", 0.5), ("it", 0.3), ("es", 0.2)], "mi esposa"))
    assert told["it"] / told["es"] == pytest.approx(1.5)
    assert told["es"] / told["pt"] == pytest.approx(1.6)
    assert sum(told.values()) == pytest.approx(1.0)


def test_a_heap_of_function_words_weighs_no_more_than_three() -> None:
    few, many = (
        dict(by_function_words([("pt", 0.5), ("es", 0.5)], "el los las" + more)) for more in ("", " el los" * 50)
    )
    assert few == many
    assert few["es"] / few["pt"] == pytest.approx(64)


def test_nothing_is_claimed_for_a_language_that_was_not_in_the_ranking() -> None:
    assert by_function_words([("ca", 1.0)], "el meu compte") == [("ca", 1.0)]
    assert by_function_words([], "el") == []

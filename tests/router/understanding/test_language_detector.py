"""The detector beside the library it is made of."""

import pytest
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from router.understanding.language import scores_of
from router.understanding.language_detector import load_detector

SERVED = ("zh", "en", "fr", "de")
TEXTS = (
    "充值不成功,钱扣了没到账",
    "My top-up has not arrived",
    "Meine Aufladung ist seit gestern nicht angekommen, bitte helfen Sie mir",
    "Mon paiement a été refusé",
    "MI PAGO NO LLEGA",
    "注文番号がわかりません",
)


@pytest.fixture(scope="module")
def library() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


@pytest.mark.parametrize("text", TEXTS)
def test_the_detector_gives_the_librarys_own_probabilities(library: LanguageIdentifier, text: str) -> None:
    told = dict(load_detector(SERVED)(text))
    ranked = {name: p for name, p in library.rank(text.encode()) if p > 0.01 and name in told}
    assert ranked
    for name, p in ranked.items():
        assert told[name] >= p - 0.002


def test_a_long_text_is_known_by_its_beginning() -> None:
    detect = load_detector(SERVED)
    text = "Ich habe gestern Geld aufgeladen und es ist nicht angekommen. " * 30
    assert scores_of(text, detect, frozenset(SERVED))[0][0] == "de"


def test_a_beginning_full_of_numbers_is_read_past() -> None:
    detect = load_detector(SERVED)
    text = "A1B2C3D4 " * 80 + "Je n'arrive plus à me connecter à mon compte depuis hier soir"
    assert scores_of(text, detect, frozenset(SERVED))[0][0] == "fr"

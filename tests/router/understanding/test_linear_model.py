"""The linear model: features, learning, the format it is kept in, blending with words, thresholds and cards. All data made here."""

import random
from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest

from router.understanding import classifier_blend as blend
from router.understanding import training as learn
from router.understanding.evaluation import Answer, claim_for, claimed_by, precision_at, quality_of
from router.understanding.linear_model import BadModel, Model, fingerprint, from_bytes, to_bytes
from router.understanding.model_card import Plan, study
from router.understanding.ngrams import features
from router.understanding.training import Label, Lessons, fit

ISSUES = ("card", "fees", "topup", "other")
_SAYS = {
    "card": ["my new card has not come", "the card is late", "order another card please", "where does my card stay"],
    "fees": ["why was I charged a fee", "the fee is too high", "what does a transfer cost", "explain this charge"],
    "topup": ["adding money does not work", "I cannot load my wallet", "my top up is pending", "loading money failed"],
    "other": ["how do I change my address", "where is your office", "do you hire people", "close everything please"],
}
_AROUND = [
    "hello",
    "please help",
    "since monday",
    "it is urgent",
    "thank you",
    "I have waited two days",
    "again",
    "today",
]


def made(count: int, *, seed: int = 1, own: bool = False) -> list[Label]:
    """Labelled texts of four issues."""
    pick = random.Random(seed)
    labels = []
    for _ in range(count):
        issue = pick.choice(ISSUES)
        words = [pick.choice(_AROUND), pick.choice(_SAYS[issue]), pick.choice(_AROUND), str(pick.randrange(10_000))]
        labels.append(Label(text=" ".join(words), issue=issue, language="en", own=own))
    return labels


def learned(labels: list[Label], *, seed: int = learn.SEED) -> Model:
    lessons = Lessons.of(labels, ISSUES)
    return fit(lessons, np.arange(len(labels)), seed=seed)


def by_words(text: str) -> blend.Words:
    """Words that know one issue, and are wrong about some of it."""
    return {"card": 4} if "card" in text else {"fees": 5} if "transfer" in text or "money" in text else {}


@pytest.fixture(scope="module")
def model() -> Model:
    return learned(made(300))


# -- features ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["", " ", "a", "充值不成功", "Grüße", "\ud800 broken", "🙂", "x" * 100_000, "ﾃｽﾄ １２３"]
)
def test_any_text_has_features_of_length_one_within_the_buckets(text: str) -> None:
    found = features(text, 1_000)
    assert found.values.dtype == np.float32
    assert len(found.indices) == len(set(found.indices.tolist())) == len(found.values)
    assert all(0 <= index < 1_000 for index in found.indices)
    assert float(found.values @ found.values) == pytest.approx(1.0, abs=1e-5)


def test_features_are_the_same_in_every_process_and_case_and_width_say_nothing() -> None:
    found = features("Top up", 1 << 17)
    assert sha256(found.indices.astype("<i8").tobytes()).hexdigest()[:16] == "ecb473e3c366ed0e"
    assert features("TOP  ｕｐ", 1 << 17).indices.tolist() == found.indices.tolist()


# -- learning ----------------------------------------------------------------------------------------------------------


def test_the_same_labels_and_seed_make_the_same_bytes_and_another_seed_others() -> None:
    labels = made(60)
    assert to_bytes(learned(labels)) == to_bytes(learned(labels))
    assert to_bytes(learned(labels)) != to_bytes(learned(labels, seed=2))


def test_it_tells_what_it_learned(model: Model) -> None:
    fresh = made(200, seed=9)
    right = sum(model.classes[int(np.argmax(model.log_probabilities(one.text)))] == one.issue for one in fresh)
    assert right >= 195
    assert np.exp(model.log_probabilities("anything at all")).sum() == pytest.approx(1.0)


def test_many_classes_take_fewer_buckets_so_that_a_model_stays_small() -> None:
    assert learn.buckets_for(13) == 1 << 17
    assert learn.buckets_for(77) * 77 * 2 < 5_000_000


# -- as bytes ----------------------------------------------------------------------------------------------------------


def test_a_model_read_again_is_the_same_model(model: Model) -> None:
    whole = replace(model, thresholds={"en": 1.25, "": 3.0}, own=17, seen=np.array([3, 9], dtype=np.uint64))
    again = from_bytes(to_bytes(whole))
    assert to_bytes(again) == to_bytes(whole)
    assert (again.classes, again.labels, again.own, dict(again.thresholds)) == (ISSUES, 300, 17, {"": 3.0, "en": 1.25})
    assert again.seen.tolist() == [3, 9]
    assert again.log_probabilities("my card").tolist() == whole.log_probabilities("my card").tolist()


def test_a_model_knows_the_texts_that_it_learned_however_they_are_spaced() -> None:
    seen = np.unique(np.array([fingerprint("My card"), fingerprint("A fee")], dtype=np.uint64))
    model = replace(learned(made(20)), seen=seen)
    assert model.knows("my  CARD")
    assert not model.knows("my cards")


def test_bytes_that_are_cut_changed_or_of_another_kind_are_refused(model: Model) -> None:
    data = to_bytes(model)
    newer = data[:8] + b"\x63\x00" + data[10:]
    for bad in (b"", b"HGISSUES", data[:-1], data[: len(data) // 2], b"x" + data[1:], newer, data + b"\x00"):
        with pytest.raises(BadModel):
            from_bytes(bad)
    pick = random.Random(3)
    for _ in range(50):
        place = pick.randrange(len(data))
        with pytest.raises(BadModel):
            from_bytes(data[:place] + bytes([data[place] ^ (1 << pick.randrange(8))]) + data[place + 1 :])


def test_parts_that_do_not_add_up_are_refused_though_the_checksum_fits(model: Model) -> None:
    body = to_bytes(model)[:-32]
    for old, new in ((b'"rows":', b'"rowz":'), (b'"labels":300', b'"labels":"xx'), (b'"buckets":1', b'"buckets":0')):
        forged = body.replace(old, new)
        with pytest.raises(BadModel):
            from_bytes(forged + sha256(forged).digest())


# -- words and model ---------------------------------------------------------------------------------------------------


def test_few_labels_leave_the_word_to_the_words_and_many_take_it(model: Model) -> None:
    text, words = "the fee is too high", {"card": 9}
    assert blend.guess(model, text, words, labels=20).best == "card"
    assert blend.guess(model, text, words, labels=4_000).best == "fees"


def test_up_to_fifty_labels_are_answered_as_by_the_words_alone() -> None:
    done = study(made(50), plan())
    assert done.card["accuracy"] == done.card["words"]["accuracy"]
    assert done.card["macro_f1"] == done.card["words"]["macro_f1"]
    assert done.faults == ()


def test_without_words_and_labels_a_text_is_about_something_else(model: Model) -> None:
    assert blend.guess(model, "zzz", {}, labels=1).best == "other"


def test_an_issue_of_words_that_the_model_never_saw_does_no_harm(model: Model) -> None:
    assert blend.guess(model, "the fee is too high", {"unheard_of": 9}).best == "fees"


# -- how good it is ----------------------------------------------------------------------------------------------------


def answer(found: str | None, margin: float, truth: str = "a", language: str = "en") -> Answer:
    return Answer(language=language, truth=truth, found=found, margin=margin)


def test_accuracy_and_macro_f1_are_counted_over_the_issues_that_occur() -> None:
    quality = quality_of([answer("a", 1), answer("a", 1), answer("a", 1, truth="b"), answer(None, 1, truth="b")])
    assert (quality.answers, quality.accuracy) == (4, 0.5)
    assert quality.macro_f1 == pytest.approx((2 * 2 / (2 + 3) + 0) / 2)
    assert quality_of([]).answers == 0


def test_the_lowest_margin_that_keeps_the_precision_is_claimed() -> None:
    answers = [answer("a", 10 - place / 10) for place in range(40)] + [
        answer("b", 1 - place / 10) for place in range(10)
    ]
    claim = claim_for(answers, 0.95)
    assert claim is not None
    assert (claim.precision, claim.coverage) == (0.9524, 0.84)
    assert claimed_by(answers, {"en": claim.least}).coverage == claim.coverage
    assert claimed_by(answers, {"de": claim.least}).coverage == 0.0
    assert precision_at(answers) == {"30%": 1.0, "50%": 1.0, "70%": 1.0, "90%": 0.8889}


def test_nothing_is_claimed_where_the_precision_is_never_kept_or_too_few_were_asked() -> None:
    assert claim_for([answer("b", place) for place in range(100)], 0.95) is None
    assert claim_for([answer("a", place) for place in range(20)], 0.95) is None


# -- the study ---------------------------------------------------------------------------------------------------------


def plan(**changes: object) -> Plan:
    return replace(Plan(issues=ISSUES, words=by_words, target=0.95), **changes)  # type: ignore[arg-type]


@pytest.mark.slow
def test_of_many_labels_a_fifth_is_asked_and_of_few_each_one() -> None:
    labels = made(200, own=True)
    every, fifth = (study(labels, plan(crossed=crossed)).card["answers"] for crossed in (len(labels), len(labels) - 1))
    assert every == len(labels)
    assert 0 < fifth < len(labels) / 3


@pytest.mark.slow
def test_a_study_ends_with_a_model_better_than_the_words_and_a_card_that_says_so() -> None:
    steps: list[tuple[int, int]] = []
    done = study(made(200, own=True), plan(), lambda *step: steps.append(step))
    assert done.faults == ()
    assert (done.model.labels, done.model.own, done.model.classes) == (200, 200, ISSUES)
    assert done.card["accuracy"] > 0.9 > done.card["words"]["accuracy"]
    assert done.card["languages"]["en"]["claimed"]["threshold"] == round(done.model.thresholds["en"], 4)
    assert done.card["claimed"]["precision"] >= 0.95
    assert steps == sorted(steps)
    assert steps[-1] == (6 * learn.EPOCHS_OF_FEW, 6 * learn.EPOCHS_OF_FEW)


def test_the_model_knows_all_issues_of_the_rules_from_the_start_and_those_of_the_labels() -> None:
    labels = [one for one in made(80) if one.issue in ("card", "fees")]
    done = study([*labels, Label(text="a riddle", issue="riddles", language="en")], plan())
    assert done.model.classes == (*ISSUES, "riddles")


@pytest.mark.slow
def test_a_model_worse_than_the_words_has_faults() -> None:
    labels = [replace(one, issue=random.Random(one.text).choice(ISSUES)) for one in made(250)]
    told = {one.text: one.issue for one in labels}
    done = study(labels, plan(words=lambda text: {told[text]: 1}))
    assert done.card["words"]["accuracy"] == 1.0
    assert "worse than the words alone" in done.faults[0]


@pytest.mark.slow
def test_a_model_worse_than_the_one_before_has_faults_and_is_judged_by_texts_new_to_that_one() -> None:
    before = study(made(400), plan()).model
    noisy = [replace(one, issue=ISSUES[place % 4]) if place % 2 else one for place, one in enumerate(made(150, seed=5))]
    done = study(noisy, plan(before=before, words=lambda _: {}))
    assert any("worse than the model before" in fault for fault in done.faults)
    assert done.card["before"]["answers"] == len({one.text for one in noisy} - {one.text for one in made(400)})


@pytest.mark.slow
def test_the_same_labels_again_are_no_worse_than_the_model_before() -> None:
    first = study(made(120), plan())
    again = study(made(120), plan(before=first.model, before_card=first.card))
    assert again.faults == ()
    assert again.card["before"]["accuracy"] == first.card["accuracy"]


@pytest.mark.slow
def test_equal_texts_never_stand_on_both_sides_of_an_examination() -> None:
    pick = random.Random(4)
    texts = [f"{pick.random()}" for _ in range(40)]
    labels = [Label(text=text, issue=ISSUES[place % 4], language="en") for place, text in enumerate(texts)] * 6
    done = study(labels, plan(words=lambda _: {}))
    assert done.card["accuracy"] < 0.6, "numbers without meaning cannot be known unless they were learned"


@pytest.mark.slow
def test_a_language_with_few_labels_is_left_to_the_words() -> None:
    done = study([*made(200), *[replace(one, language="de") for one in made(10, seed=8)]], plan())
    assert "en" in done.model.thresholds
    assert "de" not in done.model.thresholds
    assert done.card["languages"]["de"]["claimed"] is None

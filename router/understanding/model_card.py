"""Training with its examination: the model, and the card that says how good it is and whether it may be used.

Nothing is judged by texts it has learned: answers come from models that did not see them (cross-validation up to 3,000 labels, a
fifth held back above). Equal texts fall on the same side. The model before is judged by the texts that it has not learned.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router.understanding.classifier_blend import UNCLEAR, Guess, Words, best_guess, blended, guess, prior
from router.understanding.evaluation import (
    FEWEST,
    Answer,
    Claim,
    Quality,
    by_language,
    claim_for,
    claimed_by,
    precision_at,
    quality_of,
)
from router.understanding.linear_model import Model, fingerprint, fingerprints
from router.understanding.training import SEED, Label, Lessons, Progress, fit

FindWords = Callable[[str], Words]
Places = NDArray[np.int64]
Fold = tuple[Places, Places]  # learned from, asked

UNKNOWN = ""  # the language of a text of which nobody said it
_FOLDS = 5
_MANY = 3_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A model and its card. `faults` are the reasons for which it may not be used."""

    model: Model
    card: Mapping[str, Any]
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How to train: the issues of the rules, what finds words, the precision wanted, and the model in use.

    Up to `crossed` labels every text is asked once (cross-validation); of more, a fifth.
    """

    issues: Sequence[str]
    words: FindWords
    target: float
    before: Model | None = None
    before_card: Mapping[str, Any] | None = None
    seed: int = SEED
    crossed: int = _MANY


def study(labels: Sequence[Label], plan: Plan, progress: Progress = lambda _done, _all: None) -> Study:
    """Learn, examine, and say whether the result may be used. `labels` must not be empty."""
    lessons = Lessons.of(labels, classes_of(labels, plan.issues))
    folds = list(_folds(labels, plan.crossed))
    rounds = [_round(number, len(folds) + 1, progress) for number in range(len(folds) + 1)]
    answers: dict[int, Answer] = {}
    for fold, report_progress in zip(folds, rounds, strict=False):
        answers.update(_asked(labels, lessons, fold, plan, report_progress))
    whole = fit(lessons, np.arange(len(labels)), seed=plan.seed, progress=rounds[-1])
    claims = {language: claim_for(own, plan.target) for language, own in by_language([*answers.values()]).items()}
    model = replace(
        whole,
        own=sum(label.own for label in labels),
        thresholds={language: claim.least for language, claim in claims.items() if claim is not None},
        seen=fingerprints([label.text for label in labels]),
    )
    card, faults = _card(labels, plan, answers, claims)
    return Study(model=model, card={**card, "faults": list(faults)}, faults=faults)


def classes_of(labels: Sequence[Label], issues: Sequence[str]) -> tuple[str, ...]:
    """All issues of the rules from the start, then those that only the labels name."""
    return tuple(dict.fromkeys([*issues, *sorted({label.issue for label in labels})]))


def answered(label: Label, found: Guess) -> Answer:
    """One answer of words and model together."""
    return Answer(language=label.language or UNKNOWN, truth=label.issue, found=found.best, margin=found.margin)


def answered_by_words(label: Label, words: Words, issues: Sequence[str]) -> Answer:
    """One answer of the words alone: what says nothing known is about something else."""
    best = max(words, key=lambda issue: words[issue], default=UNCLEAR if UNCLEAR in issues else None)
    share = words[best] / sum(words.values()) if words and best else 0.0
    return Answer(language=label.language or UNKNOWN, truth=label.issue, found=best, margin=share)


def _folds(labels: Sequence[Label], crossed: int) -> Iterator[Fold]:
    """By the texts' fingerprints: equal texts stay together, and the same labels always fall the same way."""
    side = np.array([int(fingerprint(label.text)) % _FOLDS for label in labels])
    for fold in range(1 if len(labels) > crossed else _FOLDS):
        asked, learned = np.flatnonzero(side == fold), np.flatnonzero(side != fold)
        if len(asked) and len(learned):
            yield learned, asked


def _round(number: int, rounds: int, progress: Progress) -> Progress:
    return lambda done, all_: progress(number * all_ + done, rounds * all_)


def _asked(
    labels: Sequence[Label], lessons: Lessons, fold: Fold, plan: Plan, progress: Progress
) -> Iterator[tuple[int, Answer]]:
    learned, asked = fold
    model = fit(lessons, learned, seed=plan.seed, progress=progress)
    for place in map(int, asked):
        label = labels[place]
        before = prior(model.classes, plan.words(label.text), len(labels))
        scores = blended(model.log_probabilities(label.text), before, len(labels))
        yield place, answered(label, best_guess(model.classes, scores))


# -- the card ----------------------------------------------------------------------------------------------------------


def _card(
    labels: Sequence[Label], plan: Plan, answers: Mapping[int, Answer], claims: Mapping[str, Claim | None]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    got = list(answers.values())
    own = quality_of(got)
    by_words = {
        place: answered_by_words(labels[place], plan.words(labels[place].text), plan.issues) for place in answers
    }
    words = quality_of([*by_words.values()])
    rival, mine = _rival(labels, plan, answers)
    sure = claimed_by(got, {language: claim.least for language, claim in claims.items() if claim})
    faults = tuple(_faults(own, words, mine, rival))
    return {
        "labels": len(labels),
        "own": sum(label.own for label in labels),
        "issues": dict(Counter(label.issue for label in labels).most_common()),
        **own.as_json(),
        "words": words.as_json(),
        "before": None if rival is None else {**rival.as_json(), "this": mine.as_json() if mine else own.as_json()},
        "target_precision": plan.target,
        "claimed": {"precision": sure.precision, "coverage": sure.coverage},
        "precision_at_coverage": precision_at(got),
        "languages": _languages(got, [*by_words.values()], claims),
        "seed": plan.seed,
    }, faults


def _rival(labels: Sequence[Label], plan: Plan, answers: Mapping[int, Answer]) -> tuple[Quality | None, Quality | None]:
    """The model before and this one on the texts that neither has learned; where there are few of them, what its card says."""
    before = plan.before
    if before is None:
        return None, None
    fresh = [place for place in answers if not before.knows(labels[place].text)]
    if len(fresh) >= FEWEST:
        theirs = [
            answered(labels[place], guess(before, labels[place].text, plan.words(labels[place].text)))
            for place in fresh
        ]
        return quality_of(theirs), quality_of([answers[place] for place in fresh])
    card = plan.before_card or {}
    if not {"answers", "accuracy", "macro_f1"} <= card.keys():
        return None, None
    return Quality(answers=card["answers"], accuracy=card["accuracy"], macro_f1=card["macro_f1"]), None


def _faults(own: Quality, words: Quality, mine: Quality | None, rival: Quality | None) -> Iterator[str]:
    if not own.answers:
        yield "there are too few labels to examine it"
    if own.worse_than(words):
        yield f"it is worse than the words alone: {_compared(own, words)}"
    if rival is not None and (mine or own).worse_than(rival):
        yield f"it is worse than the model before: {_compared(mine or own, rival)}"


def _compared(one: Quality, other: Quality) -> str:
    return f"accuracy {one.accuracy:.3f} against {other.accuracy:.3f}, macro F1 {one.macro_f1:.3f} against {other.macro_f1:.3f}"


def _languages(
    answers: Sequence[Answer], by_words: Sequence[Answer], claims: Mapping[str, Claim | None]
) -> dict[str, Any]:
    words = by_language(by_words)
    return {
        language: {
            **quality_of(own).as_json(),
            "words": quality_of(words[language]).as_json(),
            "claimed": _claim_json(claims[language]),
        }
        for language, own in by_language(answers).items()
    }


def _claim_json(claim: Claim | None) -> dict[str, Any] | None:
    return None if claim is None else claim.as_json()

"""Learning a model from labelled texts: multinomial logistic regression, row-wise AdaGrad, rare features weighing more; the same result for the same seed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router.understanding.linear_model import Model, Weights
from router.understanding.ngrams import Features, features, rarity_of

EPOCHS = 15
EPOCHS_OF_FEW = 30  # few labels are read more often: it is quick, and they are all there is
FEW = 2_000
SEED = 20_261_123
_RATE = np.float32(
    0.2
)  # a sum of squares for each bucket, not for each weight: three times as fast, as good, and this rate is its best
_BIAS_RATE = np.float32(0.04)
_DOUBT = np.float32(
    0.1
)  # what a label leaves to all classes alike: people err, and words that two issues share are not fought over
_TINY = np.float32(1e-8)
_MOST_BUCKETS = 1 << 17
_MODEL_BYTES = (
    4_700_000  # bytes of float16 weights and rarities at most, so that a model and its fingerprints stay below 5 MB
)

Progress = Callable[[int, int], None]  # done, of how many


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A text and the issue that a person says it is about. `own` where it is a message of this installation."""

    text: str
    issue: str
    language: str | None = None
    own: bool = False


def buckets_for(classes: int) -> int:
    """As many buckets as fit."""
    return min(_MOST_BUCKETS, _MODEL_BYTES // (2 * classes + 6))


@dataclass(slots=True, eq=False)
class Lessons:
    """Labelled texts as numbers: read once, learned from several times."""

    classes: tuple[str, ...]
    buckets: int
    texts: list[Features]
    answers: NDArray[np.int64]

    @classmethod
    def of(cls, labels: Sequence[Label], classes: Sequence[str]) -> "Lessons":
        """`classes` must name every label's issue."""
        known = {name: place for place, name in enumerate(classes)}
        buckets = buckets_for(len(known))
        answers = np.array([known[label.issue] for label in labels], dtype=np.int64)
        return cls(tuple(known), buckets, [features(label.text, buckets) for label in labels], answers)


def fit(
    lessons: Lessons,
    chosen: NDArray[np.int64],
    *,
    seed: int = SEED,
    epochs: int | None = None,
    progress: Progress = lambda _done, _all: None,
) -> Model:
    """Learn from the chosen lessons. Weights are rounded to what will be written down, so that a model read again is the same."""
    rarity = rarity_of([lessons.texts[place] for place in chosen], lessons.buckets)
    texts = {int(place): lessons.texts[place].weighed(rarity) for place in chosen}
    weights = np.zeros((lessons.buckets, len(lessons.classes)), dtype=np.float32)
    squares = np.full(lessons.buckets, _TINY, dtype=np.float32)
    bias = np.zeros(len(lessons.classes), dtype=np.float32)
    order = np.random.default_rng(seed)
    rounds = epochs or (EPOCHS_OF_FEW if len(chosen) <= FEW else EPOCHS)
    for epoch in range(rounds):
        for place in chosen[order.permutation(len(chosen))]:
            _step(weights, squares, bias, texts[int(place)], int(lessons.answers[place]))
        progress(epoch + 1, rounds)
    rounded = np.clip(weights, -60_000, 60_000).astype(np.float16).astype(np.float32)
    return Model(classes=lessons.classes, weights=rounded, rarity=rarity, bias=bias, labels=len(chosen))


def _step(weights: Weights, squares: Weights, bias: Weights, text: Features, answer: int) -> None:
    rows = weights[text.indices]
    scores = text.values @ rows + bias
    scores -= scores.max()
    wrong = np.exp(scores)
    wrong /= wrong.sum()
    wrong -= _DOUBT / len(wrong)
    wrong[answer] -= 1 - _DOUBT
    seen = squares[text.indices] + text.values * text.values * (wrong @ wrong)
    squares[text.indices] = seen
    weights[text.indices] = rows - np.outer(_RATE * text.values / np.sqrt(seen), wrong)
    bias -= _BIAS_RATE * wrong

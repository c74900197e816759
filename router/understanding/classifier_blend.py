"""Words and model together: what the words found is the prior, what the model says weighs more the more labels it has seen.

log p = log prior(words) + k * log p(model); k grows from 0 at 50 labels over 1 at 300 to 2: with a handful of labels the words alone
decide, above 3,000 they count for little. An issue is claimed from a margin that was measured when the model was trained, for its
language and the precision asked for; below it the model is silent and the words stand as if there were no model.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router.understanding.linear_model import Model

UNCLEAR = "other"  # what a message is about that says nothing known
_FEW = 50  # labels up to which a model has nothing to say
_FULL = 300  # labels from which it speaks with its own voice
_MOST = 2.0
_PLENTY = 3_000
_FADED = 0.3
_DOUBT = 1.0  # letters: what the words leave to every issue that they did not find
_KEPT = 5

Ranking = Sequence[tuple[str, float]]
Words = Mapping[str, int]  # how many letters of a text speak of an issue, in the order of the rules
Scores = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """The issues by probability, best first, and how much more likely the best is than all others (a logarithm)."""

    ranking: tuple[tuple[str, float], ...]
    margin: float

    @property
    def best(self) -> str:
        """The most probable issue."""
        return self.ranking[0][0]


def guess(model: Model, text: str, words: Words, *, labels: int | None = None) -> Guess:
    """What words and model together take the text to be about. `labels` where another number than the model's own is to count."""
    count = model.labels if labels is None else labels
    return best_guess(model.classes, blended(model.log_probabilities(text), prior(model.classes, words, count), count))


def prior(classes: Sequence[str], words: Words, labels: int) -> Scores:
    """The logarithm of what the words say beforehand. Few labels and no words: rather nothing known than anything."""
    shares = np.array([float(words.get(name, 0)) for name in classes]) + _DOUBT
    if not words and UNCLEAR in classes:
        shares[list(classes).index(UNCLEAR)] += _DOUBT * max(0.0, 1.0 - labels / _FULL)
    scores: Scores = np.log(shares / shares.sum())
    return scores


def blended(model: Scores, before: Scores, labels: int) -> Scores:
    """The logarithm of the probability of each class."""
    scores = before * (_FADED if labels > _PLENTY else 1.0) + model * min(max(labels - _FEW, 0) / (_FULL - _FEW), _MOST)
    shifted: Scores = scores - np.logaddexp.reduce(scores)
    return shifted


def best_guess(classes: Sequence[str], scores: Scores) -> Guess:
    """The best few, and the margin of the best."""
    order = np.argsort(-scores, kind="stable")
    best = float(scores[order[0]])
    rest = float(np.logaddexp.reduce(scores[order[1:]])) if len(order) > 1 else -np.inf
    ranking = tuple((classes[place], round(float(np.exp(scores[place])), 4)) for place in order[:_KEPT])
    return Guess(ranking=ranking, margin=min(best - rest, 60.0))

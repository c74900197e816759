"""The language detector: `py3langid`, loaded once at start; others come by the entry point group `huntgroup.detectors`."""

import math
import unicodedata
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import entry_points
from operator import itemgetter
from typing import cast

import numpy as np
import numpy.typing as npt
from py3langid.langid import MODEL_FILE, LanguageIdentifier, visit_counts

from router.understanding.language import Detector

__all__ = ["Detector", "load_detector"]

GROUP = "huntgroup.detectors"
DEFAULT = "py3langid"
_FLOOR = 0.0005
_NO_LANGUAGE = "zxx"
_ENOUGH = 200  # bytes: two sentences, or sixty Chinese characters; of 2,280 long texts more changed no answer
_WRITTEN_AS = {
    "yue": "zh",
    "wuu": "zh",
    "nb": "no",
    "nn": "no",
}  # two to the engine, one language to whoever answers


def load_detector(languages: Sequence[str] = (), *, engine: str = DEFAULT) -> Detector:
    """The engine, ready. `languages` are those served, for engines that must know; weighing them is `router.understanding.language`'s part.

    Raises `LookupError` where no engine of that name is installed.
    """
    if engine == DEFAULT:
        return _py3langid(languages)
    for found in entry_points(group=GROUP, name=engine):
        return cast("Detector", found.load()(languages))
    raise LookupError(f"there is no language detector '{engine}'")


def _py3langid(languages: Sequence[str]) -> Detector:
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE)
    return _Engine(identifier, frozenset(languages)).detect


class _Engine:
    """The ranking of py3langid over its own tables: the same probabilities as its `rank`, sooner.

    Its weights are halves, which no processor multiplies; here they are widened once. And no more is sorted and named than
    what is likely at all.
    """

    def __init__(self, identifier: LanguageIdentifier, served: frozenset[str]) -> None:
        self._moves = identifier.tk_nextmove
        self._rows = [row << 8 for row in identifier.tk_row]
        self._features = identifier.tk_output
        self._weights = identifier.nb_ptc.astype(np.float32)
        self._priors = identifier.nb_pc.astype(np.float32)
        names = identifier.nb_classes
        self._names = [name if name in served else _WRITTEN_AS.get(name, name) for name in names]
        self._silent = np.array([name == _NO_LANGUAGE for name in names])
        self._served = np.array([name in served for name in names])

    def detect(self, text: str) -> list[tuple[str, float]]:
        """(language, probability), best first."""
        read = unicodedata.normalize("NFC", text.lower() if text.isupper() else text)
        letters = read.encode(errors="surrogatepass")[:_ENOUGH]
        visits = visit_counts(self._moves, self._rows, self._features, letters)
        if not visits:
            return [(name, 1 / len(self._names)) for name in self._names]
        probabilities = self._probabilities(visits, len(letters))
        likely = np.flatnonzero((probabilities > _FLOOR) | self._served)
        found: dict[str, float] = {}
        for place, p in zip(likely.tolist(), probabilities[likely].tolist(), strict=True):
            found[self._names[place]] = found.get(self._names[place], 0.0) + p
        return sorted(found.items(), key=itemgetter(1), reverse=True)

    def _probabilities(self, visits: Counter[int], length: int) -> npt.NDArray[np.float32]:
        """Naive Bayes over the features seen, its sharpness tempered by the length as the engine has it."""
        features = np.fromiter(visits.keys(), dtype=np.intp, count=len(visits))
        counts = np.fromiter(visits.values(), dtype=np.float32, count=len(visits))
        scores = np.log1p(counts) @ self._weights.take(features, axis=0)
        scores += self._priors
        scores *= 1.0 / math.sqrt(length)
        scores -= scores.max()
        np.exp(scores, out=scores)
        scores /= scores.sum()
        scores[self._silent] = 0.0
        return cast("npt.NDArray[np.float32]", scores)

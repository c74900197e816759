"""A text as numbers for a linear model: hashed n-grams of its words (1-2) and of its letters (2-5).

Hashes are our own and the same on every machine and in every process: a model learned here is understood there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from router.understanding.normalize_text import fold, words

TEXT_LIMIT = 1_000
_LETTERS = (2, 3, 4, 5)
_WORDS_WEIGH = 4  # a word is as much as four of the many pieces that it is cut into
_STEP = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xFF51AFD7ED558CCD)
_SHIFT = np.uint64(33)
_WORD_SEEDS = (0x57, 0x5757)

Indices = NDArray[np.int64]
Values = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """Which buckets a text falls into, and how much each weighs: together of length one."""

    indices: Indices
    values: Values

    def weighed(self, rarity: Values) -> "Features":
        """Each bucket by how rare it is among the texts learned from; of length one again. `rarity` has one value for each bucket."""
        values = self.values * rarity[self.indices]
        return Features(self.indices, _of_length_one(values))


def rarity_of(texts: Sequence[Features], buckets: int) -> Values:
    """For each bucket the logarithm of how few of the texts fall into it, at least one; as it will be written down (float16)."""
    found = np.zeros(buckets, dtype=np.int64)
    for text in texts:
        found[text.indices] += 1
    rarity = 1.0 + np.log((1 + len(texts)) / (1 + found))
    return rarity.astype(np.float16).astype(np.float32)


def _of_length_one(values: Values) -> Values:
    return values / np.float32(float(np.sqrt(values @ values)) or 1.0)


def features(text: str, buckets: int) -> Features:
    """The features of a text; none where it has no letters."""
    folded = " ".join(fold(text[:TEXT_LIMIT]).split())
    tokens, written = _of_words(words(folded)), _of_letters(folded)
    hashes = np.concatenate([*[tokens] * _WORDS_WEIGH, written])
    indices, counts = np.unique((hashes % np.uint64(buckets)).astype(np.int64), return_counts=True)
    return Features(indices, _of_length_one((1.0 + np.log(counts)).astype(np.float32)))


@lru_cache(50_000)  # a language uses few words most of the time
def _hashed(word: str, seed: int) -> int:
    return crc32(word.encode(errors="replace"), seed)


def _of_words(tokens: list[str]) -> NDArray[np.uint64]:
    ones = [_hashed(word, _WORD_SEEDS[0]) for word in tokens]
    twos = [(first * 31 + second) ^ _WORD_SEEDS[1] for first, second in pairwise(ones)]
    return _mixed(np.array(ones + twos, dtype=np.uint64))


def _of_letters(folded: str) -> NDArray[np.uint64]:
    """A rolling hash over the letters, a blank at either end: every length by one more multiplication."""
    codes = np.frombuffer(f" {folded} ".encode("utf-32-le", errors="replace"), dtype=np.uint32).astype(np.uint64)
    found: list[NDArray[np.uint64]] = []
    rolled: NDArray[Any] = codes
    for length in _LETTERS:
        if len(codes) < length:
            break
        rolled = rolled[:-1] * _STEP + codes[length - 1 :]
        found.append(_mixed(rolled + np.uint64(length)))
    return np.concatenate(found) if found else np.empty(0, dtype=np.uint64)


def _mixed(hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Every bit of a hash depends on all of its text."""
    mixed = (hashes ^ (hashes >> _SHIFT)) * _MIX
    return mixed ^ (mixed >> _SHIFT)

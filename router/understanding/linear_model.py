"""The linear model of issues: what it knows, how it scores a text, and how it is written down (a format of our own, no pickle).

A file is the magic, a version, the length of a JSON header, the header, the biases, the buckets that were learned, how rare each is,
their weights as float16 row by row, the fingerprints of the texts learned from, and the SHA-256 of all that.
"""

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router.understanding.ngrams import features
from router.understanding.normalize_text import fold

MAGIC = b"HGISSUES"
VERSION = 2
LARGEST = 32 * 1024 * 1024
_HEAD = struct.Struct("<8sHI")
_DIGEST = 32

Weights = NDArray[np.float32]


class BadModel(ValueError):
    """The bytes are no model that this program can read; the words say why."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Model:
    """Scores of issues for a text. `weights` has a row for each bucket and a column for each class, `rarity` a value for each bucket.

    `labels` is how many labels it has seen, `own` how many of them came from this installation. `thresholds` is, by language, the margin
    from which it may claim an issue: a language that is not there is left to the words. `seen` are fingerprints of its texts.
    """

    classes: tuple[str, ...]
    weights: Weights = field(repr=False)
    rarity: Weights = field(repr=False)
    bias: Weights = field(repr=False)
    labels: int
    own: int = 0
    thresholds: Mapping[str, float] = field(default_factory=dict)
    seen: NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, np.uint64), repr=False)

    @property
    def buckets(self) -> int:
        """How many buckets texts are hashed into."""
        return int(self.weights.shape[0])

    def log_probabilities(self, text: str) -> NDArray[np.float64]:
        """The logarithm of each class's probability, in the order of `classes`."""
        found = features(text, self.buckets).weighed(self.rarity)
        scores = (found.values @ self.weights[found.indices] + self.bias).astype(np.float64)
        shifted: NDArray[np.float64] = scores - np.logaddexp.reduce(scores)
        return shifted

    def knows(self, text: str) -> bool:
        """Whether it was learned from this very text: then its answer proves nothing."""
        mark = fingerprint(text)
        place = int(np.searchsorted(self.seen, mark))
        return place < len(self.seen) and bool(self.seen[place] == mark)


def fingerprint(text: str) -> np.uint64:
    """A text's mark: the same for the same words, however they are spaced and cased; the text cannot be read from it."""
    return np.uint64(
        int.from_bytes(sha256(" ".join(fold(text).split()).encode(errors="replace")).digest()[:8], "little")
    )


def fingerprints(texts: Sequence[str]) -> NDArray[np.uint64]:
    """All marks in order, each once."""
    return np.unique(np.array([fingerprint(text) for text in texts], dtype=np.uint64))


# -- as bytes ----------------------------------------------------------------------------------------------------------


def to_bytes(model: Model) -> bytes:
    """The model as it is kept; the same model is always the same bytes."""
    unseen = model.rarity.max(initial=1.0)
    rows = np.flatnonzero(np.any(model.weights, axis=1) | (model.rarity < unseen))
    header = {
        "classes": list(model.classes),
        "buckets": model.buckets,
        "rows": len(rows),
        "unseen": float(unseen),
        "seen": len(model.seen),
        "labels": model.labels,
        "own": model.own,
        "thresholds": dict(sorted(model.thresholds.items())),
    }
    described = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    body = b"".join(
        (
            _HEAD.pack(MAGIC, VERSION, len(described)),
            described,
            model.bias.astype("<f4").tobytes(),
            rows.astype("<u4").tobytes(),
            model.rarity[rows].astype("<f2").tobytes(),
            model.weights[rows].astype("<f2").tobytes(),
            model.seen.astype("<u8").tobytes(),
        )
    )
    return body + sha256(body).digest()


def from_bytes(data: bytes) -> Model:
    """The model again. Raises `BadModel` for anything that is not whole and known."""
    header, rest = _opened(data)
    try:
        return _read(header, rest)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise BadModel(f"the model cannot be read: {error}") from error


def _opened(data: bytes) -> tuple[dict[str, Any], bytes]:
    if len(data) > LARGEST or len(data) < _HEAD.size + _DIGEST or not data.startswith(MAGIC):
        raise BadModel("this is no model of issues")
    _, version, length = _HEAD.unpack_from(data)
    if version != VERSION:
        raise BadModel(f"the model is of version {version}; this program reads version {VERSION}")
    if sha256(data[:-_DIGEST]).digest() != data[-_DIGEST:]:
        raise BadModel("the model is damaged: its checksum does not fit")
    try:
        header = json.loads(data[_HEAD.size : _HEAD.size + length])
    except ValueError as error:
        raise BadModel("the model's header is no JSON") from error
    if not isinstance(header, dict):
        raise BadModel("the model's header is no table")
    return header, data[_HEAD.size + length : -_DIGEST]


def _read(header: Mapping[str, Any], rest: bytes) -> Model:
    classes = tuple(map(str, header["classes"]))
    count, rows, buckets = len(classes), int(header["rows"]), int(header["buckets"])
    if not classes or buckets * count * 4 > 8 * LARGEST or len(rest) != _size(count, rows, int(header["seen"])):
        raise ValueError("its parts do not add up")
    bias, rest = np.frombuffer(rest[: count * 4], "<f4"), rest[count * 4 :]
    places, rest = np.frombuffer(rest[: rows * 4], "<u4"), rest[rows * 4 :]
    rare, rest = np.frombuffer(rest[: rows * 2], "<f2"), rest[rows * 2 :]
    learned, rest = np.frombuffer(rest[: rows * count * 2], "<f2"), rest[rows * count * 2 :]
    if rows and int(places.max()) >= buckets:
        raise ValueError("a row lies outside")
    weights = np.zeros((buckets, count), dtype=np.float32)
    weights[places] = learned.reshape(rows, count)
    rarity = np.full(buckets, float(header["unseen"]), dtype=np.float32)
    rarity[places] = rare
    return Model(
        classes=classes,
        weights=weights,
        rarity=rarity,
        bias=bias.astype(np.float32),
        labels=int(header["labels"]),
        own=int(header["own"]),
        thresholds={str(language): float(least) for language, least in header["thresholds"].items()},
        seen=np.frombuffer(rest, "<u8").astype(np.uint64),
    )


def _size(count: int, rows: int, seen: int) -> int:
    return count * 4 + rows * 6 + rows * count * 2 + seen * 8

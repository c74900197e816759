"""Which character set undeclared bytes are in: by how much of each candidate's text is what people of that script write. Pure.

A detector for long texts stands behind it; subjects and names are too short for one.
"""

from collections.abc import Callable
from itertools import pairwise

import charset_normalizer

from channels.email.patterns import pattern

_SAMPLE = 4096
_ENOUGH = 0.85
_HIGH = pattern(rb"[\x80-\xff]+")
_FIRST = pattern(rb"[\x80-\xff]")

_CYRILLIC_VOWELS = frozenset("аеёиоуыэюяАЕЁИОУЫЭЮЯіїє")
_GREEK_VOWELS = frozenset("αεηιουωάέήίόύώϊϋ")
_ACCENTED = frozenset("äöüßéèêëàâáçñóòôíìîïúùûœæøåãõÄÖÜÉÈÀÁÅØÇÑÓÍÚÂÊÎÔÛß–—„“”‘’…€«»°§·¡¿\u00a0")


def guess(data: bytes) -> str | None:
    """The codec that fits the bytes best; `None` where nothing does."""
    sample = _around(data)
    scored = [(_score(sample, name, weigh), name) for name, weigh in _CANDIDATES]
    best, name = max(scored, key=lambda one: one[0])
    if best >= _ENOUGH:
        return name
    found = charset_normalizer.from_bytes(sample, steps=3, chunk_size=512, enable_fallback=False).best()
    return found.encoding if found is not None else name if best > 0 else None


def _around(data: bytes) -> bytes:
    """The part of the data where bytes above ASCII begin."""
    found = _FIRST.search(data)
    start = max(0, found.start() - 64) if found is not None else 0
    return data[start : start + _SAMPLE]


def _score(sample: bytes, name: str, weigh: Callable[[bytes, str], float]) -> float:
    try:
        text = sample.decode(name)
    except UnicodeError as error:
        # a character cut in two by the end of the sample is no fault
        if error.args[2] < len(sample) - 3 or len(sample) < _SAMPLE:
            return 0.0
        text = sample[: error.args[2]].decode(name)
    return weigh(sample, text)


def _share(text: str, good: Callable[[str], bool]) -> float:
    high = [c for c in text if c > "\x7f"]
    return sum(map(good, high)) / len(high) if high else 0.0


def _cyrillic(_: bytes, text: str) -> float:
    """Small letters, capitals at the beginning of words, and a third of them vowels."""
    letters = [c for c in text if "\u0400" <= c <= "\u045f"]
    vowels = sum(c in _CYRILLIC_VOWELS for c in letters)
    if len(letters) < 3 or not 0.25 <= vowels / len(letters) <= 0.65:  # noqa: PLR2004
        return 0.0
    odd = sum(b.isupper() and a.islower() for a, b in pairwise(text))
    shouted = 0.1 * (not any(c.islower() for c in letters))
    return _share(text, lambda c: "\u0400" <= c <= "\u045f" or c in "«»—–№…") - odd / len(letters) - shouted


def _greek(_: bytes, text: str) -> float:
    letters = [c for c in text if "\u0370" <= c <= "\u03ff"]
    vowels = sum(c in _GREEK_VOWELS for c in letters)
    if len(letters) < 3 or vowels / len(letters) < 0.35:  # noqa: PLR2004
        return 0.0
    return _share(text, lambda c: "\u0370" <= c <= "\u03ff") * 0.97


def _hebrew(_: bytes, text: str) -> float:
    return _share(text, lambda c: "\u05d0" <= c <= "\u05ea") * 0.98


def _arabic(_: bytes, text: str) -> float:
    return _share(text, lambda c: "\u060c" <= c <= "\u0652") * 0.95


def _thai(_: bytes, text: str) -> float:
    return _share(text, lambda c: "\u0e01" <= c <= "\u0e5b") * 0.9


def _leads(text: str, name: str, first: int, last: int) -> float:
    """How many of the wide characters lie in the rows of a set that hold the common ones."""
    wide = [c.encode(name, "replace") for c in text if c > "\x7f"]
    good = sum(len(one) == 2 and (first <= one[0] <= last or 0xA1 <= one[0] <= 0xA3) for one in wide)  # noqa: PLR2004
    return good / len(wide) if len(wide) > 1 else 0.0


def _chinese(_: bytes, text: str) -> float:
    return _leads(text, "gb18030", 0xB0, 0xD7)


def _traditional(_: bytes, text: str) -> float:
    return _leads(text, "cp950", 0xA4, 0xC6) * 0.97


def _korean(_: bytes, text: str) -> float:
    """Its rows are those of Chinese, yet its words stand apart."""
    spaced = 8 * text.count(" ") >= sum(c > "\x7f" for c in text)
    return (
        _share(text, lambda c: "\uac00" <= c <= "\ud7a3") * (1.01 if spaced else 0.9)
        if _leads(text, "cp949", 0xB0, 0xC8)
        else 0.0
    )


def _japanese(_: bytes, text: str) -> float:
    """Kana is the proof; half-width kana is what every other set looks like."""
    kana = _share(text, lambda c: "\u3041" <= c <= "\u30fc")
    rest = _share(text, lambda c: "\u4e00" <= c <= "\u9fff" or "\u3000" <= c <= "\u303f" or "\uff01" <= c <= "\uff5e")
    return kana + rest if kana > 0.2 else 0.0  # noqa: PLR2004


def _western(sample: bytes, text: str) -> float:
    """Accents are single bytes among letters; scripts of their own come in rows or pairs."""
    runs = _HIGH.findall(sample)
    high = sum(map(len, runs))
    scattered = 3 * len(runs) > 2 * high or 2 * high <= sum(c.isascii() and c.isalpha() for c in text)
    return _share(text, lambda c: c in _ACCENTED) * (1.0 if scattered else 0.5)


_CANDIDATES: tuple[tuple[str, Callable[[bytes, str], float]], ...] = (
    ("cp1252", _western),
    ("gb18030", _chinese),
    ("cp950", _traditional),
    ("cp949", _korean),
    ("cp932", _japanese),
    ("cp1251", _cyrillic),
    ("koi8_r", _cyrillic),
    ("cp1253", _greek),
    ("cp1255", _hebrew),
    ("cp1256", _arabic),
    ("cp874", _thai),
)

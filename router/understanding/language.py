"""Which language a text is in, how sure that is, and what hints make of it.

An explicit choice wins; then the scores of the text with the contact's earlier language as a prior; a language is claimed from 0.70.
Below that speak, in order, the contact's history, the channel's locale or hint, the best guess from 0.40, the default. A text
without letters and without a hint is in no known language. Where the detector is in doubt, function words help (`router.understanding.function_words`).
"""

import re
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from router.understanding.function_words import DOUBT, by_function_words

CLAIM = 0.70
GUESS = 0.40
FOREIGN_WEIGHT = 0.03
PRIOR_BOOST = 20.0
TEXT_LIMIT = 1_000
_ENOUGH = 250  # letters left of the beginning of a text show its language as surely as all of it
_BEGINNING = 400
_KEPT = 6
_SUBSTANTIAL = 20
_SUBSTANTIAL_DENSE = 6
_FIRST_DENSE = 0x2E80  # CJK and what follows: one letter says as much as three of an alphabet

Detector = Callable[[str], Sequence[tuple[str, float]]]

# ASCII classes only where digits are cut: else a whole Chinese or Thai sentence with a number in it would go.
_ADDRESS = re.compile(r"(?:https?://|www\.)[\x21-\x7e]++|(?<![\w.+-])[\w.+-]++@[\w.-]++")  # noqa: TID251 - possessive: no backtracking
_MENTION = re.compile(r"@\w++", re.ASCII)  # noqa: TID251 - possessive: no backtracking
_FROM_DIGIT = re.compile(r"[0-9][\w-]*+", re.ASCII)  # noqa: TID251 - possessive: no backtracking
_TOKEN = frozenset(string.ascii_letters + "_-")
_PICTURE = re.compile("[\u2190-\u2bff\ufe0f\u200d\U0001f000-\U0001faff]+")  # noqa: TID251 - one class: linear


@dataclass(frozen=True, slots=True)
class LanguageEstimate:
    """The language decided on: None is unknown."""

    language: str | None
    confidence: float
    source: str


def is_language_code(text: str) -> bool:
    """Two or three small letters: `zh`, `fil`."""
    return len(text) in (2, 3) and text.isascii() and text.isalpha() and text.islower()


def primary(tag: str | None) -> str | None:
    """`zh-Hant_TW` is `zh`: the first subtag in small letters; None where it is no language tag."""
    first = (tag or "").replace("_", "-").split("-", 1)[0].strip().lower()
    return first if is_language_code(first) else None


def hint_of(locale: str | None, medium: str | None, offered: frozenset[str]) -> str | None:
    """What a locale or, where its language is not offered, the medium hints at."""
    language = primary(locale)
    return language if language in offered else medium or language


def cleaned(text: str) -> str:
    """What of a text shows its language: no quotes, links, addresses, mentions, order numbers or pictures."""
    short = text[:TEXT_LIMIT]
    if ">" in short:
        short = "\n".join(line for line in short.split("\n") if not line.lstrip().startswith(">"))
    if "@" in short or "://" in short or "www." in short:
        short = _ADDRESS.sub(" ", short)
    if "@" in short:
        short = _MENTION.sub(" ", short)
    short = _without_numbers(short)
    return short if short.isascii() else _PICTURE.sub(" ", short)


def _without_numbers(text: str) -> str:
    """Tokens with a digit in them away. Digits are rare: found first, and their tokens' beginnings looked for backwards."""
    kept, at = [], 0
    for found in _FROM_DIGIT.finditer(text):
        begins = found.start()
        while begins > at and text[begins - 1] in _TOKEN:
            begins -= 1
        kept.append(text[at:begins])
        at = found.end()
    kept.append(text[at:])
    return " ".join(kept)


def has_letters(text: str) -> bool:
    """Whether there is anything to detect a language from."""
    return any(map(str.isalpha, text))


def substantial(text: str) -> bool:
    """Whether a text is more than a few words."""
    letters = "".join(filter(str.isalpha, cleaned(text)))
    dense = any(ord(letter) >= _FIRST_DENSE for letter in letters)
    return len(letters) >= (_SUBSTANTIAL_DENSE if dense else _SUBSTANTIAL)


def weigh(ranking: Sequence[tuple[str, float]], offered: frozenset[str]) -> tuple[tuple[str, float], ...]:
    """Languages that are not offered weigh less; the best few remain, their weights a share of one."""
    weighed = [(name, p if name in offered else p * FOREIGN_WEIGHT) for name, p in ranking if p > 0]
    total = sum(p for _, p in weighed)
    if not total > 0:
        return ()
    weighed.sort(key=lambda item: -item[1])
    return tuple((name, round(p / total, 4)) for name, p in weighed[:_KEPT])


def scores_of(text: str, detector: Detector, offered: frozenset[str]) -> tuple[tuple[str, float], ...]:
    """(language, probability), best first, from the text alone; empty where it has no letters."""
    short = cleaned(text[:_BEGINNING])
    if len(short) < _ENOUGH and len(text) > _BEGINNING:
        short = cleaned(text)
    if not has_letters(short):
        return ()
    ranking = detector(short)
    scores = weigh(ranking, offered)
    if scores and scores[0][1] < DOUBT:
        scores = weigh(by_function_words(ranking, short), offered)
    return scores


def boosted(scores: Sequence[tuple[str, float]], prior: str | None) -> tuple[str, float] | None:
    """The best language when the contact's earlier one is twenty times as likely beforehand."""
    if not scores:
        return None
    if prior is None:
        return scores[0]
    weighed = [(name, p * PRIOR_BOOST if name == prior else p) for name, p in scores]
    total = sum(p for _, p in weighed)
    name, weight = max(weighed, key=lambda item: item[1])
    return (name, round(weight / total, 4)) if total > 0 else scores[0]


def blend(
    scores: Sequence[tuple[str, float]],
    *,
    chosen: str | None = None,
    prior: str | None = None,
    hint: str | None = None,
    default: str,
) -> LanguageEstimate:
    """The language, from everything known. `chosen`, `prior` and `hint` are primary subtags."""
    if chosen:
        return LanguageEstimate(chosen, 1.0, "chosen")
    best, sure = boosted(scores, prior) or (None, 0.0)
    if best and sure >= CLAIM:
        return LanguageEstimate(best, sure, "detected")
    if prior or hint:
        known, source = (prior, "contact") if prior else (hint, "channel")
    elif best and sure >= GUESS:
        known, source = best, "detected"
    else:
        known, source = (default, "default") if best else (None, "unknown")
    return LanguageEstimate(known, round(dict(scores).get(known or "", 0.0), 4), source)

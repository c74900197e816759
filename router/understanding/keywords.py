"""Issues and intents from words in several languages: which are meant by a text, and how sure that is.

Words are folded and matched as whole words, as prefixes with `*`, and as substrings in scripts without spaces. The score of an
issue is the sum of the lengths of its phrases found, each phrase counted once; the greater sum wins, then the file's order.
The confidence of the winner is its share of all sums. A phrase under `unless` that is found forbids its issue.

Accents are dropped, except between phrases that differ in nothing else: those are distinguished wherever the text has accents.
The cost grows with the text, not with the number of phrases: one automaton (Aho and Corasick, 1975) finds them all in
one pass.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from ahocorasick_rs import AhoCorasick

from router.understanding.normalize_text import fold, is_unspaced, squeezed, without_accents, words

TEXT_LIMIT = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrase:
    """One phrase of one name. `tokens` are plain words, the last may be a stem; `exact` keeps the accents."""

    name: str
    forbids: bool
    length: int
    tokens: tuple[str, ...]
    exact: tuple[str, ...]
    stem: bool = False


class _Index:
    """Phrases by how they look in a text that is prepared for them."""

    __slots__ = ("_automaton", "_phrases")

    def __init__(self, phrases: Iterable[Phrase]) -> None:
        looks: dict[str, list[Phrase]] = {}
        for phrase in phrases:
            looks.setdefault(_look(phrase.tokens, stem=phrase.stem), []).append(phrase)
        self._phrases = list(looks.values())
        self._automaton = AhoCorasick(list(looks)) if looks else None

    def found(self, text: str) -> list[Phrase]:
        """Those that stand there, each once, in no order."""
        if self._automaton is None:
            return []
        numbers = {match[0] for match in self._automaton.find_matches_as_indexes(text, overlapping=True)}
        return [phrase for number in numbers for phrase in self._phrases[number]]

    def phrases(self) -> Iterator[Phrase]:
        """All of them."""
        return (phrase for alike in self._phrases for phrase in alike)


class Matcher:
    """Finds the names whose phrases a text contains. Never changed once made."""

    __slots__ = ("_alike", "_order", "_spaced", "_twins", "_unspaced")

    def __init__(self, phrases: Iterable[Phrase], order: Sequence[str]) -> None:
        known = list(phrases)
        self._order = {name: place for place, name in enumerate(order)}
        self._spaced = _Index(phrase for phrase in known if not is_unspaced(phrase.tokens[0]))
        self._unspaced = _Index(phrase for phrase in known if is_unspaced(phrase.tokens[0]))
        self._twins = _twins(known)
        self._alike = frozenset(one for one in known if id(one) in self._twins)

    def scores(self, text: str) -> dict[str, int]:
        """The sum of matched lengths of each name that is found and not forbidden, in the file's order."""
        found = self.phrases_in(text)
        if not found:
            return {}
        forbidden = {phrase.name for phrase in found if phrase.forbids}
        sums: dict[str, int] = {}
        for phrase in found:
            if not phrase.forbids and phrase.name not in forbidden:
                sums[phrase.name] = sums.get(phrase.name, 0) + phrase.length
        return {name: sums[name] for name in sorted(sums, key=self._order.__getitem__)} if len(sums) > 1 else sums

    def ranked(self, text: str) -> tuple[tuple[str, float], ...]:
        """(name, share of all matched lengths), best first; among equals the file's order."""
        scores = self.scores(text)
        total = sum(scores.values())
        best = sorted(scores.items(), key=lambda item: -item[1])
        return tuple([(name, round(score / total, 4)) for name, score in best])

    def phrases_in(self, text: str) -> list[Phrase]:
        """The phrases that are found in a text: taking away any other one changes nothing for it."""
        heard = _hear(text[:TEXT_LIMIT])
        found = self._spaced.found(heard.spaced)
        if heard.unspaced:
            found += self._unspaced.found(heard.unspaced)
        return self._distinct(found, heard.folded) if found and self._twins else found

    def without(self, phrase: Phrase) -> "Matcher":
        """The same without one phrase: for those who ask what its absence would change."""
        if phrase not in self._alike:
            return _Lacking(self, phrase)
        known = (one for index in (self._spaced, self._unspaced) for one in index.phrases())
        return Matcher((one for one in known if one != phrase), list(self._order))

    def _distinct(self, found: list[Phrase], folded: str) -> list[Phrase]:
        """Where phrases differ in accents only, those written exactly as the text has it; all of them if none is."""
        twins = [phrase for phrase in found if id(phrase) in self._twins]
        if not twins:
            return found
        exactly = _spaced(folded)
        unspaced = [twin for twin in twins if _look(twin.exact, stem=twin.stem) in exactly]
        settled = {(twin.tokens, twin.stem) for twin in unspaced}
        return [
            one
            for one in found
            if id(one) not in self._twins or one in unspaced or (one.tokens, one.stem) not in settled
        ]


class _Lacking(Matcher):
    """One phrase less, without building anything anew."""

    def __init__(self, whole: Matcher, phrase: Phrase) -> None:
        self._order = whole._order  # noqa: SLF001 - of its own kind
        self._whole = whole
        self._phrase = phrase

    def phrases_in(self, text: str) -> list[Phrase]:
        """Those of the whole but the one."""
        return [one for one in self._whole.phrases_in(text) if one != self._phrase]


def _look(tokens: Sequence[str], *, stem: bool) -> str:
    """How a phrase looks between spaces; in scripts without them it looks like itself."""
    if is_unspaced(tokens[0]):
        return tokens[0]
    return f" {' '.join(tokens)}" if stem else f" {' '.join(tokens)} "


def _twins(phrases: Iterable[Phrase]) -> frozenset[int]:
    """Those that differ from another one in their accents only, by `id`."""
    alike: dict[tuple[tuple[str, ...], bool], list[Phrase]] = {}
    for phrase in phrases:
        alike.setdefault((phrase.tokens, phrase.stem), []).append(phrase)
    return frozenset(
        id(phrase) for group in alike.values() if len({one.exact for one in group}) > 1 for phrase in group
    )


@dataclass(frozen=True, slots=True)
class _Heard:
    """A text as phrases are looked for in it: its plain words between spaces, and all of it without any."""

    folded: str
    spaced: str
    unspaced: str


@lru_cache(4)  # issues and intents are looked for one after the other in the same text
def _hear(text: str) -> _Heard:
    folded = fold(text)
    plain = without_accents(folded)
    return _Heard(folded, _spaced(plain), squeezed(plain) if is_unspaced(plain) else "")


def _spaced(folded: str) -> str:
    return f" {' '.join(words(folded))} "


def read_phrase(name: str, unspaced: str, *, forbids: bool) -> Phrase | None:
    """The phrase as it is matched; None where nothing is left of it."""
    stem = unspaced.rstrip().endswith("*")
    exact = fold(unspaced.rstrip().rstrip("*"))
    plain = without_accents(exact)
    if is_unspaced(plain):
        tokens: tuple[str, ...] = (squeezed(plain),)
        return Phrase(name=name, forbids=forbids, length=len(tokens[0]), tokens=tokens, exact=tokens)
    tokens = tuple(words(plain))
    if not tokens:
        return None
    heard = tuple(words(exact))
    kept = heard if len(heard) == len(tokens) else tokens
    length = sum(map(len, tokens)) + len(tokens) - 1
    return Phrase(name=name, forbids=forbids, length=length, tokens=tokens, exact=kept, stem=stem)


def read_phrases(
    name: str, wanted: Mapping[str, Sequence[str]], unless: Mapping[str, Sequence[str]]
) -> dict[tuple[bool, tuple[str, ...], tuple[str, ...], bool], Phrase]:
    """All phrases of one name, each once however often it is written."""
    read: dict[tuple[bool, tuple[str, ...], tuple[str, ...], bool], Phrase] = {}
    for forbids, table in ((False, wanted), (True, unless)):
        for unspaced in (phrase for listed in table.values() for phrase in listed):
            phrase = read_phrase(name, unspaced, forbids=forbids)
            if phrase is not None:
                read.setdefault((forbids, phrase.tokens, phrase.exact, phrase.stem), phrase)
    return read

"""Sentences and clauses of a text, and the statements in it that do not belong to a question of a given wording.

"How can I protect my account?" asks; "Somebody stole 300 euro, how can I protect my account?" states something besides. The cut
is made at punctuation in any script and, for four languages, by the words that begin a clause. In doubt a part is a statement. The
words are listed in `clause_words.toml`.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from router.understanding.word_lists import read_word_lists

Found = Callable[[str], frozenset[object]]  # what is looked for in a part of the text
Span = Callable[[str], tuple[int, int] | None]  # where the wording of the question stands in it

_LISTS: Mapping[str, Mapping[str, Sequence[str]]] = read_word_lists("clause_words")
_WRAPPED = 60  # a line as long as this that goes on with a small letter was broken by the mail program
_ITEM = 3  # words of an item of a list, articles not counted


def _any_of(name: str) -> str:
    """The pattern of one word of this list, in any language."""
    return "|".join(word for words in _LISTS[name].values() for word in words)


# All of these are constants without backtracking.
_STOP = re.compile(r"[.!?。．！？｡…؟।\r\n]+")  # noqa: TID251
_PAUSE = re.compile(  # noqa: TID251
    r"(?<!\d)[,:，：]|[,:，：](?!\d)|[;；،()（）\[\]–—|•·]|\s-+\s|[\u2600-\u27bf\U0001f000-\U0001faff]"
)
_SHORTENED = re.compile(rf"\b(?:\w|{_any_of('abbreviations')})\Z", re.IGNORECASE)  # noqa: TID251
# A clause before the question that only supposes something.
_SUPPOSING = re.compile(  # noqa: TID251
    rf"\W*(?:(?:(?:{_any_of('and')})\s+)?(?:{_any_of('supposing')})\b|{_any_of('supposing_unspaced')})", re.IGNORECASE
)
# A clause after the question that goes on with it.
_DEPENDENT = re.compile(  # noqa: TID251
    rf"\W*(?:(?:{_any_of('dependent')})\b|{_any_of('dependent_unspaced')})", re.IGNORECASE
)
# In the middle of a clause: from here on something is stated.
_TURN = re.compile(  # noqa: TID251
    rf"\b(?:{_any_of('turns')}|(?:{_any_of('and')})\s+(?:{_any_of('subjects')}))\b|{_any_of('turns_unspaced')}",
    re.IGNORECASE,
)
_ARTICLE = re.compile(rf"\b(?:{_any_of('articles')})\b|{_any_of('articles_elided')}", re.IGNORECASE)  # noqa: TID251
_WORD = re.compile(r"\w+")  # noqa: TID251
_LAST = re.compile(rf"\b(?:{_any_of('list_ends')})\b", re.IGNORECASE)  # noqa: TID251


def sentences(text: str) -> list[str]:
    """The sentences with their ends. A point in a number or an abbreviation ends none, nor does the wrap of a long line."""
    return list(_cut(text, _STOP, _ends))


def _ends(text: str, start: int, end: int) -> bool:
    mark = text[start:end]
    if mark == ".":
        number = text[start - 1 : start].isdigit() and text[end : end + 1].isdigit()
        return not number and _SHORTENED.search(text[max(0, start - 12) : start]) is None
    if mark in ("\n", "\r\n"):
        line = text[text.rfind("\n", 0, start) + 1 : start]
        return not (len(line) >= _WRAPPED and text[end : end + 1].islower())
    return True


def _clauses(sentence: str, span: tuple[int, int]) -> list[str]:
    """The clauses; items of a list in the middle of the wording ("vor Phishing, Betrug und Diebstahl schützen") cut none."""
    clauses: list[str] = []
    at = 0
    for part in _cut(sentence, _PAUSE, lambda *_: True):
        if span[0] < at < span[1] and _is_inner_item(part):
            clauses[-1] += part
        else:
            clauses.append(part)
        at += len(part)
    return clauses


def _cut(text: str, at: re.Pattern[str], ends: Callable[[str, int, int], bool]) -> Iterator[str]:
    start = 0
    for mark in at.finditer(text):
        if ends(text, mark.start(), mark.end()):
            yield text[start : mark.end()]
            start = mark.end()
    if start < len(text):
        yield text[start:]


@dataclass(frozen=True, slots=True)
class Asking:
    """A question's wording, and what is looked for outside of it."""

    span: Span
    found: Found

    def statement(self, text: str) -> str | None:
        """The first part outside the question in which it is found; all of the text where it stands across two parts."""
        parts = sentences(text)
        seen: frozenset[object] = frozenset()
        for part in parts:
            here = self.found(part)
            outside = self._stated(part) if here else None
            if outside is not None:
                return outside.strip()
            seen |= here
        return text.strip() if self.found(text) - seen else None

    def _stated(self, sentence: str) -> str | None:
        whole = self.span(sentence)
        if whole is None:
            return sentence
        asked = False
        clauses = _clauses(sentence, whole)
        for place, clause in enumerate(clauses):
            span = self.span(clause)
            if span is None and _goes_on(clauses[place:], asked=asked):
                continue
            asked = span is not None
            outside = clause if span is None else self._around(clause, span[0])
            if self.found(outside):
                return outside
        return sentence if self.found(sentence) - self._in(clauses) else None

    def _in(self, clauses: Sequence[str]) -> frozenset[object]:
        return frozenset().union(*map(self.found, clauses))

    def _around(self, clause: str, start: int) -> str:
        """What is stated before the wording, or after a turn behind it; "" for nothing."""
        before = clause[:start]
        if self.found(before) and not _SUPPOSING.match(before):
            return clause
        turn = _TURN.search(clause, start)
        return clause[turn.start() :] if turn else ""


def _goes_on(clauses: Sequence[str], *, asked: bool) -> bool:
    """Whether a clause without the wording belongs to the question: a condition before it, or what it goes on with."""
    if not asked:
        return _SUPPOSING.match(clauses[0]) is not None
    return _DEPENDENT.match(clauses[0]) is not None or _is_listed(clauses)


def _is_listed(clauses: Sequence[str]) -> bool:
    """Whether it is an item of "fraud, theft and phishing": all are short, the last has the conjunction."""
    for clause in clauses:
        if _length(clause) > _ITEM:
            return False
        if _LAST.search(clause):
            return True
    return False


def _is_inner_item(clause: str) -> bool:
    conjunction = _LAST.search(clause)
    return _length(clause) < _ITEM or (
        _length(clause) <= _ITEM + 1 and conjunction is not None and conjunction.start() > 1
    )


def _length(clause: str) -> int:
    return len(_WORD.findall(_ARTICLE.sub(" ", clause)))

"""`check --mutate`: change each rule, word, span and queue setting in turn, and list what neither a test nor a warning notices."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import lru_cache
from json import loads
from typing import Any

from pydantic import ValidationError

from ops.cli.progress import Progress
from ops.configuration.settings import Settings
from ops.configuration.toml_positions import Path
from ops.rule_analysis.dry_run import DryRun
from ops.rule_analysis.inline_tests import Case, cases_of, run_case
from ops.rule_analysis.mutants import Mutant, structural
from ops.rule_analysis.warnings import warnings_of
from router.rules.document import Document
from router.rules.rulebook import RuleBook, RuleFaults, compile_rules
from router.understanding.keywords import Matcher, Phrase, read_phrase
from router.understanding.language import Detector

_TOPICS = ("issues", "intents")


@dataclass(frozen=True, slots=True, kw_only=True)
class Survivor:
    """A change that nothing noticed."""

    path: Path
    kind: str
    words: str


@dataclass(slots=True)
class Mutated:
    """How many changes of each kind were made and noticed, and which were not. `alike` change nothing at all."""

    made: Counter[str] = field(default_factory=Counter)
    caught: Counter[str] = field(default_factory=Counter)
    alike: int = 0
    survivors: list[Survivor] = field(default_factory=list)

    def note(self, kind: str, path: Path, words: str, *, caught: bool) -> None:
        """One change, tried."""
        self.made[kind] += 1
        if caught:
            self.caught[kind] += 1
        else:
            self.survivors.append(Survivor(path=path, kind=kind, words=words))

    def as_json(self, settings: Settings) -> dict[str, Any]:
        """For `--json`."""
        survivors = [(one, settings.located(one.path, one.words)) for one in self.survivors]
        return {
            "kinds": {kind: {"made": made, "caught": self.caught[kind]} for kind, made in self.made.items()},
            "without_effect": self.alike,
            "survivors": [
                {"file": place.file, "line": place.line, "kind": one.kind, "change": one.words}
                for one, place in survivors
            ],
        }


class Recalling(Matcher):
    """A matcher that remembers what it answered: the same texts are asked for every change."""

    def __init__(self, of: Matcher) -> None:
        super().__init__([], [])
        self._scores = lru_cache(None)(of.scores)
        self._ranked = lru_cache(None)(of.ranked)

    def scores(self, text: str) -> dict[str, int]:
        return self._scores(text)

    def ranked(self, text: str) -> tuple[tuple[str, float], ...]:
        return self._ranked(text)


def mutate(settings: Settings, rulebook: RuleBook, detector: Detector, today: date) -> Mutated:
    """Try every change. The file's own tests are supposed to pass."""
    return _Mutation(settings, rulebook, lru_cache(None)(detector), today).run()


class _Mutation:
    def __init__(self, settings: Settings, rulebook: RuleBook, detector: Detector, today: date) -> None:
        self._settings = settings
        self._detector = detector
        self._today = today
        self._book = replace(
            rulebook, issue_words=Recalling(rulebook.issue_words), intent_words=Recalling(rulebook.intent_words)
        )
        self._matchers = {"issues": rulebook.issue_words, "intents": rulebook.intent_words}
        self._document = settings.document
        self._cases = list(cases_of(settings.document))
        self._bare = _bare(loads(settings.source))
        self._known = self._warned(self._read(self._bare)[1], self._book)
        self._mutated = Mutated()

    def run(self) -> Mutated:
        changes = list(structural(self._bare))
        words = list(_words(self._document))
        with Progress("changing", len(changes) + len(words)) as progress:
            for change in changes:
                self._mutated.note(change.kind, change.path, change.words, caught=self._noticed(change))
                progress.step()
            for topic in _TOPICS:
                self._words_of(topic, [word for word in words if word.path[0] == topic], progress)
        return self._mutated

    # -- rules, spans, settings ----------------------------------------------------------------------------------------

    def _noticed(self, change: Mutant) -> bool:
        """A fault, a test that fails, or a warning that was not there before."""
        try:
            book, document = self._read(change.of(self._bare))
        except (RuleFaults, ValidationError):
            return True
        return self._fails(book, self._cases) or bool(self._warned(document, book) - self._known)

    def _read(self, data: Mapping[str, Any]) -> tuple[RuleBook, Document]:
        """Without the words, which take longest to read and have not changed."""
        document = Document.model_validate(data)
        book = compile_rules(document, revision="changed", channels=self._settings.hints)
        return replace(book, issue_words=self._book.issue_words, intent_words=self._book.intent_words), document

    def _fails(self, book: RuleBook, cases: Iterable[Case]) -> bool:
        trial = DryRun(book, self._detector)
        return any(not run_case(trial, case).passed for case in cases)

    def _warned(self, document: Document, book: RuleBook) -> set[str]:
        return {fault.message for fault in (*book.warnings, *warnings_of(document, book, self._today))}

    # -- words ---------------------------------------------------------------------------------------------------------

    def _words_of(self, topic: str, words: list["_Word"], progress: Progress) -> None:
        """A word can only be missed by a case in whose text it is found."""
        cases_by_phrase: dict[Phrase, list[Case]] = {}
        for case in self._cases:
            found = {p for messages in case.messages for p in self._matchers[topic].phrases_in(messages.text)}
            for phrase in found:
                cases_by_phrase.setdefault(phrase, []).append(case)
        written = Counter(word.phrase for word in words)
        for word in words:
            progress.step()
            if written[word.phrase] > 1:  # the same word stands under another language, too
                self._mutated.alike += 1
                continue
            cases = cases_by_phrase.get(word.phrase, [])
            caught = bool(cases) and self._fails(self._with(topic, self._matchers[topic].without(word.phrase)), cases)
            self._mutated.note("word", word.path, f"without the word '{word.written}' of {word.place}", caught=caught)

    def _with(self, topic: str, matcher: Matcher) -> RuleBook:
        if topic == "issues":
            return replace(self._book, issue_words=matcher)
        return replace(self._book, intent_words=matcher)


@dataclass(frozen=True, slots=True)
class _Word:
    path: Path
    written: str
    phrase: Phrase

    @property
    def place(self) -> str:
        return ".".join(str(step) for step in self.path[:-1])


def _words(document: Document) -> Iterator[_Word]:
    for topic in _TOPICS:
        for name, part in getattr(document, topic).items():
            for key in ("words", "unless"):
                yield from _listed((topic, name, key), getattr(part, key), forbids=key == "unless")


def _listed(path: Path, words: Mapping[str, list[str]] | list[str], *, forbids: bool) -> Iterator[_Word]:
    for language, listed in [("", words)] if isinstance(words, list) else words.items():
        here = (*path, language) if language else path
        for at, written in enumerate(listed):
            phrase = read_phrase(str(path[1]), written, forbids=forbids)
            if phrase is not None:
                yield _Word((*here, at), written, phrase)


def _bare(data: dict[str, Any]) -> dict[str, Any]:
    """The file without words and tests."""
    for topic in _TOPICS:
        for part in data.get(topic, {}).values():
            part.pop("words", None)
            part.pop("unless", None)
    data.pop("tests", None)
    return data


# -- for people --------------------------------------------------------------------------------------------------------


def as_text(mutated: Mutated, settings: Settings) -> Iterator[str]:
    """Each survivor with its line; words of one list on one line; then the count."""
    words: dict[Path, list[Survivor]] = {}
    for one in mutated.survivors:
        if one.kind == "word":
            words.setdefault(one.path[:-1], []).append(one)
        else:
            yield str(settings.located(one.path, f"nothing would notice: {one.words}"))
    for path, missed in words.items():
        named = ", ".join(one.words.split("'")[1] for one in missed)
        place = ".".join(map(str, path))
        yield str(settings.located(path, f"nothing would notice {len(missed)} words of {place}: {named}"))
    for kind, made in mutated.made.items():
        caught = mutated.caught[kind]
        yield f"{kind:6} {caught:5} of {made:5} changes noticed ({100 * caught / made:.0f} %)"
    if mutated.alike:
        yield f"{mutated.alike} words stand under two languages: taking one away changes nothing"

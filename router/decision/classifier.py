"""What classifies a message besides the words: the model that `train` learned, or a plug-in; and when they may speak.

A classifier is asked about messages with something to say, and never where words speak of an urgent matter: those words were put
there on purpose. Where it is silent, too slow or broken, the words stand as if there were none.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import Protocol

from conversation.model.conversation import Priority
from router.rules.model import CLASSIFIERS
from router.rules.rulebook import RuleBook
from router.understanding.classifier_blend import Ranking, guess
from router.understanding.language import GUESS, substantial
from router.understanding.linear_model import Model

MODEL, WORDS = "model", "words"

PlugIn = Callable[[str, str | None], Sequence[tuple[str, float]]]
"""(text, language) -> (issue, probability), best first; nothing where it is not sure. Made by `create(issues)`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """What a classifier claims, best first. `by` is the model's id, or the plug-in's name."""

    ranking: tuple[tuple[str, float], ...]
    by: str


class Classifier(Protocol):
    """Asked about one text; `words` is what the words found. None where it is silent."""

    def __call__(self, text: str, language: str | None, words: Ranking, rulebook: RuleBook) -> Claimed | None: ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ModelInUse:
    """The active model as a classifier. It stays silent until it has seen enough labels of this installation."""

    id: str
    model: Model = field(repr=False)

    def __call__(self, text: str, language: str | None, words: Ranking, rulebook: RuleBook) -> Claimed | None:
        """What words and model together claim from the margin measured for this language on."""
        least = self.model.thresholds.get(language or "")
        if least is None or not self.routes(rulebook) or (words and words[0][0] not in self.model.classes):
            return None
        found = guess(self.model, text, rulebook.issue_words.scores(text))
        return Claimed(ranking=found.ranking, by=self.id) if found.margin >= least else None

    def routes(self, rulebook: RuleBook) -> bool:
        """Whether it may place messages by itself: a model of other people's labels may not."""
        return rulebook.classifying.engine == MODEL and self.model.own >= rulebook.classifying.minimum_labels


def classify(
    classifier: Classifier, text: str, languages: Ranking, words: Ranking, rulebook: RuleBook
) -> Claimed | None:
    """Ask it where it may speak; an issue that the rules do not know is no claim."""
    if not may_ask(text, words, rulebook):
        return None
    claimed = classifier(text, language_of(languages), words, rulebook)
    return known(claimed, rulebook)


def known(claimed: Claimed | None, rulebook: RuleBook) -> Claimed | None:
    """A claim of an issue that there is."""
    return claimed if claimed and claimed.ranking and claimed.ranking[0][0] in rulebook.issues else None


def may_ask(text: str, words: Ranking, rulebook: RuleBook) -> bool:
    """Whether the text says something, and the words do not speak of an urgent matter."""
    best = rulebook.issues.get(words[0][0]) if words else None
    return (best is None or best.priority is not Priority.URGENT) and substantial(text)


def language_of(languages: Ranking) -> str | None:
    """The language that the text is probably in."""
    return languages[0][0] if languages and languages[0][1] >= GUESS else None


def plug_in(name: str, issues: Sequence[str]) -> PlugIn | None:
    """The installed classifier of that name, made for these issues; None for those built in, and where there is none."""
    for found in entry_points(group=CLASSIFIERS, name=name):
        made: PlugIn = found.load()(tuple(issues))
        return made
    return None

"""The parts of a compiled rule book: issues, replies, actions; a queue is in `queues.py`. Immutable."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from conversation.model.conversation import Priority
from conversation.model.routing_state import Escalation

CLASSIFIERS = "huntgroup.classifiers"  # the entry point group of classifiers
# The work that a kind of channel makes; any other kind makes messages.
WORK_OF: Mapping[str, str] = {"webchat": "chat", "email": "email", "callback": "callback"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelHints:
    """What a channel account says of everything that arrives on it. `queue`: one that it fills without a rule, if any."""

    kind: str
    language: str | None = None
    issue: str | None = None
    brand: str | None = None
    queue: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Classifying:
    """What classifies issues besides the words, and from how many labels of this service's own a model may place messages."""

    engine: str
    minimum_labels: int
    target_precision: float
    time_limit: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked where less than `below` is known of the issue: a reply, and the issues to choose from."""

    reply: str
    choices: tuple[str, ...]
    below: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """A type of matter, and where it goes unless a rule says otherwise. `alarm`: no rule may calm it by the words of another sentence."""

    name: str
    title: Mapping[str, str] = field(default_factory=dict)
    queue: str | None = None
    ask: tuple[str, ...] = ()
    priority: Priority = Priority.NORMAL
    alarm: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """A second axis, independent of the issue: thanks, status, human, complaint."""

    name: str
    title: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """An address that is called. The secret is held by whoever sends."""

    name: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An automatic reply: text by language, then by kind of channel ("" for every kind)."""

    name: str
    texts: Mapping[str, Mapping[str, str]]

    def text(self, languages: tuple[str, ...], kind: str) -> str:
        """In the first of these languages it is written in, else in any; in the variant for the kind where there is one."""
        for language in (*languages, *self.texts):
            variants = self.texts.get(language)
            if variants:
                return variants.get(kind) or variants.get("") or next(iter(variants.values()))
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Actions:
    """What a rule does. None: it does not name the action. An empty tuple of replies or questions: say none."""

    queue: str | None = None
    priority: Priority | None = None
    issue: str | None = None
    labels: tuple[str, ...] | None = None
    reply: tuple[str, ...] | None = None
    ask: tuple[str, ...] | None = None
    callback: bool | None = None
    deadline: timedelta | None = None
    page: Escalation | bool | None = None
    webhook: tuple[str, ...] | None = None
    stop: bool | None = None

    def names(self) -> tuple[str, ...]:
        """The actions it names."""
        return tuple(name for name in ACTIONS if getattr(self, name) is not None)


ACTIONS = ("queue", "priority", "issue", "labels", "reply", "ask", "callback", "deadline", "page", "webhook", "stop")

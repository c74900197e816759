"""Facts and decisions. A decision keeps what it was decided from, so that it can be explained, tested and decided again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from conversation.model.conversation import Priority, State
from conversation.model.routing_state import Escalation


@dataclass(frozen=True, slots=True, kw_only=True)
class ExistingConversation:
    """One conversation of this customer that is open, or was closed not long ago, as `decide` needs to know it.

    `said` names the replies that were sent. Fields of facts and decisions are written by these names: a new name loses what is stored.
    """

    id: str
    state: State
    queue: str
    issue: str | None
    language: str | None
    priority: Priority
    owned: bool
    last_activity: datetime
    closed_at: datetime | None = None
    owner_wrote_at: datetime | None = None
    said: tuple[str, ...] = ()
    attributes: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Understood:
    """What a text says by itself, computed before the transaction: scores, not yet blended with any hint.

    `languages` are (language, probability), best first; `issues` are (issue, score) by words, best first; `intents` in file order.
    `classified` is what a classifier claims, nothing where it is silent; `model` names it. `wish` is the language that is asked for.
    """

    languages: tuple[tuple[str, float], ...] = ()
    issues: tuple[tuple[str, float], ...] = ()
    intents: tuple[str, ...] = ()
    classified: tuple[tuple[str, float], ...] = ()
    model: str | None = None
    wish: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything a decision may look at. JSON-able field by field; `text` is stored by reference, never with the decision.

    `language` None means unknown, so does `issue`. `language_source` is one of chosen, agent, contact, detected, channel,
    default, unknown; `issue_source` chosen, words, model, channel, conversation, unknown. `claims` is False for a message that says nothing
    of its own ("are you there?"). `model` names the classifier that found the issue, where `issue_source` is model.
    `script` is Hans or Hant where the language is Chinese and the text shows it. `rivals` are the issues found where none is sure.
    `wish` is the language that this very text asks to be answered in. `on_duty` names the (queue, language) pairs that somebody online can serve now; None where nobody looked.
    `callback_queue` is the queue that is to make the call asked for: where its slot is held, or the one that the account names.
    """

    now: datetime
    channel: str
    kind: str
    text: str
    brand: str | None = None
    language: str | None = None
    language_confidence: float = 0.0
    language_source: str = "unknown"
    issue: str | None = None
    issue_confidence: float = 0.0
    issue_source: str = "unknown"
    model: str | None = None
    intents: tuple[str, ...] = ()
    claims: bool = True
    first_message: bool = True
    verified: bool = False
    machine: str | None = None
    customer: Mapping[str, object] = field(default_factory=dict)
    conversation: Mapping[str, object] = field(default_factory=dict)
    matters: tuple[ExistingConversation, ...] = ()
    token: str | None = None
    script: str | None = None
    rivals: tuple[str, ...] = ()
    wish: str | None = None
    on_duty: frozenset[tuple[str, str]] | None = None
    callback_queue: str | None = None


class Joining(StrEnum):
    """How a message found its conversation."""

    NEW = "new"
    JOINED = "joined"
    REOPENED = "reopened"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Where a message goes and why.

    `moves` says whether the queue of an existing conversation changes; `queue` is where it stands afterwards. `open` is the
    queue's state at `Facts.now`, `opens` its next opening when closed (None: never). `replies` are names of replies to say, in order.
    `rules` are the names of the rules that settled something; `settled_by` maps each action to the rule, or to "issue", "queue",
    "fallback", "conversation", "callback". `choices` are the issues that the customer is asked to choose from, `languages` the languages. `due` is the instant by which a first answer is promised.
    """

    joining: Joining
    queue: str
    priority: Priority
    revision: str
    conversation: str | None = None
    linked: str | None = None
    moves: bool = True
    language: str | None = None
    language_confidence: float = 0.0
    language_source: str = "unknown"
    issue: str | None = None
    issue_confidence: float = 0.0
    issue_source: str = "unknown"
    open: bool = True
    opens: datetime | None = None
    due: datetime | None = None
    replies: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    ask: tuple[str, ...] = ()
    callback: bool = False
    webhooks: tuple[str, ...] = ()
    page: Escalation | None = None
    rules: tuple[str, ...] = ()
    settled_by: Mapping[str, str] = field(default_factory=dict)
    alert: bool = False
    choices: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One condition of a rule, tried: what it asked for, what the fact was, and whether it held. None: not reached."""

    fact: str
    wanted: object
    found: object
    held: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One rule, tried. `settled` are the actions it settled; `lost` the ones an earlier rule had settled already."""

    rule: str
    matched: bool
    conditions: tuple[Condition, ...]
    settled: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    reached: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDecision:
    """A decision as it is kept: for one message, with the facts it was made from."""

    id: str
    conversation: str
    message: str
    at: datetime
    facts: Facts
    decision: Decision

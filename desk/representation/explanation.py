"""A decision with its reasons, as the API answers it: the schema of `huntgroup explain --json`."""

from datetime import datetime
from typing import Any

from pydantic import ConfigDict, Field

from conversation.model.conversation import PriorityName
from conversation.model.decision import Joining
from desk.representation.schemas import Output


class Open(Output):
    """Fields may be added in any release."""

    model_config = ConfigDict(extra="allow", frozen=True)


class ConditionOut(Open):
    """One condition of a rule, tried."""

    fact: str
    wanted: Any = Field(description="as the rule states it")
    found: Any = Field(description="what the fact was")
    held: bool | None = Field(description="null: not reached")


class TriedOut(Open):
    """One rule, tried."""

    rule: str
    matched: bool
    reached: bool = Field(description="false: an earlier rule stopped before it")
    conditions: list[ConditionOut]
    settled: list[str] = Field(description="the actions that this rule settled")
    lost: list[str] = Field(description="its actions that an earlier rule had settled already")


class HoursOut(Open):
    """The calendar that counted."""

    calendar: str
    timezone: str
    opens_words: str | None = Field(description="the next opening, written out; null while it is open")


class CounterfactualOut(Open):
    """With one of these values of one fact it would have gone elsewhere."""

    fact: str
    values: list[Any]
    queue: str
    priority: PriorityName
    open: bool


class CandidateOut(Open):
    """An agent who could be offered it, or why not."""

    agent: str = Field(description="the e-mail address")
    name: str
    place: int | None = Field(description="from 1, in the order of the queue's strategy; null: not now")
    why_not: list[str]


class ExplainOut(Open):
    """A decision with its reasons."""

    joining: Joining = Field(description="whether a conversation began, went on or was opened again")
    queue: str
    priority: PriorityName
    revision: str = Field(description="of the rules that decided")
    conversation: str | None = None
    message: str | None = Field(None, description="null: a trial, nothing was stored")
    decision: str | None = Field(None, description="the id of the stored decision")
    at: datetime
    channel: str
    moves: bool = Field(description="whether the conversation changed its queue")
    language: str | None
    language_confidence: float
    language_source: str
    script: str | None
    issue: str | None
    issue_confidence: float
    issue_source: str
    intents: list[str]
    open: bool = Field(description="whether the queue was open")
    opens: datetime | None = Field(description="its next opening, where it was closed")
    due: datetime | None = Field(description="by when a first answer was promised")
    replies: list[str] = Field(description="names of the replies said, in order")
    spoken: list[str] | None = Field(description="their texts, in a trial")
    labels: list[str]
    webhooks: list[str]
    rules: list[str] = Field(description="rules that settled something")
    settled_by: dict[str, str] = Field(
        description="for each action the rule, or issue, queue, fallback, conversation or callback"
    )
    facts: dict[str, Any] = Field(description="what it was decided from")
    hours: HoursOut | None
    tried: list[TriedOut] = Field(description="every rule, in the file's order")
    winner: str | None = Field(description="the rule that settled the queue")
    nearest: list[TriedOut] = Field(description="rules that failed by the fewest conditions")
    counterfactuals: list[CounterfactualOut]
    candidates: list[CandidateOut] | None
    rules_changed: bool | None = Field(
        None, description="the reasons come from other rules than the decision was made by"
    )

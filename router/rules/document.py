"""The rules file as data: everything but `[service]` and `[channels]`. Shapes are checked here, meanings by `compile_rules`."""

from datetime import date, timedelta
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StrictBool

from conversation.model.conversation import PriorityName
from router.rules.durations import parse_duration


def _duration(written: object) -> timedelta:
    return written if isinstance(written, timedelta) else parse_duration(written)


Duration = Annotated[timedelta, BeforeValidator(_duration)]
Title = str | dict[str, str]
Words = dict[str, list[str]] | list[str]


class Part(BaseModel):
    """A table of the file. Unknown keys are faults."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False, populate_by_name=True)


class LanguagesPart(Part):
    """`[languages]`. `fallback` says for a language in which others, in order, its speakers are served and answered.

    `ask` names the reply by which somebody is asked for their language of whom it is unknown.
    """

    offered: list[str] = Field(default_factory=lambda: ["en"], min_length=1)
    default: str | None = None
    fallback: dict[str, list[str]] = Field(default_factory=dict)
    ask: str | None = None


class ConversationsPart(Part):
    """`[conversations]`."""

    reopen_within: Duration = timedelta(hours=72)


class AgentsPart(Part):
    """`[agents]`: `grace` before work of somebody gone is given back, `offer` how long an offer stands."""

    grace: Duration = timedelta(minutes=5)
    offer: Duration = timedelta(seconds=45)


class ClassifierPart(Part):
    """`[classifier]`: what classifies issues besides the words: "model" (what `train` learned), "words" (nobody), or a plug-in's name."""

    engine: str = "model"
    minimum_labels: int = Field(default=300, ge=0)
    target_precision: float = Field(default=0.95, ge=0.5, lt=1)
    time_limit: Duration = timedelta(seconds=1)


class QuestionPart(Part):
    """`[question]`: what is asked where nothing is known of the issue, or too little: a reply, and choices under it."""

    reply: str
    choices: list[str] = Field(default_factory=list)
    below: float = Field(default=0.6, ge=0, le=1)


class DatePart(Part):
    """One line of `dates`: one day (`2026-12-31`, or `12-24` for every year), or `from`/`to`; with `hours` or `as`."""

    date_: date | str | None = Field(default=None, alias="date")
    from_: date | str | None = Field(default=None, alias="from")
    to: date | str | None = None
    hours: list[str] | None = None
    as_: str | None = Field(default=None, alias="as")


class HoursPart(BaseModel):
    """`[hours.NAME]`. Weekday keys (mon, mon-fri, every) come as extra keys; `compile_rules` knows them all."""

    model_config = ConfigDict(extra="allow", frozen=True)

    timezone: str | None = None
    holidays: str | list[str] | None = None
    dates: list[DatePart] = Field(default_factory=list)
    any: list[str] | None = None
    all: list[str] | None = None
    per_language: dict[str, str] | None = None


class IssuePart(Part):
    """`[issues.NAME]`. `alarm`: a rule that calms it by `text` gives way to its words outside what `text` matched."""

    queue: str | None = None
    title: Title | None = None
    words: Words = Field(default_factory=dict)
    unless: Words = Field(default_factory=dict)
    ask: list[str] = Field(default_factory=list)
    priority: PriorityName = "normal"
    alarm: StrictBool = False


class IntentPart(Part):
    """`[intents.NAME]`."""

    title: Title | None = None
    words: Words = Field(default_factory=dict)
    unless: Words = Field(default_factory=dict)


class OverflowPart(Part):
    """One step of a queue's `overflow`."""

    after: Duration
    queue: str


class PagePart(Part):
    """`page`: nobody took it after so much open time."""

    after: Duration
    webhook: str


class QueuePart(Part):
    """`[queues.NAME]`; what is not named comes from `[queue_defaults]`."""

    title: Title | None = None
    skills: list[str] | None = None
    languages: Literal["conversation", "any"] | list[str] | None = None
    strategy: str | None = None
    hours: str | None = None
    closed: str | Literal[False] | None = None
    arrival: str | Literal[False] | None = None
    overflow: list[OverflowPart] | None = None
    page: PagePart | Literal[False] | None = None
    first_response: Duration | dict[str, Duration] | None = None


class WebhookPart(Part):
    """`[webhooks.NAME]`. The secret is looked up by whoever sends."""

    url: str
    secret: str | dict[str, str] | None = None


class ThenPart(Part):
    """`then` of a rule: the actions it names."""

    queue: str | None = None
    priority: PriorityName | None = None
    issue: str | None = None
    labels: list[str] | None = None
    reply: str | list[str] | Literal[False] | None = None
    ask: list[str] | Literal[False] | None = None
    callback: StrictBool | None = None
    deadline: Duration | None = None
    page: PagePart | Literal[False] | None = None
    webhook: str | list[str] | None = None
    stop: StrictBool | None = None


class RulePart(Part):
    """`[[rules]]`. `when` is read by `compile_rules`, so that a fault in it can be named exactly."""

    name: str = Field(min_length=1)
    when: dict[str, Any] = Field(default_factory=dict)
    then: ThenPart


class FallbackPart(Part):
    """`[fallback]`."""

    queue: str


class ServedPart(Part):
    """What the queue of a case's message asks of agents, and where it overflows to."""

    skills: list[str] | None = None
    languages: Literal["conversation", "any"] | list[str] | None = None
    strategy: str | None = None
    overflow: list[OverflowPart] | None = None


class CasePart(Part):
    """One case of a test. What is not named is not asked for. `steps` are one conversation, `texts` stand each by itself."""

    text: str | None = None
    steps: list[str] | None = None
    texts: list[str] | None = Field(default=None, min_length=1)
    channel: str | None = None
    at: AwareDatetime | None = None
    from_: str | None = Field(default=None, alias="from")
    set: dict[str, Any] = Field(default_factory=dict)
    queue: str | None = None
    issue: str | None = None
    language: str | None = None
    priority: PriorityName | None = None
    open: StrictBool | None = None
    opens: AwareDatetime | Literal[False] | None = None
    reply: str | list[str] | bool | None = None
    replies: int | None = None
    labels: list[str] | None = None
    ask: list[str] | None = None
    rules: list[str] | None = None
    intent: str | list[str] | None = None
    choices: list[str] | None = None
    script: Literal["Hans", "Hant", "unknown"] | None = None
    webhook: str | list[str] | bool | None = None
    callback: StrictBool | None = None
    due: AwareDatetime | Literal[False] | None = None
    page: PagePart | str | bool | None = None
    served: ServedPart | None = None


class TestPart(Part):
    """`[[tests]]`."""

    __test__ = False

    name: str = Field(min_length=1)
    channel: str | None = None
    at: AwareDatetime | None = None
    set: dict[str, Any] = Field(default_factory=dict)
    cases: list[CasePart] = Field(min_length=1)


class Document(Part):
    """The rules file without `[service]` and `[channels]`."""

    languages: LanguagesPart = Field(default_factory=LanguagesPart)
    conversations: ConversationsPart = Field(default_factory=ConversationsPart)
    agents: AgentsPart = Field(default_factory=AgentsPart)
    classifier: ClassifierPart = Field(default_factory=ClassifierPart)
    question: QuestionPart | None = None
    asked: dict[str, Title] = Field(default_factory=dict)
    hours: dict[str, HoursPart] = Field(default_factory=dict)
    issues: dict[str, IssuePart] = Field(default_factory=dict)
    intents: dict[str, IntentPart] = Field(default_factory=dict)
    queue_defaults: QueuePart = Field(default_factory=QueuePart)
    queues: dict[str, QueuePart] = Field(default_factory=dict)
    webhooks: dict[str, WebhookPart] = Field(default_factory=dict)
    rules: list[RulePart] = Field(default_factory=list)
    fallback: FallbackPart | None = None
    replies: dict[str, dict[str, str | dict[str, str]]] = Field(default_factory=dict)
    tests: list[TestPart] = Field(default_factory=list)

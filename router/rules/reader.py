"""What all readers of a document share: what may be referred to, and the faults found; besides, its small sections."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points

from conversation.model.conversation import Priority
from conversation.model.routing_state import Escalation
from router.hours.calendars import ALWAYS
from router.rules.document import Document, LanguagesPart, PagePart, Title
from router.rules.faults import Fault, Faults, Path
from router.rules.model import CLASSIFIERS, ChannelHints, Classifying, Question
from router.rules.read_conditions import Names
from router.understanding.language import is_language_code

MOST_CHOICES = 9  # one digit each
BUILT_IN = ("model", "words")
PRIORITIES = tuple(priority.label for priority in Priority)


@dataclass(slots=True, kw_only=True)
class Reading:
    """What all readers share: the document, what it may refer to, and the faults found so far."""

    document: Document
    faults: Faults
    channels: Mapping[str, ChannelHints]
    languages: tuple[str, ...]
    _names: Names | None = field(default=None)

    def queue(self, path: Path, name: str) -> None:
        """A queue is referred to."""
        self.faults.expect(path, "queue", name, self.document.queues)

    def reply(self, path: Path, name: str) -> None:
        """A reply is referred to."""
        self.faults.expect(path, "reply", name, self.document.replies)

    def webhook(self, path: Path, name: str) -> None:
        """A webhook is referred to."""
        self.faults.expect(path, "webhook", name, self.document.webhooks)

    @property
    def names(self) -> Names:
        """What conditions may name. A language that is not offered may be named: customers write in it all the same."""
        if self._names is None:
            hints = self.channels.values()
            known = {
                "channel": frozenset(self.channels),
                "kind": frozenset(hint.kind for hint in hints),
                "issue": frozenset({*self.document.issues, "unknown"}),
                "intent": frozenset(self.document.intents),
                "priority": frozenset(PRIORITIES),
            }
            wanted = known if self.channels else {key: known[key] for key in ("issue", "intent", "priority")}
            calendars = frozenset({*self.document.hours, ALWAYS})
            self._names = Names(known=wanted, queues=frozenset(self.document.queues), calendars=calendars)
        return self._names


def unsigned_webhooks(document: Document) -> list[Fault]:
    """Webhooks without a secret: rules that are stored are readable all the same, but must not come into force."""
    words = "webhook '{0}' has no secret, and nothing leaves unsigned: secret = {{ env = \"{1}_SECRET\" }}"
    return [
        Fault(("webhooks", name), words.format(name, name.upper().replace("-", "_")))
        for name, part in document.webhooks.items()
        if part.secret is None
    ]


def titles(title: Title | None) -> Mapping[str, str]:
    """A title by language; "" where one text serves all."""
    if title is None:
        return {}
    return {"": title} if isinstance(title, str) else dict(title)


def page_of(part: PagePart | bool | None) -> Escalation | None:
    """The page a part asks for; `false` is none."""
    if not isinstance(part, PagePart):
        return None
    return Escalation(webhook=part.webhook, after_seconds=int(part.after.total_seconds()))


def read_languages(part: LanguagesPart, faults: Faults) -> tuple[tuple[str, ...], str, dict[str, tuple[str, ...]]]:
    """The languages offered, the default one, and what serves instead of others."""
    for at, language in enumerate(part.offered):
        if not is_language_code(language):
            faults.error(("languages", "offered", at), f"'{language}' is no language code: write 'en', 'zh', 'de'")
        if language in part.offered[:at]:
            faults.error(("languages", "offered", at), f"'{language}' is listed twice")
    default = part.default or part.offered[0]
    if part.default is not None:
        faults.expect(("languages", "default"), "offered language", default, part.offered)
    for language, instead in part.fallback.items():
        place: Path = ("languages", "fallback", language)
        if not is_language_code(language):
            faults.error(place, f"'{language}' is no language code: write 'it', 'nl'")
        for at, other in enumerate(instead):
            faults.expect((*place, at), "offered language", other, part.offered)
    return tuple(part.offered), default, {language: tuple(instead) for language, instead in part.fallback.items()}


def read_language_question(reading: Reading) -> str | None:
    """The reply under which the languages offered are the choices."""
    languages = reading.document.languages
    if languages.ask is not None:
        reading.reply(("languages", "ask"), languages.ask)
        if not 1 < len(languages.offered) <= MOST_CHOICES:
            words = f"to ask for the language, between 2 and {MOST_CHOICES} must be offered"
            reading.faults.error(("languages", "ask"), words)
    return languages.ask


def read_fallback(reading: Reading) -> str:
    """The queue of last resort."""
    fallback = reading.document.fallback
    if fallback is None:
        reading.faults.error(("fallback",), 'a fallback is needed: [fallback] queue = "general"')
        return ""
    reading.queue(("fallback", "queue"), fallback.queue)
    return fallback.queue


def read_classifier(reading: Reading) -> Classifying:
    """What classifies issues besides the words: built in, or installed under the entry point group."""
    part = reading.document.classifier
    if part.engine not in BUILT_IN:
        installed = {point.name for point in entry_points(group=CLASSIFIERS)}
        reading.faults.expect(("classifier", "engine"), "classifier", part.engine, {*BUILT_IN, *installed})
    return Classifying(
        engine=part.engine,
        minimum_labels=part.minimum_labels,
        target_precision=part.target_precision,
        time_limit=part.time_limit,
    )


def read_question(reading: Reading) -> Question | None:
    """What is asked where too little is known: the issues to choose from are those named, else the first that have a title."""
    part = reading.document.question
    if part is None:
        return None
    reading.reply(("question", "reply"), part.reply)
    for at, name in enumerate(part.choices):
        reading.faults.expect(("question", "choices", at), "issue", name, reading.document.issues)
    titled = [name for name, issue in reading.document.issues.items() if issue.title]
    choices = tuple(dict.fromkeys(part.choices or titled))[:MOST_CHOICES]
    if not choices:
        reading.faults.error(("question",), "there is nothing to choose from: no issue has a title")
    return Question(reply=part.reply, choices=choices, below=part.below)


def read_tests(reading: Reading) -> None:
    """The file's own tests name things that exist."""
    for number, test in enumerate(reading.document.tests):
        place: Path = ("tests", number)
        if test.channel is not None and reading.channels:
            reading.faults.expect((*place, "channel"), "channel", test.channel, reading.channels)
        for at, case in enumerate(test.cases):
            _check_case(reading, (*place, "cases", at), case.model_dump(exclude_none=True), test.channel)


def _check_case(reading: Reading, path: Path, case: Mapping[str, object], channel: str | None) -> None:
    document = reading.document
    known: Mapping[str, Sequence[str] | Mapping[str, object]] = {
        "queue": document.queues,
        "issue": (*document.issues, "unknown"),
        "reply": document.replies,
        "rules": [rule.name for rule in document.rules],
        "intent": document.intents,
        "webhook": document.webhooks,
        "page": document.webhooks,
        "choices": (*document.issues, *document.languages.offered),
        **({"channel": reading.channels} if reading.channels else {}),
    }
    for key, names in known.items():
        wanted = case.get(key)
        for name in wanted if isinstance(wanted, list) else [wanted]:
            if isinstance(name, str):
                reading.faults.expect((*path, key), key.removesuffix("s"), name, names)
    if len({"text", "steps", "texts"} & set(case)) != 1:
        reading.faults.error(path, "a case has one of 'text', 'steps' and 'texts'")
    if channel is None and "channel" not in case:
        reading.faults.error(path, "name the channel, here or for the whole test")

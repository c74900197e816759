"""The `[[tests]]` of a rules file, run with the functions that decide for real and a clock that stands still."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from conversation.model.routing_state import Escalation
from ops.configuration.toml_positions import Path
from ops.rule_analysis.dry_run import SOMEBODY, BadTrial, DryRun, TrialMessage, Turn
from router.rules.document import CasePart, Document, OverflowPart, PagePart, TestPart
from router.rules.queues import Queue
from router.rules.reader import page_of
from router.rules.rulebook import RuleBook

DEFAULT_AT = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """One case. `wrong` says what came instead of what was expected; `unexpected` what nobody asked about but should look at."""

    path: Path
    name: str
    text: str
    wrong: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether everything came as expected."""
        return not self.wrong


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One thing to try: messages, and what is expected of them."""

    path: Path
    name: str
    messages: tuple[TrialMessage, ...]
    part: CasePart

    @property
    def words(self) -> str:
        """All that is said."""
        return " / ".join(one.text for one in self.messages)


def cases_of(document: Document) -> Iterator[Case]:
    """Every case of every test, in the file's order; of `texts` each one."""
    for number, test in enumerate(document.tests):
        for place, part in enumerate(test.cases):
            path: Path = ("tests", number, "cases", place)
            if part.texts is None:
                yield Case(
                    path=path,
                    name=test.name,
                    messages=_messages(test, part, part.steps or [part.text or ""]),
                    part=part,
                )
            for at, text in enumerate(part.texts or ()):
                yield Case(path=(*path, "texts", at), name=test.name, messages=_messages(test, part, [text]), part=part)


def run_tests(document: Document, trial: DryRun) -> Iterator[Tested]:
    """Every case, tried."""
    return (run_case(trial, case) for case in cases_of(document))


def run_case(trial: DryRun, case: Case) -> Tested:
    """One case, tried."""
    try:
        turns = trial.hold(case.messages)
    except BadTrial as error:
        return Tested(path=case.path, name=case.name, text=case.words, wrong=(str(error),))
    wrong = (*_wrong(case.part, turns), *_wrong_service(case.part, turns, trial.rulebook))
    unexpected = tuple(_unexpected(case.part, turns))
    return Tested(path=case.path, name=case.name, text=case.words, wrong=wrong, unexpected=unexpected)


def _messages(test: TestPart, case: CasePart, texts: Sequence[str]) -> tuple[TrialMessage, ...]:
    at = case.at or test.at or DEFAULT_AT
    given = _joined(test.set, case.set)
    channel = case.channel or test.channel or ""
    return tuple(
        TrialMessage(channel=channel, text=text, at=at, sender=case.from_ or SOMEBODY, given=given) for text in texts
    )


def _joined(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    both = dict(one)
    for key, value in other.items():
        inner = both.get(key)
        both[key] = _joined(inner, value) if isinstance(inner, Mapping) and isinstance(value, Mapping) else value
    return both


def _replies(turns: Sequence[Turn]) -> list[str]:
    return [name for turn in turns for name in turn.decision.replies]


def _labels(turns: Sequence[Turn]) -> list[str]:
    return sorted({label for turn in turns for label in turn.conversation.labels})


_FOUND: Mapping[str, Callable[[Sequence[Turn]], object]] = {
    "queue": lambda turns: turns[-1].decision.queue,
    "issue": lambda turns: turns[-1].decision.issue or "unknown",
    "language": lambda turns: turns[-1].decision.language or "unknown",
    "priority": lambda turns: turns[-1].decision.priority.label,
    "open": lambda turns: turns[-1].decision.open,
    "callback": lambda turns: turns[-1].decision.callback,
    "replies": lambda turns: len(_replies(turns)),
    "script": lambda turns: turns[-1].facts.script or "unknown",
}
_LISTED: Mapping[str, Callable[[Sequence[Turn]], list[str]]] = {
    "labels": _labels,
    "ask": lambda turns: list(turns[-1].decision.ask),
    "choices": lambda turns: list(turns[-1].decision.choices or turns[-1].decision.languages),
    "rules": lambda turns: [rule for turn in turns for rule in turn.decision.rules],
    "reply": _replies,
    "webhook": lambda turns: [name for turn in turns for name in turn.decision.webhooks],
}


def _wrong(case: CasePart, turns: Sequence[Turn]) -> Iterator[str]:
    """`queue is 'general', expected 'payments'` for each thing that came otherwise."""
    for key, find in _FOUND.items():
        wanted = getattr(case, key)
        found = find(turns)
        if wanted is not None and found != wanted:
            yield f"{key} is {_shown(found)}, expected {_shown(wanted)}"
    for key, listed in _LISTED.items():
        wanted = getattr(case, key)
        if wanted is not None and not _agrees(wanted, listed(turns)):
            yield f"{key} is {_shown(listed(turns))}, expected {_shown(wanted)}"
    for key in ("opens", "due"):
        wanted = getattr(case, key)
        if wanted is not None:
            yield from _wrong_instant(key, wanted, getattr(turns[-1].decision, key))
    yield from _wrong_intent(case.intent, turns)


def _agrees(wanted: str | list[str] | bool, found: list[str]) -> bool:
    """A name or a list: just these, in any order; true: some; false: none."""
    if isinstance(wanted, bool):
        return wanted is bool(found)
    names = [wanted] if isinstance(wanted, str) else wanted
    return set(names) == set(found)


def _wrong_instant(key: str, wanted: datetime | bool, found: datetime | None) -> Iterator[str]:
    if isinstance(wanted, bool):
        if found is not None:
            yield f"{key} is {found.isoformat()}, expected none"
    elif found != wanted:
        local = None if found is None else found.astimezone(wanted.tzinfo).isoformat()
        yield f"{key} is {_shown(local)}, expected {_shown(wanted.isoformat())}"


def _wrong_service(case: CasePart, turns: Sequence[Turn], rulebook: RuleBook) -> Iterator[str]:
    """Whether somebody is paged, and what the queue it lies in asks for."""
    page = turns[-1].decision.page
    if isinstance(case.page, PagePart):
        if page != page_of(case.page):
            yield f"page is {_paged(page)}, expected {_paged(page_of(case.page))}"
    elif case.page is not None and not _agrees(case.page, [page.webhook] if page else []):
        yield f"page is {_paged(page)}, expected {_shown(case.page)}"
    queue = rulebook.queues.get(turns[-1].decision.queue)
    for key, wanted in dict(case.served or ()).items():
        found = _SERVED[key](queue) if queue else None
        if wanted is not None and found != _listed(wanted):
            yield f"served: {key} is {_shown(found)}, expected {_shown(_listed(wanted))}"


_SERVED: Mapping[str, Callable[[Queue], object]] = {
    "skills": lambda queue: list(queue.skills),
    "languages": lambda queue: "conversation" if queue.languages is None else list(queue.languages) or "any",
    "strategy": lambda queue: queue.strategy,
    "overflow": lambda queue: [f"{step.queue} after {step.after}" for step in queue.overflow],
}


def _listed(wanted: object) -> object:
    steps = wanted if isinstance(wanted, list) else []
    return [f"{step.queue} after {step.after}" if isinstance(step, OverflowPart) else step for step in steps] or wanted


def _paged(page: Escalation | None) -> str:
    return "none" if page is None else f"'{page.webhook}' after {page.after_seconds} s"


def _wrong_intent(wanted: str | list[str] | None, turns: Sequence[Turn]) -> Iterator[str]:
    names = [wanted] if isinstance(wanted, str) else wanted or []
    found = turns[-1].facts.intents
    if not set(names) <= set(found):
        yield f"intent is {_shown(list(found))}, expected {_shown(names)}"


def _unexpected(case: CasePart, turns: Sequence[Turn]) -> Iterator[str]:
    """A reply nobody asked about: it may be said to real customers without anybody having meant it."""
    messages = _replies(turns)
    if messages and case.reply is None and case.replies is None:
        names = ", ".join(f"'{name}'" for name in dict.fromkeys(messages))
        yield f"the reply {names} is said, and the case does not mention it"


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(_shown(item) for item in value)}]"
    return f"'{value}'" if isinstance(value, str) else "none" if value is None else str(value)

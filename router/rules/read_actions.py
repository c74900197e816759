"""Reads `[[rules]]`: what each asks for and what it does."""

from collections.abc import Iterator, Mapping, Sequence

from conversation.model.conversation import Priority
from router.rules.alarm_calming import calming_check
from router.rules.conditions import Check
from router.rules.document import PagePart, ThenPart
from router.rules.faults import Path
from router.rules.model import Actions, Issue
from router.rules.read_conditions import read_when
from router.rules.reader import Reading, page_of


def read_rules(reading: Reading, issues: Mapping[str, Issue]) -> Iterator[tuple[str, tuple[Check, ...], Actions]]:
    """(name, checks, actions) of each rule in order."""
    first: dict[str, int] = {}
    for number, part in enumerate(reading.document.rules):
        path: Path = ("rules", number)
        if part.name in first:
            reading.faults.error((*path, "name"), f"rule {first[part.name] + 1} is already called '{part.name}'")
        first.setdefault(part.name, number)
        checks = read_when(part.when, (*path, "when"), reading.names, reading.faults)
        actions = _actions(reading, part.then, (*path, "then"))
        calming = calming_check(checks, actions, issues)
        yield part.name, checks if calming is None else (*checks, calming), actions


def _actions(reading: Reading, then: ThenPart, path: Path) -> Actions:
    _check_then(reading, then, path)
    actions = Actions(
        queue=then.queue,
        priority=None if then.priority is None else Priority.of(then.priority),
        issue=then.issue,
        labels=None if then.labels is None else tuple(then.labels),
        reply=_listed(then.reply),
        ask=_listed(then.ask),
        callback=then.callback,
        deadline=then.deadline,
        page=False if then.page is False else page_of(then.page),
        webhook=_listed(then.webhook),
        stop=then.stop or None,
    )
    if not actions.names():
        reading.faults.error(path, "this rule does nothing: name an action, for example queue or priority")
    return actions


def _listed(value: str | Sequence[str] | bool | None) -> tuple[str, ...] | None:
    """None where nothing is named, () for `false`."""
    if value is None or isinstance(value, bool):
        return None if value is None else ()
    return (value,) if isinstance(value, str) else tuple(value)


def _check_then(reading: Reading, then: ThenPart, path: Path) -> None:
    if then.queue is not None:
        reading.queue((*path, "queue"), then.queue)
    if then.issue is not None:
        reading.faults.expect((*path, "issue"), "issue", then.issue, reading.document.issues)
    for name in _listed(then.reply) or ():
        reading.reply((*path, "reply"), name)
    for name in _listed(then.webhook) or ():
        reading.webhook((*path, "webhook"), name)
    if isinstance(then.page, PagePart):
        reading.webhook((*path, "page", "webhook"), then.page.webhook)

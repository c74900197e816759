"""Rules that calm an alarm by `text`: such a rule gives way where the message states the alarm outside what `text` matched.

An alarm is an issue with `alarm = true`. A rule calms it that lowers its priority, moves it to another queue, or stops before the
rules that would act on it.
"""

from collections.abc import Iterator, Mapping, Sequence

from router.rules.conditions import Check, Seen
from router.rules.model import Actions, Issue
from router.understanding.clauses import Asking
from router.understanding.keywords import TEXT_LIMIT

ELSEWHERE = "alarm_elsewhere"  # the fact's name, as `explain` has it
_SHOWN = 120


def calming_check(checks: Sequence[Check], actions: Actions, issues: Mapping[str, Issue]) -> Check | None:
    """The condition that such a rule has besides those that are written; None for every other rule."""
    names = frozenset(name for name, issue in issues.items() if issue.alarm and _calms(actions, issue))
    texts = tuple(_texts(checks)) if names else ()
    if not texts:
        return None

    def find(seen: Seen) -> str | None:
        text = seen.text()[:TEXT_LIMIT]
        if _span(text, texts) is None:
            return None
        if seen.stands_in(names):
            return "the conversation"
        words = seen.phrases(text, names)
        asking = Asking(lambda part: _span(part, texts), lambda part: seen.phrases(part, names) & words)
        stated = asking.statement(text) if words else None
        return None if stated is None else stated[:_SHOWN]

    return Check(fact=ELSEWHERE, wanted=False, find=find, test=lambda seen: find(seen) is None, listens=True)


def _calms(actions: Actions, issue: Issue) -> bool:
    """Whether the rule lowers, moves or stops a message of this issue. One that stops and keeps it as urgent or in its queue acts on it."""
    lowers = actions.priority is not None and actions.priority < issue.priority
    moves = issue.queue is not None and actions.queue not in (None, issue.queue)
    moves = moves or actions.issue not in (None, issue.name)
    raises = actions.priority is not None and actions.priority >= issue.priority
    keeps = raises or (actions.queue is not None and actions.queue == issue.queue)
    return lowers or moves or actions.webhook == () or (bool(actions.stop) and not keeps)


def _texts(checks: Sequence[Check]) -> Iterator[Check]:
    """The conditions by `text`; what stands under `not` is no wording."""
    for check in checks:
        if check.spans is not None:
            yield check
        elif check.fact != "not":
            yield from _texts(check.parts)


def _span(part: str, texts: Sequence[Check]) -> tuple[int, int] | None:
    """Where one of the patterns stands, the first place of them all; in characters."""
    raw = part.encode("utf-8", "replace")
    spans = [span for check in texts if check.spans for span in check.spans(raw)]
    if not spans:
        return None
    start, end = min(spans)
    return len(raw[:start].decode("utf-8", "ignore")), len(raw[:end].decode("utf-8", "ignore"))

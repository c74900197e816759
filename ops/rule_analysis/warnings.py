"""What is probably not meant, though it is no fault: queues that nothing reaches, issues without words, holiday data that ends."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

import holidays

from ops.rule_analysis.rule_overlap import overlap_warnings
from ops.rule_analysis.staff_coverage import Combination, Coverage
from router.decision.decide import ASK_REPLY, STATUS_REPLY
from router.hours.calendars import ALWAYS
from router.rules.document import Document, HoursPart, QueuePart
from router.rules.faults import Fault, Path
from router.rules.rulebook import RuleBook
from router.wording.callback_messages import CALLBACK_REPLIES

LOOK_AHEAD = timedelta(days=90)
SERVED_WITHIN = timedelta(days=60)
_MOST_COMBINATIONS = 20_000
_STILL_KEPT = 3  # years: a country whose special days ended longer ago than this has none to announce any more


def warnings_of(document: Document, rulebook: RuleBook, today: date) -> Iterator[Fault]:
    """All warnings, by section."""
    yield from _unreached_queues(document, rulebook)
    yield from _silent_closing(document)
    yield from _issues(document)
    yield from _unused(document)
    yield from _dead_rules(rulebook)
    yield from overlap_warnings(rulebook)
    yield from _never_served(rulebook, today)
    yield from _holiday_data(document, today)
    if not document.tests:
        yield _warning((), "there are no [[tests]]: nothing is known of what these rules do")


def _warning(path: Path, message: str) -> Fault:
    return Fault(path, message, "warning")


def _unreached_queues(document: Document, rulebook: RuleBook) -> Iterator[Fault]:
    reached = {rulebook.fallback}
    reached |= {issue.queue for issue in document.issues.values() if issue.queue}
    reached |= {rule.then.queue for rule in document.rules if rule.then.queue}
    reached |= {step.queue for queue in rulebook.queues.values() for step in queue.overflow}
    reached |= {hints.queue for hints in rulebook.channels.values() if hints.queue}
    for name in document.queues:
        if name not in reached:
            message = f"nothing goes to queue '{name}': no issue, rule, overflow, account or fallback names it"
            yield _warning(("queues", name), message)


def _silent_closing(document: Document) -> Iterator[Fault]:
    """A queue that closes and has neither a reply for it nor the word that none is meant."""
    defaults = document.queue_defaults
    for name, part in document.queues.items():
        if _closes(part, defaults) and part.closed is None and defaults.closed is None:
            message = f"queue '{name}' closes and says nothing: name a reply (closed = \"...\") or say closed = false"
            yield _warning(("queues", name), message)


def _closes(part: QueuePart, defaults: QueuePart) -> bool:
    return (part.hours or defaults.hours or ALWAYS) != ALWAYS


def _issues(document: Document) -> Iterator[Fault]:
    for name, issue in document.issues.items():
        path: Path = ("issues", name)
        words = issue.words
        if not words:
            yield _warning(path, f"issue '{name}' has no words: it is never found in a text")
            continue
        missing = [
            language for language in document.languages.offered if isinstance(words, dict) and not words.get(language)
        ]
        if missing:
            yield _warning((*path, "words"), f"issue '{name}' has no words in {', '.join(missing)}")


def _unused(document: Document) -> Iterator[Fault]:
    parts = [document.queue_defaults, *document.queues.values()]
    thens = [rule.then for rule in document.rules]
    replies = {name for part in parts for name in (part.closed, part.arrival)} | {
        ASK_REPLY,
        STATUS_REPLY,
        *CALLBACK_REPLIES,
    }
    replies |= {document.question.reply} if document.question else set()
    for then in thens:
        replies |= set(then.reply if isinstance(then.reply, list) else [then.reply])
    pages = [part.page for part in parts] + [then.page for then in thens]
    webhooks = {page.webhook for page in pages if page}
    for then in thens:
        webhooks |= set([then.webhook] if isinstance(then.webhook, str) else then.webhook or [])
    for key, defined, used in (("replies", document.replies, replies), ("webhooks", document.webhooks, webhooks)):
        for name in defined:
            if name not in used:
                yield _warning((key, name), f"nothing names '{name}' of [{key}]")


def _dead_rules(rulebook: RuleBook) -> Iterator[Fault]:
    """What stands below a rule without conditions can no longer settle what that rule settles."""
    settled: dict[str, str] = {}
    for number, rule in enumerate(rulebook.rules):
        late = [action for action in rule.named if action in settled and action != "labels"]
        if "stop" in settled:
            yield _warning(
                ("rules", number), f"rule '{rule.name}' is never reached: '{settled['stop']}' stops before it"
            )
        elif late and len(late) == len(rule.named):
            message = f"rule '{rule.name}' settles nothing: '{settled[late[0]]}' has no conditions and stands before it"
            yield _warning(("rules", number), message)
        if not rule.checks:
            settled = {**dict.fromkeys(rule.named, rule.name), **settled}


def _never_served(rulebook: RuleBook, today: date) -> Iterator[Fault]:
    """Somebody writes about a matter, in a language, on a channel, and no queue that is ever open gets it."""
    if len(rulebook.languages) * (len(rulebook.issues) + 1) * len(rulebook.channels) > _MOST_COMBINATIONS:
        return
    start = datetime.combine(today, time(), UTC)
    coverage = Coverage(rulebook, start, start + SERVED_WITHIN)
    by_queue: dict[str, list[Combination]] = {}
    for one in coverage.never_served():
        by_queue.setdefault(coverage.timelines[one][0].queue, []).append(one)
    for queue, lost in by_queue.items():
        who = " x ".join(", ".join(dict.fromkeys(getattr(one, key) for one in lost)) for key in Combination.__slots__)
        message = f"queue '{queue}' is not open once in {SERVED_WITHIN.days} days for {who}: nobody ever serves them"
        yield _warning(("queues", queue), message)


def _holiday_data(document: Document, today: date) -> Iterator[Fault]:
    """Some governments announce days off year by year: beyond the last one known, only the fixed holidays are."""
    for name, part in document.hours.items():
        for country in _countries(part):
            last, wanted = last_announced(country), (today + LOOK_AHEAD).year
            if last is not None and wanted > last >= today.year - _STILL_KEPT and not _dates_in(part, wanted):
                message = (
                    f"days off announced for {country} are known to the end of {last}: name those of {wanted} in dates"
                )
                yield _warning(("hours", name, "holidays"), message)


def _dates_in(part: HoursPart, year: int) -> bool:
    """Whether the calendar itself names days of that year: then somebody has looked."""
    named = (str(day) for line in part.dates for day in (line.date_, line.from_, line.to) if day is not None)
    return any(day.startswith(f"{year}-") for day in named)


def _countries(part: HoursPart) -> list[str]:
    if part.holidays is None:
        return []
    return [part.holidays] if isinstance(part.holidays, str) else part.holidays


def last_announced(country: str) -> int | None:
    """The last year for which days off announced year by year are in the holiday data; None where there are no such days."""
    code, _, subdivision = country.partition("-")
    try:
        table = holidays.country_holidays(code, subdiv=subdivision or None)
    except (NotImplementedError, KeyError):
        return None
    special = getattr(table, "special_public_holidays", None) or {}
    years = [year for year in special if isinstance(year, int)]
    return max(years, default=None)

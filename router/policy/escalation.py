"""Whom to call because nobody takes a conversation: counted from its arrival, whatever queue it is moved to meanwhile. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from conversation.model import conversation as thread
from conversation.model.conversation import NEXT_PAGE, PAGE, PAGED, PAGES, QUEUED_AGAIN, Conversation, State, as_kept
from conversation.model.decision import Decision, Escalation
from router.hours.calendars import ALWAYS
from router.rules.model import Queue
from router.rules.rulebook import RuleBook

_CALLS = "calls"  # in PAGES: the instant of each call, by webhook
_UNHELD = (State.WAITING, State.OFFERED)  # an offer is no answer: nobody has taken it yet


def due(conversation: Conversation, queue: Queue | None, rulebook: RuleBook, now: datetime) -> Sequence[str]:
    """The webhooks to call now: what was fixed in an earlier queue, and what this queue or a rule asks for."""
    if conversation.state not in _UNHELD:
        return ()
    kept = _kept(conversation)
    names = [name for name, at in kept.items() if at <= now]
    page = _own(conversation, queue)
    if page is not None and page.webhook not in names and since(conversation) + _span(page) <= now:
        at = _due_at(conversation, queue, rulebook, page)  # open time is never shorter than the time on the wall
        names += [page.webhook] if at is not None and at <= now else []
    return names


def called(conversation: Conversation, names: Sequence[str], now: datetime) -> Conversation:
    """These were called: not again before it waits anew."""
    before = conversation.attributes.get(PAGED)
    paged = {**(before if isinstance(before, Mapping) else {}), **dict.fromkeys(names, now.isoformat())}
    kept = {name: at for name, at in _kept(conversation).items() if name not in names}
    attributes = {**conversation.attributes, PAGED: paged}
    return replace(conversation, attributes=_with_calls(attributes, kept), updated_at=now)


def transferred(
    conversation: Conversation, queue: str, rulebook: RuleBook, now: datetime, *, page: Escalation | None = None
) -> Conversation:
    """In another queue, with the page that it waits for. `page` is that of a queue which the rules do not know any more."""
    calls = dict(_kept(conversation))
    left = rulebook.queues.get(conversation.queue)
    own = _own(conversation, left, page) if conversation.state in _UNHELD else None
    at = _due_at(conversation, left, rulebook, own) if own is not None else None
    if own is not None and at is not None:
        calls[own.webhook] = min(at, calls.get(own.webhook, at))
    after = thread.transfer(conversation, queue, now)
    return replace(after, attributes=_with_calls(after.attributes, calls)) if calls else after


def since(conversation: Conversation) -> datetime:
    """Since when nobody took it: what somebody held, or sent to another queue, waits anew."""
    began = conversation.waiting_since or conversation.updated_at
    again = instant(conversation.attributes.get(QUEUED_AGAIN))
    return began if again is None else max(began, again)


def instant(written: object) -> datetime | None:
    """An instant as attributes keep it."""
    return datetime.fromisoformat(written) if isinstance(written, str) else None


def _kept(conversation: Conversation) -> Mapping[str, datetime]:
    """What was fixed in earlier queues and not called yet."""
    pages = conversation.attributes.get(PAGES)
    calls = pages.get(_CALLS) if isinstance(pages, Mapping) else None
    return {name: datetime.fromisoformat(at) for name, at in calls.items()} if isinstance(calls, Mapping) else {}


def _with_calls(attributes: Mapping[str, object], calls: Mapping[str, datetime]) -> Mapping[str, object]:
    if not calls:
        return {name: value for name, value in attributes.items() if name != PAGES}
    written = {name: as_kept(at) for name, at in calls.items()}
    return {**attributes, PAGES: {NEXT_PAGE: min(written.values()), _CALLS: written}}


def _own(conversation: Conversation, queue: Queue | None, instead: Escalation | None = None) -> Escalation | None:
    """A rule's wish for this conversation before its queue's page, unless that webhook was called in this wait."""
    asked = conversation.attributes.get(PAGE)
    page = queue.page if queue is not None else instead
    if isinstance(asked, Mapping):
        page = Escalation(webhook=str(asked["webhook"]), after_seconds=int(asked["after_seconds"]))
    if page is None or asked is False:
        return None
    paged = conversation.attributes.get(PAGED)
    if isinstance(paged, Mapping):
        return None if page.webhook in paged else page
    before = instant(paged)  # by an earlier version: one instant for all
    return None if before is not None and before >= since(conversation) else page


def _span(page: Escalation) -> timedelta:
    return timedelta(seconds=page.after_seconds)


def _due_at(conversation: Conversation, queue: Queue | None, rulebook: RuleBook, page: Escalation) -> datetime | None:
    hours = queue.hours if queue is not None else ALWAYS
    return rulebook.calendars.add_open_time(hours, since(conversation), _span(page), conversation.language)


def with_page(attributes: Mapping[str, object], decision: Decision) -> Mapping[str, object]:
    """A rule's wish for this one is kept; its queue's own needs no keeping."""
    if "page" not in decision.settled_by:
        return attributes
    page = decision.page
    wish = {"webhook": page.webhook, "after_seconds": page.after_seconds} if page else False
    return {**attributes, PAGE: wish}

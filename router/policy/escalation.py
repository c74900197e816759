"""Whom to call because nobody takes a conversation: counted from its arrival, whatever queue it is moved to meanwhile. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from conversation.model import conversation as thread
from conversation.model.conversation import Conversation
from conversation.model.routing_state import Escalation
from router.hours.calendars import ALWAYS
from router.rules.queues import Queue
from router.rules.rulebook import RuleBook


def due(conversation: Conversation, queue: Queue | None, rulebook: RuleBook, now: datetime) -> Sequence[str]:
    """The webhooks to call now: what was fixed in an earlier queue, and what this queue or a rule asks for."""
    if not conversation.state.is_unheld:
        return ()
    names = [name for name, at in conversation.routing.alerts_due.items() if at <= now]
    page = _own(conversation, queue)
    if page is not None and page.webhook not in names and since(conversation) + _span(page) <= now:
        at = _due_at(conversation, queue, rulebook, page)  # open time is never shorter than the time on the wall
        names += [page.webhook] if at is not None and at <= now else []
    return names


def called(conversation: Conversation, names: Sequence[str], now: datetime) -> Conversation:
    """These were called: not again before it waits anew."""
    routing = conversation.routing
    alerted = {**routing.alerted, **dict.fromkeys(names, now)}
    later = {name: at for name, at in routing.alerts_due.items() if name not in names}
    after = replace(routing, alerted=alerted, alerted_at=None, alerts_due=later)
    return replace(conversation, routing=after, updated_at=now)


def transferred(
    conversation: Conversation, queue: str, rulebook: RuleBook, now: datetime, *, page: Escalation | None = None
) -> Conversation:
    """In another queue, with the page that it waits for. `page` is that of a queue which the rules do not know any more."""
    alerts = dict(conversation.routing.alerts_due)
    left = rulebook.queues.get(conversation.queue)
    own = _own(conversation, left, page) if conversation.state.is_unheld else None
    at = _due_at(conversation, left, rulebook, own) if own is not None else None
    if own is not None and at is not None:
        alerts[own.webhook] = min(at, alerts.get(own.webhook, at))
    after = thread.transfer(conversation, queue, now)
    return replace(after, routing=replace(after.routing, alerts_due=alerts)) if alerts else after


def since(conversation: Conversation) -> datetime:
    """Since when nobody took it: what somebody held, or sent to another queue, waits anew."""
    began = conversation.waiting_since or conversation.updated_at
    requeued = conversation.routing.queued_at
    return began if requeued is None else max(began, requeued)


def _own(conversation: Conversation, queue: Queue | None, instead: Escalation | None = None) -> Escalation | None:
    """A rule's wish for this conversation before its queue's page, unless that webhook was called in this wait."""
    routing = conversation.routing
    page = routing.escalation or (queue.page if queue is not None else instead)
    if page is None or routing.escalation_off or page.webhook in routing.alerted:
        return None
    return None if routing.alerted_at is not None and routing.alerted_at >= since(conversation) else page


def _span(page: Escalation) -> timedelta:
    return timedelta(seconds=page.after_seconds)


def _due_at(conversation: Conversation, queue: Queue | None, rulebook: RuleBook, page: Escalation) -> datetime | None:
    hours = queue.hours if queue is not None else ALWAYS
    return rulebook.calendars.add_open_time(hours, since(conversation), _span(page), conversation.language)

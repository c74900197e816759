"""What follows when somebody waits too long: another queue that can serve them, and a page. Pure; the ticker does it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from conversation.model.conversation import Conversation
from router.policy import escalation
from router.rules.queues import Queue
from router.rules.rulebook import RuleBook


@dataclass(frozen=True, slots=True)
class Wait:
    """One conversation that waits in a queue, at an instant."""

    conversation: Conversation
    queue: Queue
    rulebook: RuleBook
    now: datetime

    def pages(self) -> Sequence[str]:
        """The webhooks to call now, because nobody took it in open time."""
        return escalation.due(self.conversation, self.queue, self.rulebook, self.now)

    def overflows(self) -> Iterator[str]:
        """The queues it may go to now; a queue that time brought it to has its own time first."""
        since, moved = escalation.since(self.conversation), self.conversation.routing.overflowed_at
        since = since if moved is None else max(since, moved)
        return (step.queue for step in self.queue.overflow if self._is_over(since, step.after))

    def over_to(self, queue: str) -> Conversation:
        """The conversation in that queue; the page that it waits for goes with it."""
        after = escalation.transferred(self.conversation, queue, self.rulebook, self.now)
        return replace(after, routing=replace(after.routing, overflowed_at=self.now))

    def paged(self, webhooks: Sequence[str]) -> "Wait":
        """The same with the mark that these were called."""
        return replace(self, conversation=escalation.called(self.conversation, webhooks, self.now))

    def _is_over(self, since: datetime, span: timedelta) -> bool:
        if since + span > self.now:  # open time is never shorter than the time on the wall
            return False
        calendars = self.rulebook.calendars
        due = calendars.add_open_time(self.queue.hours, since, span, self.conversation.language)
        return due is not None and due <= self.now


def soonest(queue: Queue, page: timedelta | None) -> timedelta | None:
    """Before this nothing in the queue can be overdue; None where nothing ever is. `page` is what rules wish for."""
    own = timedelta(seconds=queue.page.after_seconds) if queue.page is not None else None
    spans = (page, own, *(step.after for step in queue.overflow))
    return min((span for span in spans if span is not None), default=None)


def can_serve(queue: str, wait: Wait, duty: frozenset[tuple[str, str]]) -> bool:
    """A target that is closed, or has nobody on duty for the language, is passed over."""
    rulebook, own_language = wait.rulebook, wait.conversation.language
    target = rulebook.queues[queue]
    if not rulebook.calendars.is_open(target.hours, wait.now, own_language):
        return False
    language = (own_language or "").split("-", 1)[0].lower()
    served = {one for name, one in duty if name == queue}
    return "*" in served or language in served or (not language and bool(served))

"""What follows when somebody waits too long: another queue that can serve them, and a page. Pure; the ticker does it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from conversation import thread
from conversation.thread import QUEUED_AGAIN, Conversation
from router.batch import PAGE
from router.parts import Queue
from router.rulebook import RuleBook

PAGED = "paged"  # attribute: when somebody was paged: once for each wait
OVERFLOWED = "overflowed"  # attribute: when time moved it last


@dataclass(frozen=True, slots=True)
class Wait:
    """One conversation that waits in a queue, at an instant."""

    conversation: Conversation
    queue: Queue
    rulebook: RuleBook
    now: datetime

    def page_wish(self) -> str | None:
        """The webhook to call now, because nobody took it in open time."""
        wish = self._wish()
        since = self._since()
        paged = _instant(self.conversation.attributes.get(PAGED))
        if wish is None or (paged is not None and paged >= since):
            return None
        webhook, after = wish
        return webhook if self._is_over(since, after) else None

    def overflows(self) -> Iterator[str]:
        """The queues it may go to now; a queue that time brought it to has its own time first."""
        since, moved = self._since(), _instant(self.conversation.attributes.get(OVERFLOWED))
        since = since if moved is None else max(since, moved)
        return (step.queue for step in self.queue.overflow if self._is_over(since, step.after))

    def over_to(self, queue: str) -> Conversation:
        """The conversation in that queue; for a page it waits as long as before."""
        kept = {**self.conversation.attributes, OVERFLOWED: self.now.isoformat()}
        return replace(thread.transfer(self.conversation, queue, self.now), attributes=kept)

    def paged(self) -> Conversation:
        """The conversation with the mark that somebody was called."""
        marks = {**self.conversation.attributes, PAGED: self.now.isoformat()}
        return replace(self.conversation, attributes=marks, updated_at=self.now)

    def _since(self) -> datetime:
        """Since when nobody took it: what somebody held, or sent to another queue, waits anew."""
        since = self.conversation.waiting_since or self.conversation.updated_at
        again = _instant(self.conversation.attributes.get(QUEUED_AGAIN))
        return since if again is None else max(since, again)

    def _wish(self) -> tuple[str, timedelta] | None:
        """A rule's wish for this conversation before its queue's."""
        asked = self.conversation.attributes.get(PAGE)
        if isinstance(asked, dict):
            return str(asked["webhook"]), timedelta(seconds=float(asked["after_seconds"]))
        page = self.queue.page
        if asked is False or page is None:
            return None
        return page.webhook, timedelta(seconds=page.after_seconds)

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
    rulebook, spoken = wait.rulebook, wait.conversation.language
    target = rulebook.queues[queue]
    if not rulebook.calendars.is_open(target.hours, wait.now, spoken):
        return False
    language = (spoken or "").split("-", 1)[0].lower()
    served = {tongue for name, tongue in duty if name == queue}
    return "*" in served or language in served or (not language and bool(served))


def _instant(told: object) -> datetime | None:
    return datetime.fromisoformat(told) if isinstance(told, str) else None

"""Forgetting a customer: what is open is closed first, as an agent would, and then everything about them is deleted."""

from collections import Counter
from collections.abc import Sequence

from conversation.errors import CallbackRefused, Conflict
from conversation.model import conversation as thread
from conversation.model.events import EventType, NewEvent
from conversation.ports.channel import Blobs, Clock
from conversation.ports.storage import Storage, Work
from conversation.ports.storage.erasure import Erased
from router.flows.callbacks.cancellation import cancelled
from router.policy import notifications

ACTION = "customer.erase"


class Eraser:
    """One transaction: all of it, or nothing."""

    def __init__(self, storage: Storage, blobs: Blobs, clock: Clock) -> None:
        self._storage = storage
        self._blobs = blobs
        self._clock = clock

    async def erase(self, customer: str, *, actor: str) -> Erased:
        """What became of their rows. Raises `NotFound`, and `Conflict` "on_the_line" while they are being called."""
        now = self._clock.now()
        async with self._storage.begin("erase") as work:
            events = [await self._lay_down(work, one) for one in await work.erasure.lock(customer)]
            await work.events.add(events, now=now)
            persons = [customer, *await work.erasure.linked_customers(customer)]
            erased = _together([await work.erasure.erase(one, now=now) for one in persons])
            for key in erased.keys:  # before the commit: a file without its row would never be found again
                await self._blobs.delete(key)
            data = {name: count for name, count in erased.rows.items() if count}
            await work.rulebooks.audit(actor=actor, action=ACTION, subject=customer, data=data, now=now)
            work.hint(*notifications.hints(queues=sorted({one.queue for one in events if one.queue})))
        return erased

    async def _lay_down(self, work: Work, conversation: str) -> NewEvent:
        now, before = self._clock.now(), await work.conversations.lock(conversation)
        asked = await work.callbacks.of_conversation(conversation)
        if asked is not None and asked.open:
            try:
                await cancelled(work, await work.callbacks.lock(asked.id), now)
            except CallbackRefused as refused:
                detail = "this customer is being called: try again when the call is over"
                raise Conflict(detail, code=refused.code) from None
        if not before.state.is_open:
            return notifications.conversation_event(EventType.UPDATED, before)
        after = thread.close(before, now)
        await work.conversations.move(before, after)
        return notifications.conversation_event(EventType.CLOSED, after, was=before, agent=before.holder)


def _together(each: Sequence[Erased]) -> Erased:
    rows: Counter[str] = Counter()
    for one in each:
        rows.update(one.rows)
    return Erased(rows=rows, keys=[key for one in each for key in one.keys])

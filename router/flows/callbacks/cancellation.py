"""A call that nobody is to make any more: its place is free again, and its conversation is laid down. Under the locks of both."""

from dataclasses import replace
from datetime import datetime

from conversation.errors import CallbackRefused
from conversation.model import callback as calling
from conversation.model import conversation as thread
from conversation.model.callback import Callback
from conversation.model.conversation import Conversation
from conversation.model.events import EventType
from conversation.model.people import WorkKind
from conversation.ports.storage import Work
from router.policy import notifications
from router.policy.callback_plan import Cans


async def call_off(work: Work, before: Conversation, found: Callback, *, cans: Cans, now: datetime) -> Callback:
    """Cancelled, and its conversation released. Raises `CallbackRefused` "on_the_line"."""
    gone = await cancelled(work, found, now)
    await _release_conversation(work, before, cans, now)
    return gone


async def cancelled(work: Work, found: Callback, now: datetime) -> Callback:
    """Its place is free again. Raises `CallbackRefused` "on_the_line": nobody is cut off."""
    if found.state in calling.ON_THE_LINE:
        raise CallbackRefused("on_the_line")
    gone = await work.callbacks.move(found, calling.cancel(found, now))
    await work.callbacks.unbook(found.id)
    return gone


async def _release_conversation(work: Work, before: Conversation, cans: Cans, now: datetime) -> None:
    """What was written besides waits again as what it was, and else there is nothing to do."""
    if not before.state.is_open or before.owner is not None:
        return
    work_of = [can.work for name in before.channels if (can := cans.get(name)) is not None and not can.calls]
    if not work_of:
        after, kind = thread.close(before, now), EventType.CLOSED
    elif before.kind is WorkKind.CALLBACK:
        after, kind = replace(_free(before, now), kind=work_of[-1]), EventType.UPDATED
    else:
        return
    await work.conversations.move(before, after)
    event = notifications.conversation_event(kind, after, was=before, agent=before.offered_to, callback="cancelled")
    await work.events.add([event], now=now)
    work.hint(*notifications.hints(queues=[after.queue]))


def _free(before: Conversation, now: datetime) -> Conversation:
    """It waits, with the place that it has by what was written last."""
    free = before
    if before.is_asleep:
        free = thread.wake(before, now)
    elif before.offered_to is not None:
        free = thread.release(before, now)
    return replace(free, passed=(), waiting_since=before.last_inbound_at or free.waiting_since)

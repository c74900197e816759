"""Events about a conversation for screens and webhooks, and the hints that go to other nodes after the commit. Pure."""

from collections.abc import Iterable, Sequence

from conversation.model.conversation import Conversation
from conversation.model.events import EventType, Hint, NewEvent, Topic
from conversation.model.message import Direction, Message

_OF_DIRECTION = {
    Direction.IN: EventType.RECEIVED,
    Direction.OUT: EventType.SENT,
    Direction.NOTE: EventType.NOTE,
}


def conversation_event(
    kind: EventType,
    now: Conversation,
    *,
    was: Conversation | None = None,
    message: str | None = None,
    agent: str | None = None,
    **data: object,
) -> NewEvent:
    """An event about a conversation as it stands now; `was` lets those see it who lose it by this, and is read by reports."""
    before = {} if was is None else {"was_state": was.state.value}
    return NewEvent(
        type=kind,
        conversation=now.id,
        message=message,
        queue=now.queue,
        was_queue=was.queue if was is not None and was.queue != now.queue else None,
        owner=now.owner or now.offered_to,
        agent=agent,
        data={"state": now.state.value, **before, **data},
    )


def message_event(message: Message, conversation: Conversation, *, agent: str | None = None) -> NewEvent:
    """A message was written in it."""
    kind = _OF_DIRECTION[message.direction]
    return conversation_event(
        kind, conversation, message=message.id, agent=agent, seq=message.seq, status=message.status.value
    )


def status_event(message: Message, conversation: Conversation) -> NewEvent:
    """An outbound message moved on its ladder."""
    return conversation_event(
        EventType.STATUS,
        conversation,
        message=message.id,
        seq=message.seq,
        status=message.status.value,
        error=message.error,
    )


def change_event(message: Message, conversation: Conversation) -> NewEvent:
    """A message is not what it was: edited, taken back, reacted to, or a file of it is there."""
    return conversation_event(EventType.CHANGED, conversation, message=message.id, seq=message.seq)


def hints(*, visitors: Iterable[str] = (), queues: Iterable[str] = (), targets: Iterable[str] = ()) -> Sequence[Hint]:
    """One hint for each topic that has somebody to wake."""
    by_topic = ((Topic.VISITORS, visitors), (Topic.WORK, queues), (Topic.OUTBOX, targets))
    named = ((topic, tuple(sorted(set(keys)))) for topic, keys in by_topic)
    return [Hint(topic=topic, keys=keys) for topic, keys in named if keys]


def frees(before: Conversation, after: Conversation) -> bool:
    """Whether an agent's capacity became free, or work began to wait: distribution should look."""
    waits = after.is_waiting and not before.is_waiting
    moved = after.is_waiting and after.queue != before.queue
    return waits or moved or (before.holder is not None and before.holder != after.holder)

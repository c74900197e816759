"""The frames of the events socket: their closed shapes, for clients that are generated and for the tests that hold every frame to them."""

from datetime import datetime
from typing import Any, Literal

from pydantic import ConfigDict, Field

from conversation.model.conversation import State
from conversation.model.events import EventType
from desk.representation.schemas import AgentRef, ConversationOut, MessageOut, Output

_PASSING = (EventType.QUEUE, EventType.TYPING)


class EventData(Output):
    """What changed. Which fields there are depends on `type`."""

    model_config = ConfigDict(extra="allow", frozen=True)

    state: State | None = Field(None, description="the conversation's state now")
    was_state: State | None = Field(None, description="its state before")
    seq: int | None = Field(None, description="of the message")
    status: str | None = Field(None, description="of the message")
    error: str | None = Field(None, description="why a message, or the call of a webhook, failed")
    presence: Literal["online", "away", "offline"] | None = Field(None, description="of `agent`, in `presence.changed`")
    webhook: str | None = Field(None, description="in `webhook.failed`")
    call: str | None = Field(None, description="the id of that call")


class Event(Output):
    """Something happened that the caller may see. With a cursor: it comes once, and is repeated after a reconnection from an older cursor."""

    cursor: int
    at: datetime
    type: Literal[*(one.value for one in EventType if one not in _PASSING)]  # type: ignore[valid-type]
    conversation: str | None = Field(description="its id; null in `presence.changed`")
    visible: Literal[True]
    agent: AgentRef | None = Field(description="who did it, where an agent did")
    data: EventData
    snapshot: ConversationOut | None = Field(
        None, description="the conversation as it stood; without `unread`, `preview` and `reply`"
    )
    message: MessageOut | None = Field(None, description="the message that the event is about")


class Hidden(Output):
    """A conversation that the caller may not see any more: it was handed to a queue that they do not serve. Remove it from lists."""

    cursor: int
    at: datetime
    type: Literal["conversation.updated"]
    conversation: str
    visible: Literal[False]


class QueueLength(Output):
    """How many wait in a queue, and since when. A passing frame without a cursor: a later one replaces it."""

    waiting: int
    oldest_waiting_since: datetime | None


class QueueChanged(Output):
    """A queue grew or shrank; at most twice a second."""

    type: Literal["queue.changed"]
    conversation: None
    queue: str
    data: QueueLength


class Typing(Output):
    """Somebody types in a conversation. A passing frame without a cursor; forget it after five seconds."""

    type: Literal["typing"]
    conversation: str | None
    from_: Literal["customer", "agent"] | None = Field(alias="from")
    agent: dict[str, Any] | None


FRAMES = (Event, Hidden, QueueChanged, Typing)

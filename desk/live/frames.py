"""What the events socket says: events with the conversation as it stands and the message, read once for all who listen."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel

from conversation.model.conversation import Conversation
from conversation.model.events import Event, EventType, Hint
from conversation.model.message import Message
from conversation.model.people import Agent
from conversation.ports.storage import Work
from desk.representation.serializers import Names, agent_ref, conversation_out, message_out, names_for, writers
from router.policy.permissions import may_see, sees_all, serves
from router.rules.rulebook import RuleBook


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFrame:
    """One event, written once: `frame` for whoever may see it, `hidden` for whoever loses it by this."""

    event: Event
    conversation: Conversation | None
    frame: str
    hidden: str

    def for_agent(self, agent: Agent, rulebook: RuleBook) -> str | None:
        """The frame for this agent; None where they may not see it."""
        if self.event.conversation is None:
            return self.frame
        if self.conversation is None:
            return None
        if may_see(agent, self.conversation, rulebook):
            return self.frame
        return self.hidden if _saw(agent, self.event, rulebook) else None


def _saw(agent: Agent, event: Event, rulebook: RuleBook) -> bool:
    if agent.id in (event.owner, event.data.get("was_owner")):
        return True
    return any(_serves(agent, name, rulebook) for name in (event.queue, event.was_queue))


def looks_after(agent: Agent, queue: object, rulebook: RuleBook) -> bool:
    """Whether what happens in this queue is their business."""
    return sees_all(agent) or _serves(agent, queue, rulebook)


def _serves(agent: Agent, name: object, rulebook: RuleBook) -> bool:
    queue = rulebook.queues.get(name) if isinstance(name, str) else None
    return queue is not None and serves(agent, queue)


async def frames_after(work: Work, rulebook: RuleBook, cursor: int, *, limit: int) -> list[EventFrame]:
    """The events after a cursor, ready to be sent: one read for each table, not for each event."""
    events = await work.events.after(cursor, limit=limit)
    if not events:
        return []
    conversations = await work.conversations.find(sorted({e.conversation for e in events if e.conversation}))
    messages = await work.messages.find(sorted({e.message for e in events if e.message}))
    people = {event.agent for event in events} | writers(messages.values())
    names = await names_for(work, rulebook, conversations.values(), agents=people)
    return [_frame_of(event, conversations, messages, names) for event in events]


def _frame_of(
    event: Event, conversations: Mapping[str, Conversation], messages: Mapping[str, Message], names: Names
) -> EventFrame:
    conversation = conversations.get(event.conversation or "")
    message = messages.get(event.message or "")
    agent = agent_ref(names, event.agent)
    fields: dict[str, object] = {
        "cursor": event.cursor,
        "at": _instant(event.at),
        "type": event.type.value,
        "conversation": event.conversation,
        "visible": True,
        "agent": _json(agent) if agent else None,
        "data": dict(event.data),
    }
    if conversation is not None:
        shown = _json(conversation_out(conversation, names))
        for name in ("unread", "preview", "reply"):  # each reader has their own count; the others are asked for
            del shown[name]
        fields["snapshot"] = shown
    if message is not None:
        fields["message"] = _json(message_out(message, names))
    return EventFrame(event=event, conversation=conversation, frame=_text(fields), hidden=_hidden(event))


def _hidden(event: Event) -> str:
    return _text(
        {
            "cursor": event.cursor,
            "at": _instant(event.at),
            "type": EventType.UPDATED.value,
            "conversation": event.conversation,
            "visible": False,
        }
    )


def _instant(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")  # as everywhere else on this surface


def _json(model: BaseModel) -> dict[str, object]:
    return model.model_dump(mode="json")


def _text(fields: Mapping[str, object]) -> str:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Typing:
    """Somebody types: a passing thing without a cursor."""

    frame: str
    typist: str | None
    queue: str | None
    owner: str | None

    def for_agent(self, agent: Agent, rulebook: RuleBook) -> bool:
        """Whether this agent looks at such conversations, and is not the one who types."""
        if agent.id == self.typist:
            return False
        return sees_all(agent) or agent.id == self.owner or _serves(agent, self.queue, rulebook)


def typing_of(hints: Sequence[Hint]) -> list[Typing]:
    """The hints that name a conversation."""
    return [_typing(hint) for hint in hints if isinstance(hint.data.get("conversation"), str)]


def _typing(hint: Hint) -> Typing:
    def word(name: str) -> str | None:
        value = hint.data.get(name)
        return value if isinstance(value, str) else None

    fields = {
        "type": EventType.TYPING.value,
        "conversation": word("conversation"),
        "from": word("from"),
        "agent": {"id": word("agent"), "name": word("name")} if word("agent") else None,
    }
    return Typing(frame=_text(fields), typist=word("agent"), queue=word("queue"), owner=word("owner"))

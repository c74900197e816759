"""The frames of a visitor's socket in both directions: their shapes, for clients that are written or generated."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from channels.webchat.normalize import LONGEST_CLIENT_ID, LONGEST_SEQ, MOST_ATTACHMENTS
from conversation.model.message import AuthorKind, Direction, Status


class Frame(BaseModel):
    """A frame, or a part of one."""

    model_config = ConfigDict(extra="forbid", frozen=True)


# -- from the page -----------------------------------------------------------------------------------------------------


class HelloContent(Frame):
    """Who connects, and what they have."""

    token: str = Field(description="of `POST /chat/{channel}/sessions`")
    last_seq: int = Field(0, ge=0, le=LONGEST_SEQ, description="the `seq` of the last message that the page has")


class Hello(Frame):
    """The first frame, within ten seconds."""

    hello: HelloContent


class SendContent(Frame):
    """What the visitor says. Text, files, or both."""

    id: str = Field(
        max_length=LONGEST_CLIENT_ID, description="made by the page, a UUID for example; a repeat is stored once"
    )
    text: str = ""
    attachments: list[str] = Field(
        default_factory=list, max_length=MOST_ATTACHMENTS, description="ids of uploaded files"
    )
    language: str | None = Field(None, description="a language that the visitor chose on the page")


class Send(Frame):
    """A message. Answered by `sent`, after the commit, or by `error`."""

    send: SendContent


class TypingFrame(Frame):
    """The visitor types."""

    typing: bool | dict[str, object]


class SeenContent(Frame):
    """Up to where."""

    seq: int = Field(ge=0, le=LONGEST_SEQ)


class Seen(Frame):
    """The visitor has read everything up to a message."""

    seen: SeenContent


# -- to the page -------------------------------------------------------------------------------------------------------


class AuthorContent(Frame):
    """Who said it; of agents the public name alone."""

    kind: AuthorKind
    name: str | None = None


class AttachmentContent(Frame):
    """A file. Its bytes are at `url`, with the session's token as bearer."""

    id: str
    name: str
    type: str
    size: int
    url: str


class MessageContent(Frame):
    """A message as the visitor sees it."""

    seq: int | None
    id: str
    conversation: str
    direction: Direction
    author: AuthorContent
    text: str
    attachments: list[AttachmentContent]
    status: Status
    sent_at: datetime
    choices: list[str] | None = Field(
        None, description="answers to choose from, shown as buttons; `text` has them as lines, too"
    )
    client_id: str | None = Field(None, description="the page's own id, in messages that this visitor sent")


class MessageFrame(Frame):
    """A message, in the order of `seq`, each once on a connection."""

    message: MessageContent


class SentContent(Frame):
    """Where the message stands."""

    id: str = Field(description="the page's own")
    seq: int | None
    conversation: str | None


class Sent(Frame):
    """A message is stored, also where it was stored before under this id."""

    sent: SentContent


class StatusContent(Frame):
    """Whether somebody answers now."""

    open: bool
    next_opening: datetime | None
    next_opening_words: str | None = Field(None, description="the next opening, written out in the visitor's language")
    position: int | None = Field(None, description="the place in the queue, from 1")
    wait: int | None = Field(None, description="the expected wait in seconds")


class StatusFrame(Frame):
    """Whether somebody answers now; after `hello` and whenever it changes."""

    status: StatusContent


class AgentTypingContent(Frame):
    """Who types."""

    name: str | None


class AgentTyping(Frame):
    """An agent types. Forget it after five seconds."""

    typing: AgentTypingContent


class ReadFrame(Frame):
    """An agent has read everything up to a message."""

    read: SeenContent


class FieldError(Frame):
    """One field at fault."""

    field: str
    code: str
    message: str


class ErrorContent(Frame):
    """What was refused and why."""

    code: str = Field(
        description="malformed, invalid, attachment_gone, idempotency_mismatch, refused, overloaded or store_unavailable"
    )
    detail: str
    id: str | None = Field(None, description="of the message that was refused")
    errors: list[FieldError] | None = None
    retry_after: int | None = Field(None, description="seconds after which the same frame may be sent again")


class ErrorFrame(Frame):
    """A frame was refused; the socket stays open."""

    error: ErrorContent


FROM_VISITOR = (Hello, Send, TypingFrame, Seen)
TO_VISITOR = (MessageFrame, Sent, StatusFrame, AgentTyping, ReadFrame, ErrorFrame)

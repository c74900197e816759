"""Outbound messages for a channel, and the rows of the outbox that carry them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from conversation.model.message import Attachment
from conversation.model.people import Identity

CALL_EXPIRES = timedelta(minutes=15)  # a freeze or a page that waited longer never leaves by itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Quoted:
    """An earlier message, as it is quoted. `author` None: the customer."""

    author: str | None
    at: datetime
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundMessage:
    """One message for one identity. `id` is the message's id: the idempotency key wherever a provider takes one.

    `sent` holds the provider's ids of parts that already left in an earlier try. `missed` says that it was said in another
    medium first and not read there; `quoted` is then what went before it, oldest first, for who may read that again.
    `references` are the medium's ids of what went before `reply_to`, oldest first.
    `reply_until` is the end of the medium's window for answers; `reply_token` is the newest one not yet used. `template` names
    a text that the provider approved beforehand, `parameters` fill it: lawful where the window is closed.
    """

    id: str
    conversation: str
    reference: str
    channel: str
    to: Identity
    text: str
    author_name: str | None = None
    html: str | None = None
    language: str | None = None
    subject: str | None = None
    reply_to: str | None = None
    references: tuple[str, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    created_at: datetime | None = None
    automatic: bool = False
    reply_until: datetime | None = None
    reply_token: str | None = None
    template: str | None = None
    parameters: tuple[str, ...] = ()
    sent: tuple[str, ...] = ()
    missed: bool = False
    quoted: tuple[Quoted, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The provider took it: its ids, one for each part, the first names the message."""

    external_ids: tuple[str, ...]
    delivered: bool = False


class OutboxState(StrEnum):
    """`queued` and `sending` are on their way; `uncertain` waits for a receipt or a person; `parked` is a bug to look at."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    UNCERTAIN = "uncertain"
    PARKED = "parked"


class Effect(StrEnum):
    """What kind of thing leaves: a message over a channel, or a signed webhook."""

    MESSAGE = "message"
    WEBHOOK = "webhook"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxRow:
    """One thing that must leave, as it was claimed. Only the head of a conversation can be claimed.

    `target` is the channel's or the webhook's name; `payload` the webhook's body; `epoch` guards every write of the holder.
    """

    id: str
    effect: Effect
    target: str
    created_at: datetime
    conversation: str | None = None
    message: OutboundMessage | None = None
    payload: Mapping[str, object] = field(default_factory=dict)
    attempts: int = 0
    epoch: int = 0
    give_up_at: datetime | None = None

    @property
    def deadline(self) -> datetime | None:
        """After that it is not tried again by itself. A call of a webhook always has one."""
        if self.give_up_at is not None or self.effect is Effect.MESSAGE:
            return self.give_up_at
        return self.created_at + CALL_EXPIRES


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookCall:
    """A call of a webhook to which no 2xx has come. `error` says why; `failed` ones never leave by themselves."""

    id: str
    webhook: str
    conversation: str | None
    type: str
    state: OutboxState
    created_at: datetime
    attempts: int
    epoch: int
    error: str | None

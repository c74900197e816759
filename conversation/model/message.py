"""What is said: messages and attachments, and the events that a channel's `normalize` makes of raw bytes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from conversation.model.people import Identity


class Direction(StrEnum):
    """From the customer, to the customer, or between agents only."""

    IN = "in"
    OUT = "out"
    NOTE = "note"


class Status(StrEnum):
    """The status of a message. Outbound: queued < sending < sent < delivered < read; outside this order failed, uncertain, suppressed.

    `suppressed`: an automatic answer that was kept back on purpose, so that machines come to an end.
    """

    RECEIVED = "received"
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"
    UNCERTAIN = "uncertain"
    SUPPRESSED = "suppressed"


LADDER = (Status.QUEUED, Status.SENDING, Status.SENT, Status.DELIVERED, Status.READ)


def advance(now: Status, reported: Status) -> Status:
    """The status after a report: it only moves up the ladder; `failed` gives way to a later delivery only.

    `uncertain` is settled by any report of success or failure.
    """
    if now is Status.UNCERTAIN:
        return reported
    if now is Status.FAILED:
        return reported if reported in (Status.DELIVERED, Status.READ) else now
    if reported in (Status.FAILED, Status.UNCERTAIN, Status.SUPPRESSED):
        return reported if now in (Status.QUEUED, Status.SENDING, Status.SENT) else now
    if now not in LADDER or reported not in LADDER:
        return now
    return max(now, reported, key=LADDER.index)


class AuthorKind(StrEnum):
    """Who speaks."""

    CUSTOMER = "customer"
    AGENT = "agent"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """Who said it. `id` is an agent's or an identity's id; the system has none."""

    kind: AuthorKind
    id: str | None = None
    name: str | None = None


PROVIDER = "provider:"  # before what an account needs to ask for a file that its provider keeps


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file of a message. `size` is in bytes; `url` is set while the bytes still lie with the provider.

    It is a public http(s) URL, or `PROVIDER` and whatever the account's own `fetch` needs to ask for them. `fault` is the code
    of why they could not be had: "expired", "too_large", "refused" ...
    """

    id: str
    name: str
    type: str
    size: int = 0
    sha256: str | None = None
    inline: bool = False
    url: str | None = None
    fault: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction:
    """What somebody (`by`, an identity's id) put on a message last. `emoji` None: they took it away again."""

    by: str
    emoji: str | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One thing said in a conversation.

    `seq` counts 1, 2, 3 ... within the conversation without a gap. `feed_seq` counts within one identity's own view of all
    its conversations, without notes; it is None for what that identity may not see. `external_id` is the provider's id,
    unique with `channel` for ever. `error` is in words that an agent can act on.

    `reply_to` is the medium's id of what it answers. `first_text` is what an edited message said first. A retracted message is
    empty. `raw` is the row in quarantine that keeps the bytes of an `unsupported` kind. `doubt` as in `MessageReceived`.
    """

    id: str
    conversation: str
    seq: int
    direction: Direction
    author: Author
    text: str
    created_at: datetime
    channel: str | None = None
    identity: str | None = None
    html: str | None = None
    attachments: tuple[Attachment, ...] = ()
    status: Status = Status.RECEIVED
    external_id: str | None = None
    client_id: str | None = None
    sent_at: datetime | None = None
    feed_seq: int | None = None
    error: str | None = None
    reply_to: str | None = None
    album: str | None = None
    unsupported: str | None = None
    doubt: str | None = None
    references: tuple[str, ...] = ()
    raw: str | None = None
    template: str | None = None
    first_text: str | None = None
    edited_at: datetime | None = None
    retracted_at: datetime | None = None
    reactions: tuple[Reaction, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackRequested:
    """A customer asks to be called. `slot` (its beginning) None means as soon as possible.

    `number` is E.164, `extension` is dialed after it; `zones` are where the customer may be, the first is shown. `token` is a
    conversation's id proven by a signature of ours; `proven`: a code that was sent to the number came back. `external_id` names
    the place that is held in the slot, `queue` the queue whose agents keep it.
    """

    channel: str
    external_id: str
    sender: Identity
    number: str
    received_at: datetime
    language: str | None = None
    issue: str | None = None
    slot: datetime | None = None
    note: str | None = None
    consent: bool = False
    extension: str = ""
    zones: tuple[str, ...] = ("UTC",)
    locale: str | None = None
    token: str | None = None
    proven: bool = False
    queue: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageReceived:
    """A customer wrote. Everything a channel can say of it, already verified where it says so.

    `language` and `issue` are explicit choices of the sender or of the channel's form; `locale` is only a hint.
    `token` is a conversation id proven by a signature of ours; `machine` names a robot ("auto-reply", "list", ...).
    `reply_to` names what it answers: where that is a conversation's id, it counts only if the sender's customer has it.
    `reply_to` may also be the medium's id of an earlier message. `album` is shared by files that were sent as one.
    `subject` is kept with the conversation that the message opens, and answers carry it.
    `unsupported` is the medium's own word for a kind that is not understood: its `raw` bytes are kept with the message.
    `reply_until` is when the medium stops letting us answer, as this message moved it; `reply_token` is good for one answer.
    `doubt` says why the sender may be somebody else: "unproven", "forged" or "unparsable". `apart`: it may only join what `token` names.
    `quiet`: nothing automatic is said to it. `references` are the medium's ids of what went before it, oldest first.
    `callback` is the request that this message describes. `raw` is what arrived, kept only while the event is on its way.
    """

    channel: str
    external_id: str
    sender: Identity
    text: str
    received_at: datetime
    sent_at: datetime | None = None
    html: str | None = None
    attachments: tuple[Attachment, ...] = ()
    language: str | None = None
    locale: str | None = None
    issue: str | None = None
    subject: str | None = None
    reply_to: str | None = None
    token: str | None = None
    machine: str | None = None
    album: str | None = None
    unsupported: str | None = None
    doubt: str | None = None
    apart: bool = False
    quiet: bool = False
    references: tuple[str, ...] = ()
    reply_until: datetime | None = None
    reply_token: str | None = None
    attributes: Mapping[str, object] = field(default_factory=dict)
    callback: CallbackRequested | None = None
    raw: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageEdited:
    """A customer changed what they had said. The first wording is kept. `edited_at` orders edits of one message."""

    channel: str
    external_id: str
    text: str
    received_at: datetime
    sender: Identity | None = None
    edited_at: datetime | None = None
    raw: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRetracted:
    """A customer took back what they had said (`external_id`): nobody is shown it any more, agents neither."""

    channel: str
    external_id: str
    received_at: datetime
    sender: Identity | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageReacted:
    """A customer put an emoji on a message, ours or their own (`external_id`). None takes it away again."""

    channel: str
    external_id: str
    sender: Identity
    emoji: str | None
    received_at: datetime
    sent_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageEchoed:
    """Somebody answered the customer `to` in the provider's own app: no message of this service.

    The echo of a message that this service sent carries that message's own `external_id` and changes nothing.
    """

    channel: str
    external_id: str
    to: Identity
    text: str
    received_at: datetime
    sent_at: datetime | None = None
    attachments: tuple[Attachment, ...] = ()
    author_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactChanged:
    """A medium reports about a customer: blocked us or let us in again (`reachable`), or moved to `new_address`.

    Where the customer has no name yet, that of `sender` becomes theirs.
    """

    channel: str
    external_id: str
    sender: Identity
    received_at: datetime
    reachable: bool | None = None
    new_address: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryReported:
    """A provider, or the customer's own page, reports how an outbound message fares.

    `external_id` is the provider's id of our message, or our own message id where the provider takes one. Where a medium
    only says "everything before", `up_to` is that instant and `to` the customer's address; `external_id` is then the report's own.
    `error` is a stable code and words, `refused: no such sticker`, as where a send fails.
    `raw` is what arrived, where it is to be kept.
    """

    channel: str
    external_id: str
    status: Status
    received_at: datetime
    error: str | None = None
    to: str | None = None
    up_to: datetime | None = None
    raw: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Malformed:
    """One item of a batch that could not be read: its mates are accepted, its own `raw` bytes go to quarantine.

    An item that was read, and that this service has no use for, has the code "unsupported".

    `external_id` is the sender's id of the item, or its place in the batch; it is answered in `Accepted.external_id`.
    """

    channel: str
    external_id: str
    received_at: datetime
    raw: bytes
    reason: str
    code: str = "malformed"


InboundEvent = (
    MessageReceived
    | MessageEdited
    | MessageRetracted
    | MessageReacted
    | MessageEchoed
    | ContactChanged
    | DeliveryReported
    | CallbackRequested
    | Malformed
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """What became of one inbound event, known after the commit.

    `quarantined` is the row's id where it could not be read; `attachment_gone` says that it names a file that is not there any more.
    """

    external_id: str
    conversation: str | None
    message: str | None
    queue: str | None
    duplicate: bool = False
    seq: int | None = None
    feed_seq: int | None = None
    quarantined: str | None = None
    attachment_gone: bool = False

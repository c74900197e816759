"""What the API answers: the closed shapes of section 3 of the public surface. Made by `serializers.py` only."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from channels.supervisor import Health
from conversation.model.conversation import PriorityName, State
from conversation.model.message import AuthorKind, Direction, Status
from conversation.model.people import Presence, Role, WorkKind
from router.policy.delivery_result import CallProgress

ItemT = TypeVar("ItemT")
Doubt = Literal["unproven", "forged", "unparsable"]


class Output(BaseModel):
    """What goes out."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Page(Output, Generic[ItemT]):
    """A part of a list; ask again with `next` as the cursor until it is null."""

    items: list[ItemT]
    next: str | None = None


class AgentRef(Output):
    """An agent, named."""

    id: str
    name: str


class CustomerRef(Output):
    """A customer, named."""

    id: str
    name: str | None = None
    verified: bool = False
    language: str | None = None


class ReachOut(Output):
    """How the customer can be answered now."""

    channel: str
    open: Literal["anything", "persons", "templates", "nobody"] = Field(
        description="persons: no automatic replies; nobody: blocked, or closed for good"
    )
    until: datetime | None = Field(None, description="after that it is less")
    templates: list[str] = Field(description="texts that the provider approved beforehand")
    channels: list[str] = Field(description="the customer's other channels on which an answer may leave now")


class FailedCallOut(Output):
    """A webhook that was not called about a conversation, and why."""

    webhook: str
    at: datetime
    reason: str


class ConversationOut(Output):
    """One matter of one customer. `unread` is the caller's own count; in events it is left out."""

    id: str
    reference: str
    state: State
    queue: str
    queue_title: dict[str, str] = Field(description="by language; * serves the others")
    assignee: AgentRef | None = Field(description="the owner")
    offered_to: AgentRef | None = None
    offer_until: datetime | None = None
    language: str | None
    issue: str | None
    priority: PriorityName
    customer: CustomerRef
    kind: WorkKind = Field(description="what kind of work")
    channel: str = Field(description="where an answer goes unless another channel is named")
    channels: list[str]
    labels: list[str]
    attributes: dict[str, Any]
    failed_calls: list[FailedCallOut] = Field(
        default_factory=list,
        description="webhooks that were not called about it: somebody must do by hand what they do",
    )
    linked: str | None = None
    last_seq: int
    last_inbound_at: datetime | None = None
    waiting_since: datetime | None = None
    due: datetime | None
    due_reason: Literal["first_response", "reply_window"] | None = Field(
        None, description="reply_window: the medium lets nobody answer after that"
    )
    reply_until: datetime | None = Field(None, description="the end of the medium's window for answers")
    blocked_at: datetime | None = Field(None, description="since when this customer has blocked us on that channel")
    reply: ReachOut | None = Field(None, description="one conversation only")
    snoozed_until: datetime | None = None
    closed_at: datetime | None = None
    created_at: datetime
    updated_at: datetime
    unread: int | None = None
    preview: str | None = Field(None, description="how the newest message begins; lists only")


class AuthorOut(Output):
    """Who said it."""

    kind: AuthorKind
    id: str | None = None
    name: str | None = None


class AttachmentOut(Output):
    """A file of a message; fetched from /api/v1/attachments/{id}."""

    id: str
    name: str
    type: str
    size: int
    inline: bool = False
    waiting: bool = Field(False, description="its bytes still lie with the provider and are being fetched")
    fault: str | None = Field(
        None,
        description="why it cannot be had: expired, too_large, type_refused, refused, address_refused, unreachable ...",
    )


class ReactionOut(Output):
    """An emoji on a message."""

    emoji: str
    at: datetime


class MessageOut(Output):
    """One thing said. `sent_at` is when the channel took it, or when the customer sent it."""

    id: str
    conversation: str
    seq: int
    direction: Direction = Field(description="in, out, or note: for agents only")
    channel: str | None
    author: AuthorOut
    text: str
    html: str | None = None
    attachments: list[AttachmentOut]
    doubt: Doubt | None = Field(None, description="why the sender may be somebody else")
    status: Status
    error: str | None = None
    client_id: str | None = None
    sent_at: datetime | None
    created_at: datetime
    reply_to: str | None = Field(
        None, description="the id of the message of this conversation that it answers; pages only"
    )
    album: str | None = Field(None, description="shared by files that were sent as one")
    unsupported: str | None = Field(None, description="the medium's own word for a kind that is not understood")
    raw: str | None = Field(None, description="the row in quarantine that keeps the bytes of such a kind")
    template: str | None = None
    first_text: str | None = Field(None, description="what an edited message said first")
    edited_at: datetime | None = None
    retracted_at: datetime | None = Field(None, description="taken back: nothing of it is left")
    reactions: list[ReactionOut] = Field(default_factory=list)
    external: bool = Field(False, description="written in the provider's own app, not in the console")


class QueueOut(Output):
    """A queue as it stands now. `oldest_wait` is in seconds."""

    name: str
    title: dict[str, str]
    open: bool
    next_opening: datetime | None
    waiting: int
    oldest_wait: int | None
    oldest_waiting_since: datetime | None
    agents_online: int


class AgentOut(Output):
    """An agent, for leads and admins."""

    id: str
    email: str
    name: str
    role: Role
    languages: dict[str, int]
    skills: dict[str, int]
    queues: list[str]
    capacity: dict[WorkKind, int]
    disabled: bool
    created_at: datetime | None
    presence: Presence
    load: dict[WorkKind, int] = Field(default_factory=dict, description="held work by kind")


class Me(AgentOut):
    """The caller."""

    expires_at: datetime | None = Field(description="until when the presence holds without renewal")
    serves: list[str] = Field(description="the queues they serve")
    service: str
    cursor: int = Field(description="where the events stand: open the socket from here, then fetch lists")


class Colleague(Output):
    """Whom work can be handed to."""

    id: str
    name: str
    presence: Presence
    languages: dict[str, int]
    queues: list[str]


class PresenceOut(Output):
    """The presence as it stands; renew it before `expires_at`."""

    state: Presence
    expires_at: datetime


class LoginOut(Output):
    """Logged in: the cookie is set."""

    agent: AgentRef
    role: Role
    expires_at: datetime


class TokenOut(Output):
    """A new bearer token: shown now and never again."""

    token: str
    prefix: str


class ChannelOut(Output):
    """The health of one channel account."""

    name: str
    kind: str
    state: Health
    detail: str | None
    since: datetime | None
    send: bool = True
    attachments: bool = False


class QuarantinedOut(Output):
    """Bytes that could not be read. `raw` is base64, given for one row only."""

    id: str
    channel: str
    sha256: str
    size: int
    code: str
    reason: str
    first_at: datetime
    last_at: datetime
    times: int
    replayed_at: datetime | None
    raw: str | None = None
    headers: dict[str, str] | None = None


class WebhookCallOut(Output):
    """A call of a webhook that nobody has acknowledged."""

    id: str
    webhook: str
    conversation: str | None
    type: str = Field(description="what it is about: rule.matched (a freeze, for example) or conversation.unanswered")
    state: CallProgress = Field(description="waiting: it is tried again; expired or failed: it never leaves by itself")
    created_at: datetime
    attempts: int
    error: str | None


class ShadowOut(Output):
    """A second rules file that decides the same messages without effect."""

    file: str
    decided: int
    differing: int
    passed_over: int
    fault: str | None = None


class RulesOut(Output):
    """The revision in force. `source` is for admins."""

    revision: str
    digest: str | None
    author: str | None
    activated_at: datetime | None
    queues: list[str]
    rules: list[str]
    source: str | None = None
    shadow: ShadowOut | None = None


class ReloadOut(Output):
    """What a reload did; with faults nothing was applied."""

    model_config = ConfigDict(extra="allow", frozen=True)

    revision: str | None = None
    applied: bool = True


class IdentityOut(Output):
    """One address of a customer."""

    id: str
    channel: str
    address: str
    name: str | None
    email: str | None
    phone: str | None
    verified: bool


class CustomerOut(Output):
    """A customer with what the caller may see of their conversations, newest first."""

    id: str
    name: str | None
    language: str | None
    language_source: str | None
    verified: bool
    attributes: dict[str, Any]
    created_at: datetime | None
    identities: list[IdentityOut]
    conversations: list[ConversationOut]


class IssueOut(Output):
    """An issue of the rules in force."""

    id: str
    title: dict[str, str]


class VocabularyOut(Output):
    """The words that a relabel may use, and which accounts call back."""

    languages: list[str]
    default_language: str
    issues: list[IssueOut]
    calls: list[str]


class Nothing(Output):
    """Done."""

    ok: bool = True


Titles = Mapping[str, str]

"""What a batch of arrivals reads under lock and then writes: the hot path, plural on purpose."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from conversation.model.conversation import Conversation
from conversation.model.decision import StoredDecision
from conversation.model.edits_and_reactions import Afterwards
from conversation.model.events import NewEvent
from conversation.model.message import ContactChanged, DeliveryReported, Message, MessageEchoed, MessageReceived
from conversation.model.outbound import OutboxRow
from conversation.model.people import Customer, Identity
from conversation.ports.storage.downloads import Fetch


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the store knows about one arrival's sender, read under the customer's lock.

    `identity` carries its ids (made just now for a stranger, whose `customer` is `new` and still has to be stored). `conversations` are the open ones and those closed after the
    `reopen_since` asked for, most recently active first, and the one named by the event's token, whoever owns that.
    `duplicate_of` is the stored message of the same (channel, external id). `early`: something was reported of it before it came.
    """

    identity: Identity
    customer: Customer
    conversations: tuple[Conversation, ...] = ()
    duplicate_of: Message | None = None
    new: bool = False
    early: bool = False


@dataclass(slots=True, kw_only=True)
class IntakeWrites:
    """What one batch writes, table by table, each with one statement.

    Messages carry their final `seq`; `feed_seq` is filled by the store for identities in `fed`. `changed` are conversations
    that existed; `newcomers` customers that `load` made up, each in its final form, `customers` known ones whose language, name or
    attributes changed. `outbox` pairs a row with when it may first leave. `fetches` are files that still lie with a provider,
    `tokens_used` identities whose reply token leaves with an answer of this batch.
    """

    created: list[Conversation] = field(default_factory=list)
    changed: list[Conversation] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    decisions: list[StoredDecision] = field(default_factory=list)
    outbox: list[OutboxRow] = field(default_factory=list)
    newcomers: list[Customer] = field(default_factory=list)
    customers: list[Customer] = field(default_factory=list)
    events: list[NewEvent] = field(default_factory=list)
    fed: frozenset[str] = frozenset()
    fetches: list[Fetch] = field(default_factory=list)
    tokens_used: set[str] = field(default_factory=set)
    cursors: dict[str, Mapping[str, object]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewsOfContacts:
    """What followed from news of customers: open conversations it concerns, and messages that will not leave any more."""

    conversations: Sequence[Conversation]
    failed: Sequence[Message]


class Intake(Protocol):
    """The two trips of a batch: read under lock, then write."""

    async def load(self, arrivals: Sequence[MessageReceived], *, reopen_since: datetime, now: datetime) -> list[Known]:
        """One `Known` for each arrival, in order. Makes unknown identities and customers, locks all customers by id."""
        ...

    async def store(self, writes: IntakeWrites, *, now: datetime) -> Mapping[str, int]:
        """Write it all; returns the `feed_seq` given to each message id that got one. Raises `Refused` on poison or a broken constraint."""
        ...

    async def unknown(self, keys: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
        """Those (channel, external id) that name no message."""
        ...

    async def apply_updates(self, events: Sequence[Afterwards]) -> list[Message]:
        """Edits, retractions and reactions, folded into their messages: those that changed. What comes too early is kept, edits excepted."""
        ...

    async def apply_early_updates(self, keys: Collection[tuple[str, str]]) -> list[Message]:
        """Updates that came before these messages; those that changed by it."""
        ...

    async def first_wordings(self, repeated: Sequence[MessageReceived]) -> list[Message]:
        """Originals that come after their edit: the messages that got their first wording, or their files."""
        ...

    async def ours(self, echoes: Sequence[MessageEchoed]) -> tuple[set[tuple[str, str]], list[Message]]:
        """The (channel, external id) that are known, and messages of ours that an echo proved to be sent before their receipt came."""
        ...

    async def contact(self, events: Sequence[ContactChanged], *, now: datetime) -> NewsOfContacts:
        """Who cannot be reached any more, or again, and who has a new address."""
        ...

    async def report(self, reports: Sequence[DeliveryReported]) -> list[Message]:
        """Statuses move forward only; one for a message not yet known is kept and matched later. Returns messages that moved."""
        ...

"""What the plans of one batch share while it is decided. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from conversation.model.capabilities import Can
from conversation.model.conversation import Conversation
from conversation.model.people import Customer
from conversation.ports.callback_links import LinksByAccount
from conversation.ports.storage.intake import IntakeWrites
from router.rules.rulebook import RuleBook


@dataclass(slots=True, kw_only=True)
class BatchState:
    """What is given to a batch, and what it has come to so far.

    `cans` says what each channel account can do; one that is not named cannot send. `links` are those of the accounts that call back. `new_id` gives an id that was never given before.
    `latest` are the conversations that this batch touched, as they are now; `customers` those that are new or changed. `withdrawn` are offers
    taken back (before, after), to be moved first, since they free capacity. In the queues `waiting` work began to wait. `fed` are the
    identities whose own view grew. `early` are the (channel, external id) of messages that were changed before they came. To senders whom
    nobody proved, `unproven` automatic answers leave by kind of channel, and `held` were kept back.
    """

    rulebook: RuleBook
    cans: Mapping[str, Can]
    now: datetime
    new_id: Callable[[], str]
    links: LinksByAccount = field(default_factory=dict)
    latest: dict[str, Conversation] = field(default_factory=dict)
    customers: dict[str, Customer] = field(default_factory=dict)
    writes: IntakeWrites = field(default_factory=IntakeWrites)
    withdrawn: list[tuple[Conversation, Conversation]] = field(default_factory=list)
    waiting: set[str] = field(default_factory=set)
    fed: set[str] = field(default_factory=set)
    early: set[tuple[str, str]] = field(default_factory=set)
    unproven: dict[str, int] = field(default_factory=dict)
    held: int = 0

"""What the plans of one batch share while it is decided. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from conversation.model.capabilities import Can
from conversation.model.conversation import Conversation
from conversation.model.people import Customer, WorkKind
from conversation.ports.callback_links import LinksByAccount
from conversation.ports.storage.intake import IntakeWrites, Known
from router.rules.rulebook import RuleBook


@dataclass(slots=True, kw_only=True)
class BatchState:
    """What is given to a batch, and what it has come to so far.

    `cans` says what each channel account can do; one that is not named cannot send. `links` are those of the accounts that call back. `new_id` gives an id that was never given before.
    `latest` are the conversations that this batch touched, as they are now; `customers` those that are new or changed.
    """

    rulebook: RuleBook
    cans: Mapping[str, Can]
    now: datetime
    new_id: Callable[[], str]
    links: LinksByAccount = field(default_factory=dict)
    latest: dict[str, Conversation] = field(default_factory=dict)
    customers: dict[str, Customer] = field(default_factory=dict)
    writes: IntakeWrites = field(default_factory=IntakeWrites)

    def customer(self, known: Known) -> Customer:
        """As they are now."""
        return self.customers.get(known.customer.id, known.customer)

    def work_kind(self, channel: str) -> WorkKind:
        """The kind of work that this channel makes for agents."""
        can = self.cans.get(channel)
        return can.work if can is not None else WorkKind.MESSAGE

"""One batch while it is decided: later arrivals see what earlier ones did. Pure; the intake reads before and writes after."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from conversation.model.capabilities import Can
from conversation.model.conversation import Conversation
from conversation.model.decision import Decision, Facts, Understood
from conversation.model.edits_and_reactions import files_come_late
from conversation.model.message import Message, MessageEchoed, MessageReceived
from conversation.model.people import Customer
from conversation.ports.callback_links import LinksByAccount
from conversation.ports.storage.intake import IntakeWrites, Known
from router.decision.customer_profile import learned
from router.decision.decide import decide
from router.decision.facts import gather
from router.policy.batch_state import BatchState
from router.policy.callback_plan import requested_queue
from router.policy.conversation_plan import ConversationPlan
from router.policy.message_plan import MessagePlan
from router.policy.reply_plan import ReplyPlan
from router.rules.rulebook import RuleBook


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """What became of one arrival, before the commit. `late`: its edit was stored first, and it brings the first wording or files."""

    message: Message
    duplicate: bool
    queue: str | None
    late: bool = False


class IntakePlan:
    """Decides a batch, arrival by arrival, and collects what is to be written.

    `cans` says what each channel account can do; one that is not named cannot send. `left` says how many automatic answers may still go
    to unproven senders, by kind of channel, where that is known. `new_id` gives an id that was never given before.
    """

    def __init__(
        self,
        rulebook: RuleBook,
        *,
        cans: Mapping[str, Can],
        now: datetime,
        new_id: Callable[[], str],
        links: LinksByAccount | None = None,
        on_duty: frozenset[tuple[str, str]] | None = None,
        positions: Mapping[str, int | None] | None = None,
        left: Mapping[str, int] | None = None,
    ) -> None:
        self._state = BatchState(rulebook=rulebook, cans=cans, now=now, new_id=new_id, links=links or {})
        self._conversations = ConversationPlan(self._state)
        self._messages = MessagePlan(self._state)
        self._replies = ReplyPlan(self._state, self._messages, positions=positions or {}, left=left or {})
        self._on_duty = on_duty
        self._new: set[str] = set()
        self._early: set[tuple[str, str]] = set()

    # -- what the intake asks at the end -------------------------------------------------------------------------------

    def writes(self) -> IntakeWrites:
        """Everything, table by table."""
        self._conversations.write()
        writes = self._state.writes
        for customer in self._state.customers.values():
            into = writes.newcomers if customer.id in self._new else writes.customers
            into.append(customer)
        return replace(writes, fed=frozenset(self._messages.fed))

    @property
    def withdrawn(self) -> Sequence[tuple[Conversation, Conversation]]:
        """Offers taken back: (before, after). To be moved first, since they free capacity."""
        return self._conversations.withdrawn

    @property
    def early(self) -> Collection[tuple[str, str]]:
        """The (channel, external id) of stored messages that were changed before they came."""
        return self._early

    @property
    def waiting(self) -> Collection[str]:
        """Queues in which work began to wait."""
        return self._conversations.waiting

    @property
    def fed(self) -> Collection[str]:
        """Identities whose own view grew."""
        return self._messages.fed

    @property
    def targets(self) -> Collection[str]:
        """Channels and webhooks that something leaves by."""
        return {row.target for row in self._state.writes.outbox}

    @property
    def unproven(self) -> Mapping[str, int]:
        """How many automatic answers leave for senders whom nobody proved, by kind of channel."""
        return self._replies.unproven

    @property
    def held(self) -> int:
        """How many automatic answers were kept back because nobody proved the sender."""
        return self._replies.held

    # -- one arrival ---------------------------------------------------------------------------------------------------

    def admit(self, event: MessageReceived, known: Known, understood: Understood) -> Admitted:
        """Decide one message that is not `repeated` and keep what follows from it."""
        self._add_customer(known)
        customer, conversations = self._state.customer(known), self._conversations.of_customer(known)
        facts = self._facts(event, customer, conversations, understood)
        decision = decide(facts, self._state.rulebook)
        found = next((one for one in conversations if one.id == decision.conversation), None)
        placed = self._conversations.place(found, event, known, decision)
        conversation = self._conversations.mark(placed, event, facts, decision)
        message = self._messages.append(event, known.identity, conversation)
        if known.early:
            self._early.add((event.channel, event.external_id))
        self._messages.keep_decision(facts, decision, message)
        self._learn(customer, event, decision)
        self._replies.reply(event, known, decision, conversation)
        return Admitted(message=message, duplicate=False, queue=conversation.queue)

    def repeated(self, event: MessageReceived, known: Known) -> Admitted | None:
        """What a message is answered with that is stored already; None for one that has to be admitted."""
        self._add_customer(known)
        earlier = self._messages.stored(event) or known.duplicate_of
        if earlier is None:
            return None
        queues = {c.id: c.queue for c in self._conversations.of_customer(known)}
        files = files_come_late(earlier, event)
        self._messages.fetch(earlier, files)
        late = bool(files) or (earlier.edited_at is not None and earlier.first_text is None)
        return Admitted(message=earlier, duplicate=True, queue=queues.get(earlier.conversation), late=late)

    def echo(self, event: MessageEchoed, known: Known) -> Admitted:
        """Somebody answered elsewhere: the promised answer is given, and automatic replies keep quiet."""
        conversation = self._conversations.echo(event, known)
        message = self._messages.echo(event, known, conversation)
        return Admitted(message=message, duplicate=False, queue=conversation.queue)

    def _facts(
        self,
        event: MessageReceived,
        customer: Customer,
        conversations: Sequence[Conversation],
        understood: Understood,
    ) -> Facts:
        return gather(
            event,
            customer=customer,
            conversations=conversations,
            understood=understood,
            rulebook=self._state.rulebook,
            now=self._state.now,
            on_duty=self._on_duty,
            callback_queue=requested_queue(self._state.cans, event.callback),
        )

    def _add_customer(self, known: Known) -> None:
        """A new customer is written whatever becomes of the message."""
        if known.new and known.customer.id not in self._new:
            self._new.add(known.customer.id)
            self._state.customers[known.customer.id] = known.customer

    def _learn(self, customer: Customer, event: MessageReceived, decision: Decision) -> None:
        """What this message says of its customer."""
        profile = learned(customer, event, decision)
        if profile is not customer:
            self._state.customers[customer.id] = profile

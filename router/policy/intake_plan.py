"""One batch while it is decided: later arrivals see what earlier ones did. Pure; the intake reads before and writes after."""

from collections.abc import Callable, Mapping, Sequence
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
    to unproven senders, by kind of channel, where that is known. `new_id` gives an id that was never given before. `state` is what the batch
    has come to so far.
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
        self.state = BatchState(rulebook=rulebook, cans=cans, now=now, new_id=new_id, links=links or {})
        self._conversations = ConversationPlan(self.state)
        self._messages = MessagePlan(self.state)
        self._replies = ReplyPlan(self.state, self._messages, positions=positions or {}, left=left or {})
        self._on_duty = on_duty
        self._new: set[str] = set()

    # -- what the intake asks at the end -------------------------------------------------------------------------------

    def writes(self) -> IntakeWrites:
        """Everything, table by table."""
        self._conversations.write()
        writes = self.state.writes
        for customer in self.state.customers.values():
            into = writes.newcomers if customer.id in self._new else writes.customers
            into.append(customer)
        return replace(writes, fed=frozenset(self.state.fed))

    # -- one arrival ---------------------------------------------------------------------------------------------------

    def admit(self, event: MessageReceived, known: Known, understood: Understood) -> Admitted:
        """Decide one message that is not `repeated` and keep what follows from it."""
        self._add_customer(known)
        customer = self.state.customers.get(known.customer.id, known.customer)
        conversations = self._conversations.of_customer(known)
        facts = self._facts(event, customer, conversations, understood)
        decision = decide(facts, self.state.rulebook)
        found = next((one for one in conversations if one.id == decision.conversation), None)
        conversation = self._conversations.place(found, event, known, facts, decision)
        message = self._messages.append(event, known.identity, conversation)
        if known.early:
            self.state.early.add((event.channel, event.external_id))
        self._messages.keep_decision(facts, decision, message)
        customer = self._learn(customer, event, decision)
        self._replies.reply(event, known.identity, customer, decision, conversation)
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
            rulebook=self.state.rulebook,
            now=self.state.now,
            on_duty=self._on_duty,
            callback_queue=requested_queue(self.state.cans, event.callback) if event.callback else None,
        )

    def _add_customer(self, known: Known) -> None:
        """A new customer is written whatever becomes of the message."""
        if known.new and known.customer.id not in self._new:
            self._new.add(known.customer.id)
            self.state.customers[known.customer.id] = known.customer

    def _learn(self, customer: Customer, event: MessageReceived, decision: Decision) -> Customer:
        """The customer, with what this message says of them."""
        profile = learned(customer, event, decision)
        if profile is not customer:
            self.state.customers[customer.id] = profile
        return profile

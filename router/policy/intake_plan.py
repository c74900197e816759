"""One batch while it is decided: later arrivals see what earlier ones did. Pure; the intake reads before and writes after."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from conversation.model import conversation as thread
from conversation.model.capabilities import Can
from conversation.model.conversation import PAGE, Conversation, State
from conversation.model.decision import Decision, Facts, Joining, StoredDecision, Understood
from conversation.model.edits_and_reactions import files_come_late
from conversation.model.events import EventType
from conversation.model.ids import reference_of
from conversation.model.message import (
    Attachment,
    Author,
    AuthorKind,
    Direction,
    Message,
    MessageEchoed,
    MessageReceived,
    Status,
)
from conversation.model.people import Customer, Identity, WorkKind
from conversation.ports.storage.downloads import Fetch
from conversation.ports.storage.intake import IntakeWrites, Known
from conversation.reply_window import lawful
from router.decision import conversation_state as marks
from router.decision.customer_profile import learned
from router.decision.decide import decide
from router.decision.facts import gather
from router.policy import auto_reply as automatic
from router.policy import echoes as echo
from router.policy import escalation
from router.policy import notifications as announce
from router.policy import unproven_senders as strangers
from router.policy.callback_plan import offered_plan
from router.rules.deadlines import sooner
from router.rules.rulebook import RuleBook
from router.wording import callback_messages as call_words

LAST_OWNER = "last_owner"  # who held it before it slept or closed: is asked again first


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """What became of one arrival, before the commit. `late`: its edit was stored first, and it brings the first wording or files."""

    message: Message
    duplicate: bool
    queue: str | None
    late: bool = False


class Batch:
    """Collects what is to be written. `cans` says what each channel account can do; one that is not named cannot send.

    `left` says how many automatic answers may still go to unproven senders, by kind of channel, where that is known. `new_id` gives an id
    that was never given before.
    """

    def __init__(
        self,
        rulebook: RuleBook,
        *,
        cans: Mapping[str, Can],
        now: datetime,
        new_id: Callable[[], str],
        on_duty: frozenset[tuple[str, str]] | None = None,
        positions: Mapping[str, int | None] | None = None,
        left: Mapping[str, int] | None = None,
    ) -> None:
        self._positions = positions or {}
        self._rulebook = rulebook
        self._cans = cans
        self._now = now
        self._new_id = new_id
        self._on_duty = on_duty
        self._stored: dict[tuple[str, str], Message] = {}
        self._customers: dict[str, Customer] = {}  # changed or new, as they are now
        self._new: set[str] = set()
        self._first: dict[str, Conversation | None] = {}  # as it was before this batch; None: made by it
        self._latest: dict[str, Conversation] = {}
        self._touched: dict[str, list[str]] = {}  # by customer, most recently touched last
        self._waiting: set[str] = set()
        self._fed: set[str] = set()
        self._withdrawn: list[tuple[Conversation, Conversation]] = []
        self._early: set[tuple[str, str]] = set()
        self._writes = IntakeWrites()
        self._allowance = strangers.Allowance(left or {})
        self._held = 0

    # -- what the intake asks at the end -------------------------------------------------------------------------------

    def writes(self) -> IntakeWrites:
        """Everything, table by table."""
        for conversation, before in self._first.items():
            kind = self._writes.created if before is None else self._writes.changed
            kind.append(self._latest[conversation])
        for customer in self._customers.values():
            into = self._writes.newcomers if customer.id in self._new else self._writes.customers
            into.append(customer)
        return replace(self._writes, fed=frozenset(self._fed))

    @property
    def withdrawn(self) -> Sequence[tuple[Conversation, Conversation]]:
        """Offers taken back: (before, after). To be moved first, since they free somebody's hands."""
        return self._withdrawn

    @property
    def early(self) -> Collection[tuple[str, str]]:
        """The (channel, external id) of stored messages of which something was told before they came."""
        return self._early

    @property
    def waiting(self) -> Collection[str]:
        """Queues in which work began to wait."""
        return self._waiting

    @property
    def fed(self) -> Collection[str]:
        """Identities whose own view grew."""
        return self._fed

    @property
    def targets(self) -> Collection[str]:
        """Channels and webhooks that something leaves by."""
        return {row.target for row in self._writes.outbox}

    @property
    def unproven(self) -> Mapping[str, int]:
        """How many automatic answers leave for senders whom nobody proved, by kind of channel."""
        return self._allowance.used

    @property
    def held(self) -> int:
        """How many automatic answers were kept back because nobody proved the sender."""
        return self._held

    # -- one arrival ---------------------------------------------------------------------------------------------------

    def admit(self, event: MessageReceived, known: Known, understood: Understood) -> Admitted:
        """Decide one message that is not `repeated` and keep what follows from it."""
        if known.new:
            self._meet(known.customer)
        customer = self._customers.get(known.customer.id, known.customer)
        conversations = self._conversations(known)
        facts = gather(
            event,
            customer=customer,
            conversations=conversations,
            understood=understood,
            rulebook=self._rulebook,
            now=self._now,
            on_duty=self._on_duty,
        )
        decision = decide(facts, self._rulebook)
        found = next((one for one in conversations if one.id == decision.conversation), None)
        conversation = self._marked(self._place(found, event, known, decision), event, facts, decision)
        message = self._append(event, known.identity, conversation)
        if known.early:
            self._early.add((event.channel, event.external_id))
        self._keep_decision(facts, decision, message)
        self._remember(customer, event, decision)
        self._reply(event, known, decision)
        return Admitted(message=message, duplicate=False, queue=conversation.queue)

    def repeated(self, event: MessageReceived, known: Known) -> Admitted | None:
        """What a message is answered with that is stored already; None for one that has to be admitted."""
        if known.new:
            self._meet(known.customer)
        earlier = self._stored.get((event.channel, event.external_id)) or known.duplicate_of
        if earlier is None:
            return None
        queues = {c.id: c.queue for c in self._conversations(known)}
        files = files_come_late(earlier, event)
        self._fetch(earlier, files)
        late = bool(files) or (earlier.edited_at is not None and earlier.first_text is None)
        return Admitted(message=earlier, duplicate=True, queue=queues.get(earlier.conversation), late=late)

    def echo(self, event: MessageEchoed, known: Known) -> Admitted:
        """Somebody answered elsewhere: the promised answer is given, and automatic replies keep quiet."""
        conversations = self._conversations(known)
        conversation = echo.answered(conversations, event, self._now)
        if conversation is None:
            queue, work = self._rulebook.fallback, self._work(event.channel)
            conversation = echo.opened(event, known, identifier=self._new_id(), queue=queue, work=work, now=self._now)
            self._put(conversation, before=None)
            self._writes.events.append(announce.told(EventType.CREATED, conversation))
        else:
            before = next(one for one in conversations if one.id == conversation.id)
            self._put(conversation, before=before)
        message = echo.said(event, known, conversation, identifier=self._new_id(), now=self._now)
        self._stored[(event.channel, event.external_id)] = message
        self._add(message)
        return Admitted(message=message, duplicate=False, queue=conversation.queue)

    def _meet(self, stranger: Customer) -> None:
        """A new customer is written whatever becomes of the message."""
        if stranger.id not in self._new:
            self._new.add(stranger.id)
            self._customers[stranger.id] = stranger

    def _conversations(self, known: Known) -> list[Conversation]:
        """As they stand now, those that this batch touched first."""
        touched = self._touched.get(known.customer.id)
        if touched is None:
            return [self._latest.get(one.id, one) for one in known.conversations]
        fresh = [self._latest[identifier] for identifier in reversed(touched)]
        mine = {c.id for c in fresh}
        return fresh + [self._latest.get(c.id, c) for c in known.conversations if c.id not in mine]

    def _marked(
        self, conversation: Conversation, event: MessageReceived, facts: Facts, decision: Decision
    ) -> Conversation:
        """What later messages and replies need to know of this one; most messages leave no mark."""
        attributes = marks.after(conversation.attributes, event, facts, decision)
        if attributes is conversation.attributes:
            return conversation
        marked = replace(conversation, attributes=attributes)
        self._latest[conversation.id] = marked
        return marked

    # -- the conversation ----------------------------------------------------------------------------------------------

    def _place(
        self, found: Conversation | None, event: MessageReceived, known: Known, decision: Decision
    ) -> Conversation:
        if decision.joining is Joining.NEW or found is None:
            return self._open(event, known, decision)
        return self._join(found, event, known, decision)

    def _open(self, event: MessageReceived, known: Known, decision: Decision) -> Conversation:
        identifier = self._new_id()
        conversation = Conversation(
            id=identifier,
            reference=reference_of(identifier),
            customer=known.customer.id,
            identity=known.identity.id,
            state=State.WAITING,
            queue=decision.queue,
            kind=self._work(event.channel),
            channel=event.channel,
            channels=(event.channel,),
            created_at=self._now,
            updated_at=self._now,
            waiting_since=self._now,
            last_inbound_at=self._now,
            linked=decision.linked,
            due=sooner(decision.due, event.reply_until),
            language=decision.language,
            language_confidence=decision.language_confidence if decision.language else 0.0,
            issue=decision.issue,
            priority=decision.priority,
            labels=decision.labels,
            attributes=_with_page({automatic.SUBJECT: event.subject} if event.subject else {}, decision),
            last_seq=1,
        )
        self._put(conversation, before=None)
        self._writes.events.append(announce.told(EventType.CREATED, conversation))
        self._waiting.add(conversation.queue)
        return conversation

    def _join(self, before: Conversation, event: MessageReceived, known: Known, decision: Decision) -> Conversation:
        conversation = before if event.machine else self._awake(before)
        conversation = self._moved(conversation, decision)
        unheld = conversation.state is State.WAITING
        conversation = replace(
            conversation,
            # what a machine says is kept, and does not redirect the answers to the person
            identity=conversation.identity if event.machine else known.identity.id,
            channel=conversation.channel if event.machine else event.channel,
            channels=_with(conversation.channels, event.channel),
            kind=self._work(event.channel) if unheld else conversation.kind,
            due=sooner(
                decision.due if decision.joining is Joining.REOPENED or decision.moves else conversation.due,
                conversation.due and event.reply_until,
            ),
            last_inbound_at=self._now,
            updated_at=self._now,
            language=decision.language or conversation.language,
            language_confidence=decision.language_confidence if decision.language else conversation.language_confidence,
            issue=decision.issue or conversation.issue,
            priority=decision.priority,
            labels=_with(conversation.labels, *decision.labels),
            attributes=automatic.with_subject(_with_page(conversation.attributes, decision), event.subject),
            last_seq=conversation.last_seq + 1,
        )
        self._put(conversation, before=before)
        self._tell_change(before, conversation, alert=decision.alert)
        return conversation

    def _awake(self, conversation: Conversation) -> Conversation:
        """What slept or was closed waits again; who holds it keeps it."""
        if conversation.state is State.SNOOZED:
            return thread.wake(with_last_owner(conversation), self._now)
        if conversation.state is State.CLOSED:
            return thread.reopen(conversation, self._now)
        return conversation

    def _moved(self, conversation: Conversation, decision: Decision) -> Conversation:
        """To the queue decided for; an offer that is still open is withdrawn, for it was made to that queue's people."""
        stays = conversation.owner is not None or conversation.state is State.CLOSED
        if not decision.moves or decision.queue == conversation.queue or stays:
            return conversation
        after = escalation.transferred(conversation, decision.queue, self._rulebook, self._now)
        if conversation.state is State.OFFERED:
            self._withdrawn.append((conversation, after))
        return after

    def _tell_change(self, before: Conversation, after: Conversation, *, alert: bool) -> None:
        if announce.frees(before, after):
            self._waiting.add(after.queue)
        if alert or _shown(before) != _shown(after):
            event = announce.told(EventType.UPDATED, after, was=before, agent=before.offered_to, alert=alert)
            self._writes.events.append(event)

    def _put(self, conversation: Conversation, *, before: Conversation | None) -> None:
        self._first.setdefault(conversation.id, before)
        self._latest[conversation.id] = conversation
        touched = self._touched.setdefault(conversation.customer, [])
        if conversation.id in touched:
            touched.remove(conversation.id)
        touched.append(conversation.id)

    def _work(self, channel: str) -> WorkKind:
        can = self._cans.get(channel)
        return can.work if can is not None else WorkKind.MESSAGE

    # -- messages ------------------------------------------------------------------------------------------------------

    def _append(self, event: MessageReceived, identity: Identity, conversation: Conversation) -> Message:
        message = Message(
            id=self._new_id(),
            conversation=conversation.id,
            seq=conversation.last_seq,
            direction=Direction.IN,
            author=Author(kind=AuthorKind.CUSTOMER, id=identity.id, name=event.sender.name or identity.name),
            text=event.text,
            html=event.html,
            attachments=event.attachments,
            channel=event.channel,
            identity=identity.id,
            external_id=event.external_id,
            sent_at=event.sent_at,
            created_at=self._now,
            reply_to=event.reply_to if event.reply_to != conversation.id else None,
            album=event.album,
            unsupported=event.unsupported,
            doubt=event.doubt,
            references=event.references,
        )
        self._stored[(event.channel, event.external_id)] = message
        self._add(message)
        return message

    def _add(self, message: Message) -> None:
        self._writes.messages.append(message)
        self._fetch(message, message.attachments)
        self._writes.events.append(announce.said(message, self._latest[message.conversation]))
        can = self._cans.get(message.channel or "")
        if can is not None and can.feed and message.identity:
            self._fed.add(message.identity)

    def _fetch(self, message: Message, files: Sequence[Attachment]) -> None:
        """What still lies with the provider is fetched after the commit."""
        self._writes.fetches.extend(
            Fetch(attachment=file, message=message.id, channel=message.channel or "", created_at=self._now)
            for file in files
            if file.url is not None
        )

    def _reply(self, event: MessageReceived, known: Known, decision: Decision) -> None:
        """Automatic replies, never to a machine, and only where the channel can send."""
        can = self._cans.get(event.channel)
        if event.machine or event.quiet or can is None or not can.send:
            return
        if not lawful(can, known.identity.reply_until, automatic=True, template=None, now=self._now):
            return
        conversation = self._latest[self._writes.messages[-1].conversation]
        customer = self._customers.get(known.customer.id, known.customer)
        for name in decision.replies:
            text = automatic.words(
                name,
                decision=decision,
                conversation=conversation,
                customer=customer,
                rulebook=self._rulebook,
                now=self._now,
                called=strangers.name_for(event, customer, can),
                position=self._positions.get(conversation.id),
            )
            conversation = self._say(name, text, conversation, event, known.identity)
        self._offer_call(event, known, decision, conversation)

    def _offer_call(self, event: MessageReceived, known: Known, decision: Decision, conversation: Conversation) -> None:
        """A link at which a call can be asked for, where a rule says so: once, like any reply."""
        if not decision.callback or conversation.owner is not None or call_words.OFFER in conversation.said:
            return
        plan = offered_plan(self._cans, conversation.queue)
        link = plan.link(conversation.id) if plan is not None else None
        if link is None:
            return
        values = {"link": link, "reference": conversation.reference}
        kind = self._rulebook.kind_of(event.channel)
        text = call_words.said_of(self._rulebook, call_words.OFFER, decision.language, kind, values)
        self._say(call_words.OFFER, text, conversation, event, known.identity)

    def _say(
        self, name: str, text: str, conversation: Conversation, event: MessageReceived, to: Identity
    ) -> Conversation:
        latest = replace(conversation, last_seq=conversation.last_seq + 1, said=_with(conversation.said, name))
        self._latest[conversation.id] = latest
        message = automatic.system_message(
            text, latest, identifier=self._new_id(), channel=event.channel, identity=to.id, now=self._now
        )
        if (why := self._why_held(event)) is not None:
            self._held += 1
            self._add(replace(message, status=Status.SUPPRESSED, error=why))
            return latest
        self._add(message)
        token = event.reply_token if to.id not in self._writes.tokens_used else None
        row = automatic.row_for(
            message,
            latest,
            to,
            identifier=self._new_id(),
            now=self._now,
            reply_to=event.external_id,
            references=event.references,
            reply_token=token,
        )
        self._writes.outbox.append(row)
        if token is not None:
            self._writes.tokens_used.add(to.id)
        return latest

    def _why_held(self, event: MessageReceived) -> str | None:
        """Why this answer stays here: agents see it in the conversation, with the reason."""
        can = self._cans[event.channel]
        if (why := strangers.why_unanswered(event, can)) is not None:
            return why
        allowed = strangers.is_proven(event, can) or self._allowance.use(self._rulebook.kind_of(event.channel))
        return None if allowed else strangers.USED_UP

    # -- the rest ------------------------------------------------------------------------------------------------------

    def _keep_decision(self, facts: Facts, decision: Decision, message: Message) -> None:
        conversation = self._latest[message.conversation]
        stored = StoredDecision(
            id=self._new_id(),
            conversation=message.conversation,
            message=message.id,
            at=self._now,
            facts=facts,
            decision=decision,
        )
        self._writes.decisions.append(stored)
        for name in decision.webhooks:
            row = automatic.webhook_row(
                name,
                "rule.matched",
                conversation,
                identifier=self._new_id(),
                now=self._now,
                message=message.id,
                rules=list(decision.rules),
            )
            self._writes.outbox.append(row)

    def _remember(self, customer: Customer, event: MessageReceived, decision: Decision) -> None:
        known = learned(customer, event, decision)
        if known is not customer:
            self._customers[customer.id] = known


def with_last_owner(conversation: Conversation) -> Conversation:
    """Remember who held it, so that they are asked first when it wakes or reopens."""
    if conversation.owner is None:
        return conversation
    return replace(conversation, attributes={**conversation.attributes, LAST_OWNER: conversation.owner})


def _with_page(attributes: Mapping[str, object], decision: Decision) -> Mapping[str, object]:
    """A rule's wish for this one is kept; its queue's own needs no keeping."""
    if "page" not in decision.settled_by:
        return attributes
    page = decision.page
    wish = {"webhook": page.webhook, "after_seconds": page.after_seconds} if page else False
    return {**attributes, PAGE: wish}


def _with(names: tuple[str, ...], *more: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*names, *more)))


def _shown(conversation: Conversation) -> tuple[object, ...]:
    c = conversation
    return (c.state, c.queue, c.priority, c.issue, c.language, c.labels, c.channel)

"""What a batch does to conversations: opened, joined, woken, moved to another queue, and announced. Pure."""

from dataclasses import replace
from datetime import datetime

from conversation.model import conversation as thread
from conversation.model.conversation import Conversation, State, reference_of
from conversation.model.decision import Decision, Facts, Joining
from conversation.model.events import EventType
from conversation.model.message import MessageEchoed, MessageReceived
from conversation.model.people import WorkKind
from conversation.model.routing_state import NOTHING_KEPT, RoutingState
from conversation.ports.storage.intake import Known
from router.decision.conversation_state import next_routing
from router.policy import echoes as echo
from router.policy import escalation, notifications
from router.policy.auto_reply import with_subject
from router.policy.batch_state import BatchState
from router.policy.last_owner import with_last_owner


class ConversationPlan:
    """The conversations of one batch: later arrivals find them as earlier ones left them."""

    def __init__(self, state: BatchState) -> None:
        self._state = state
        self._first: dict[str, Conversation | None] = {}  # as it was before this batch; None: made by it
        self._touched: dict[str, list[str]] = {}  # by customer, most recently touched last

    def write(self) -> None:
        """Add every conversation of this batch, in its final form, to what is written."""
        writes = self._state.writes
        for conversation, before in self._first.items():
            kind = writes.created if before is None else writes.changed
            kind.append(self._state.latest[conversation])

    def of_customer(self, known: Known) -> list[Conversation]:
        """As they stand now, those that this batch touched first."""
        touched = self._touched.get(known.customer.id)
        if touched is None:
            return [self._state.latest.get(one.id, one) for one in known.conversations]
        fresh = [self._state.latest[identifier] for identifier in reversed(touched)]
        mine = {c.id for c in fresh}
        return fresh + [self._state.latest.get(c.id, c) for c in known.conversations if c.id not in mine]

    def place(
        self, found: Conversation | None, event: MessageReceived, known: Known, facts: Facts, decision: Decision
    ) -> Conversation:
        """The conversation of this message: a new one, or the one that was `found`, as the message leaves it."""
        if decision.joining is Joining.NEW or found is None:
            return self._open(event, known, facts, decision)
        return self._join(found, event, known, facts, decision)

    def echo(self, event: MessageEchoed, known: Known) -> Conversation:
        """The conversation that was answered elsewhere; one is opened where there is none."""
        conversations = self.of_customer(known)
        conversation = echo.answered(conversations, event, self._state.now)
        if conversation is None:
            queue, work = self._state.rulebook.fallback, self._work_kind(event.channel)
            conversation = echo.opened(
                event, known, identifier=self._state.new_id(), queue=queue, work=work, now=self._state.now
            )
            self._put(conversation, before=None)
            self._state.writes.events.append(notifications.conversation_event(EventType.CREATED, conversation))
        else:
            before = next(one for one in conversations if one.id == conversation.id)
            self._put(conversation, before=before)
        return conversation

    def _open(self, event: MessageReceived, known: Known, facts: Facts, decision: Decision) -> Conversation:
        identifier = self._state.new_id()
        conversation = Conversation(
            id=identifier,
            reference=reference_of(identifier),
            customer=known.customer.id,
            identity=known.identity.id,
            state=State.WAITING,
            queue=decision.queue,
            kind=self._work_kind(event.channel),
            channel=event.channel,
            channels=(event.channel,),
            created_at=self._state.now,
            updated_at=self._state.now,
            waiting_since=self._state.now,
            last_inbound_at=self._state.now,
            linked=decision.linked,
            due=_sooner(decision.due, event.reply_until),
            language=decision.language,
            language_confidence=decision.language_confidence if decision.language else 0.0,
            issue=decision.issue,
            priority=decision.priority,
            labels=decision.labels,
            routing=next_routing(_first_routing(event), event, facts, decision),
            last_seq=1,
        )
        self._put(conversation, before=None)
        self._state.writes.events.append(notifications.conversation_event(EventType.CREATED, conversation))
        self._state.waiting.add(conversation.queue)
        return conversation

    def _join(
        self, before: Conversation, event: MessageReceived, known: Known, facts: Facts, decision: Decision
    ) -> Conversation:
        conversation = before if event.machine else self._woken(before)
        conversation = self._moved(conversation, decision)
        conversation = replace(
            conversation,
            # what a machine says is kept, and does not redirect the answers to the person
            identity=conversation.identity if event.machine else known.identity.id,
            channel=conversation.channel if event.machine else event.channel,
            channels=_with(conversation.channels, event.channel),
            kind=self._work_kind(event.channel) if conversation.is_waiting else conversation.kind,
            due=_sooner(
                decision.due if decision.joining is Joining.REOPENED or decision.moves else conversation.due,
                conversation.due and event.reply_until,
            ),
            last_inbound_at=self._state.now,
            updated_at=self._state.now,
            language=decision.language or conversation.language,
            language_confidence=decision.language_confidence if decision.language else conversation.language_confidence,
            issue=decision.issue or conversation.issue,
            priority=decision.priority,
            labels=_with(conversation.labels, *decision.labels),
            routing=with_subject(next_routing(conversation.routing, event, facts, decision), event.subject),
            last_seq=conversation.last_seq + 1,
        )
        self._put(conversation, before=before)
        self._announce_change(before, conversation, alert=decision.alert)
        return conversation

    def _woken(self, conversation: Conversation) -> Conversation:
        """What slept or was closed waits again; who holds it keeps it."""
        kept = with_last_owner(conversation) if conversation.is_asleep else conversation
        return thread.awaken(kept, self._state.now)

    def _moved(self, conversation: Conversation, decision: Decision) -> Conversation:
        """To the queue decided for; an offer that is still open is withdrawn, for it was made to that queue's people."""
        stays = conversation.owner is not None or not conversation.state.is_open
        if not decision.moves or decision.queue == conversation.queue or stays:
            return conversation
        after = escalation.transferred(conversation, decision.queue, self._state.rulebook, self._state.now)
        if conversation.offered_to is not None:
            self._state.withdrawn.append((conversation, after))
        return after

    def _announce_change(self, before: Conversation, after: Conversation, *, alert: bool) -> None:
        if notifications.frees(before, after):
            self._state.waiting.add(after.queue)
        if alert or _shown(before) != _shown(after):
            event = notifications.conversation_event(
                EventType.UPDATED, after, was=before, agent=before.offered_to, alert=alert
            )
            self._state.writes.events.append(event)

    def _work_kind(self, channel: str) -> WorkKind:
        """The kind of work that this channel makes for agents."""
        can = self._state.cans.get(channel)
        return can.work if can is not None else WorkKind.MESSAGE

    def _put(self, conversation: Conversation, *, before: Conversation | None) -> None:
        self._first.setdefault(conversation.id, before)
        self._state.latest[conversation.id] = conversation
        touched = self._touched.setdefault(conversation.customer, [])
        if conversation.id in touched:
            touched.remove(conversation.id)
        touched.append(conversation.id)


def _sooner(promised_by: datetime | None, window_ends: datetime | None) -> datetime | None:
    """When an answer is due: by what was promised, and while the medium lets us answer at all."""
    return min(filter(None, (promised_by, window_ends)), default=None)


def _first_routing(event: MessageReceived) -> RoutingState:
    return RoutingState(subject=event.subject) if event.subject else NOTHING_KEPT


def _with(names: tuple[str, ...], *more: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*names, *more)))


def _shown(conversation: Conversation) -> tuple[object, ...]:
    c = conversation
    return (c.state, c.queue, c.priority, c.issue, c.language, c.labels, c.channel)

"""Trying the rules on a message that nobody sent: the same pure functions as the intake's, on a customer made up for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count
from typing import Any

from conversation.id_generator import new_id
from conversation.model.capabilities import Can
from conversation.model.conversation import Conversation, Priority, State, reference_of
from conversation.model.decision import Decision, Facts
from conversation.model.message import Direction, MessageReceived
from conversation.model.people import Customer, Identity, WorkKind
from conversation.model.routing_names import routing_of
from conversation.ports.storage.intake import Known
from router.decision.classifier import Classifier
from router.decision.decide import decide
from router.decision.facts import gather, understand
from router.policy.intake_plan import IntakePlan
from router.rules.faults import did_you_mean
from router.rules.rulebook import RuleBook
from router.understanding.language import Detector

SOMEBODY = "somebody"
_WORK = {"webchat": WorkKind.CHAT, "email": WorkKind.EMAIL, "callback": WorkKind.CALLBACK}
_MESSAGE_FACTS = ("language", "locale", "issue", "machine")
_FACTS = (*_MESSAGE_FACTS, "verified", "staffed", "customer", "conversation")
_OF_CUSTOMER = ("name", "language", "verified")
_OF_CONVERSATION = ("state", "queue", "issue", "language", "priority", "owner", "labels", "said")


class BadTrial(ValueError):
    """What is to be tried makes no sense; the message is for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialMessage:
    """What somebody says. `given` are facts set by hand: `{"customer": {"vip": True}, "verified": True}`."""

    channel: str
    text: str
    at: datetime
    sender: str = SOMEBODY
    given: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What one message led to. `spoken` are the texts of the replies said."""

    facts: Facts
    decision: Decision
    reply_texts: tuple[str, ...]
    conversation: Conversation


class DryRun:
    """Tries messages under one rule book."""

    def __init__(self, rulebook: RuleBook, detector: Detector, classifier: Classifier | None = None) -> None:
        self._rulebook = rulebook
        self._detector = detector
        self._classifier = classifier
        self._cans = {
            name: Can(work=_WORK.get(hints.kind, WorkKind.MESSAGE)) for name, hints in rulebook.channels.items()
        }
        self._numbers = count(1)

    @property
    def rulebook(self) -> RuleBook:
        """The rules tried."""
        return self._rulebook

    def decide(self, message: TrialMessage) -> tuple[Facts, Decision]:
        """One message by itself; nothing is made of the decision. Raises `BadTrial`."""
        event = self._event(message)
        customer = _customer(message)
        seeded = _conversation(message, customer, self._rulebook)
        facts = gather(
            event,
            customer=customer,
            conversations=[seeded] if seeded else [],
            understood=understand(message.text, self._rulebook, self._detector, self._classifier),
            rulebook=self._rulebook,
            now=message.at,
            on_duty=self._on_duty(message),
        )
        return facts, decide(facts, self._rulebook)

    def hold(self, messages: Sequence[TrialMessage]) -> list[Turn]:
        """A whole conversation, message by message: each sees what the earlier ones did. Raises `BadTrial`."""
        customer = _customer(messages[0])
        seeded = _conversation(messages[0], customer, self._rulebook)
        conversations = {seeded.id: seeded} if seeded else {}
        turns = []
        for message in messages:
            turn, customer = self._turn(message, customer, conversations)
            turns.append(turn)
        return turns

    def _turn(
        self, message: TrialMessage, customer: Customer, conversations: dict[str, Conversation]
    ) -> tuple[Turn, Customer]:
        event = self._event(message)
        plan = IntakePlan(
            self._rulebook, cans=self._cans, now=message.at, new_id=new_id, on_duty=self._on_duty(message)
        )
        newest = sorted(conversations.values(), key=lambda c: c.last_inbound_at or c.updated_at, reverse=True)
        sender = replace(event.sender, id=f"identity-{message.sender}", customer=customer.id)
        known = Known(identity=sender, customer=customer, conversations=tuple(newest))
        plan.admit(event, known, understand(message.text, self._rulebook, self._detector, self._classifier))
        writes = plan.writes()
        conversations.update({c.id: c for c in (*writes.created, *writes.changed)})
        (stored,) = writes.decisions
        turn = Turn(
            facts=stored.facts,
            decision=stored.decision,
            reply_texts=tuple(m.text for m in writes.messages if m.direction is Direction.OUT),
            conversation=conversations[stored.conversation],
        )
        return turn, writes.customers[-1] if writes.customers else customer

    def _event(self, message: TrialMessage) -> MessageReceived:
        if message.channel not in self._rulebook.channels:
            meant = did_you_mean(message.channel, self._rulebook.channels)
            raise BadTrial(f"there is no channel '{message.channel}'{meant}")
        for name in message.given:
            if name not in _FACTS:
                raise BadTrial(f"'{name}' is no fact that can be set{did_you_mean(name, _FACTS)}")
        number = next(self._numbers)
        verified = message.given.get("verified") is True
        chosen = {name: message.given[name] for name in _MESSAGE_FACTS if message.given.get(name)}
        return MessageReceived(
            channel=message.channel,
            external_id=f"trial-{number}",
            sender=Identity(channel=message.channel, address=message.sender, verified=verified),
            text=message.text,
            received_at=message.at,
            **chosen,
        )

    def _on_duty(self, message: TrialMessage) -> frozenset[tuple[str, str]] | None:
        """`staffed` lists the queues that somebody could serve now, in any language."""
        staffed = message.given.get("staffed")
        if staffed is None:
            return None
        names = [staffed] if isinstance(staffed, str) else list(staffed)
        return frozenset((name, language) for name in names for language in self._rulebook.languages)


def _customer(message: TrialMessage) -> Customer:
    given = _table(message, "customer")
    language = given.get("language")
    return Customer(
        id=f"customer-{message.sender}",
        name=given.get("name"),
        language=language,
        language_source="agent" if language else None,
        verified=given.get("verified") is True,
        attributes={key: value for key, value in given.items() if key not in _OF_CUSTOMER},
    )


def _conversation(message: TrialMessage, customer: Customer, rulebook: RuleBook) -> Conversation | None:
    """`set` of `conversation.*` means that the customer has one open already."""
    given = _table(message, "conversation")
    if not given:
        return None
    identifier = new_id()
    state, priority = _state_and_priority(given)
    routing, rest = routing_of({key: value for key, value in given.items() if key not in _OF_CONVERSATION})
    return Conversation(
        id=identifier,
        reference=reference_of(identifier),
        customer=customer.id,
        identity=f"identity-{message.sender}",
        state=state,
        queue=str(given.get("queue", rulebook.fallback)),
        kind=WorkKind.MESSAGE,
        channel=message.channel,
        created_at=message.at,
        updated_at=message.at,
        owner=given.get("owner"),
        language=given.get("language"),
        issue=given.get("issue"),
        priority=priority,
        labels=tuple(given.get("labels", ())),
        sent_replies=tuple(given.get("said", ())),
        closed_at=None if state.is_open else message.at,
        attributes=rest,
        routing=routing,
    )


def _state_and_priority(given: Mapping[str, Any]) -> tuple[State, Priority]:
    try:
        state = State(given.get("state", "assigned" if "owner" in given else "waiting"))
        return state, Priority.of(str(given.get("priority", "normal")))
    except (ValueError, KeyError) as error:
        raise BadTrial(f"conversation: {error} is neither a state nor a priority") from error


def _table(message: TrialMessage, name: str) -> Mapping[str, Any]:
    given = message.given.get(name, {})
    if not isinstance(given, Mapping):
        raise BadTrial(f"'{name}' needs an attribute: {name}.NAME")
    return given

"""A conversation, its states, and the table of its lawful moves. Pure: an unlawful move raises `UnlawfulMove`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Literal, cast

from conversation.errors import UnlawfulMove
from conversation.model.people import WorkKind
from conversation.model.routing_state import NOTHING_KEPT, RoutingState


class State(StrEnum):
    """Waiting for an agent, offered to one, assigned to one, asleep until a time, or done."""

    WAITING = "waiting"
    OFFERED = "offered"
    ASSIGNED = "assigned"
    SNOOZED = "snoozed"
    CLOSED = "closed"

    @property
    def is_open(self) -> bool:
        """Whether it is not done."""
        return self is not State.CLOSED

    @property
    def is_unheld(self) -> bool:
        """Whether nobody has taken it yet: an offer is no answer."""
        return self in (State.WAITING, State.OFFERED)


_REFERENCE_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: no I, L, O, U
OPEN_STATES = tuple(state for state in State if state.is_open)


PriorityName = Literal["low", "normal", "high", "urgent"]


class Priority(IntEnum):
    """Higher is more urgent. On every surface it is written by its lower-case name."""

    LOW = 0
    NORMAL = 1
    HIGH = 2
    URGENT = 3

    @property
    def label(self) -> PriorityName:
        """Its name on every surface."""
        return cast("PriorityName", self.name.lower())

    @classmethod
    def of(cls, label: str) -> "Priority":
        """The priority of that name; `KeyError` if there is none."""
        return cls[label.upper()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """One matter of one customer over any number of channels.

    `owner` holds the agent while assigned (or snoozed by them), `offered_to` while offered; never both.
    `kind` is the kind of work, fixed when work is offered. `waiting_since` orders the queue and survives a return to it.
    `said` names the replies already said since the last closing; `passed` names agents who declined or let an offer run out.
    `identity` is where the customer last wrote: an answer goes there unless the agent chooses another channel.
    `routing` is what routing keeps about it; `attributes` are what integrators named, and mean nothing to us.
    """

    id: str
    reference: str
    customer: str
    state: State
    queue: str
    kind: WorkKind
    channel: str
    created_at: datetime
    updated_at: datetime
    identity: str | None = None
    owner: str | None = None
    offered_to: str | None = None
    offer_until: datetime | None = None
    language: str | None = None
    language_confidence: float = 0.0
    issue: str | None = None
    priority: Priority = Priority.NORMAL
    labels: tuple[str, ...] = ()
    attributes: Mapping[str, object] = field(default_factory=dict)
    routing: RoutingState = NOTHING_KEPT
    sent_replies: tuple[str, ...] = ()
    passed: tuple[str, ...] = ()
    linked: str | None = None
    last_seq: int = 0
    last_inbound_at: datetime | None = None
    owner_wrote_at: datetime | None = None
    waiting_since: datetime | None = None
    due: datetime | None = None
    snoozed_until: datetime | None = None
    closed_at: datetime | None = None
    channels: tuple[str, ...] = ()

    @property
    def is_waiting(self) -> bool:
        """Whether it is in its queue, offered to nobody."""
        return self.state is State.WAITING

    @property
    def is_assigned(self) -> bool:
        """Whether an agent works on it."""
        return self.state is State.ASSIGNED

    @property
    def is_asleep(self) -> bool:
        """Whether it comes back by itself."""
        return self.state is State.SNOOZED

    def can(self, move: str) -> bool:
        """Whether the table has this move from its state."""
        return self.state in MOVES[move].sources

    @property
    def holder(self) -> str | None:
        """The agent whose capacity this conversation takes, if any: the owner of assigned work or who is being offered it."""
        if self.is_assigned:
            return self.owner
        return self.offered_to if self.state is State.OFFERED else None


def reference_of(identifier: str) -> str:
    """Eight letters from an id's random end, as `7K3M-9QFX`: what a customer reads out on the telephone."""
    bits = int(identifier.replace("-", "")[-10:], 16)
    letters = "".join(_REFERENCE_LETTERS[(bits >> shift) & 31] for shift in range(35, -5, -5))
    return f"{letters[:4]}-{letters[4:]}"


def _unchanged(routing: RoutingState) -> RoutingState:
    return routing


@dataclass(frozen=True, slots=True)
class Move:
    """From which states a conversation may be moved, to which state, and what of its routing state the move clears."""

    label: str  # as a refusal names it
    sources: frozenset[State]
    target: State
    clear: Callable[[RoutingState], RoutingState] = _unchanged


_OPEN = frozenset(OPEN_STATES)
# once a person has it, or it is closed, nobody is alerted for it any more
MOVES: Mapping[str, Move] = {
    "offer": Move("offer", frozenset({State.WAITING}), State.OFFERED),
    "take": Move("take", _OPEN - {State.ASSIGNED}, State.ASSIGNED, clear=RoutingState.without_alerts),
    "release": Move("release", _OPEN - {State.WAITING}, State.WAITING),
    "transfer": Move("transfer", _OPEN, State.WAITING),
    "hand_to": Move("transfer", _OPEN, State.ASSIGNED, clear=RoutingState.without_alerts),
    "snooze": Move("snooze", _OPEN - {State.OFFERED}, State.SNOOZED),
    "wake": Move("wake", frozenset({State.SNOOZED}), State.WAITING, clear=RoutingState.without_alerted),
    "close": Move("close", _OPEN, State.CLOSED, clear=RoutingState.without_alerts),
    "reopen": Move("reopen", frozenset({State.CLOSED}), State.WAITING),
}


def _check(conversation: Conversation, move: Move) -> None:
    if conversation.state not in move.sources:
        raise UnlawfulMove(move.label, conversation.state.value)


def _moved(conversation: Conversation, name: str, now: datetime) -> Conversation:
    """In the state that the table names, held by nobody, without what the move clears."""
    move = MOVES[name]
    _check(conversation, move)
    return replace(
        conversation,
        state=move.target,
        owner=None,
        offered_to=None,
        offer_until=None,
        snoozed_until=None,
        updated_at=now,
        routing=move.clear(conversation.routing),
    )


def requeued(conversation: Conversation, now: datetime) -> Conversation:
    """It keeps its place, but what happens after a time of waiting in vain is counted from here."""
    return replace(conversation, routing=replace(conversation.routing, queued_at=now))


def offer(conversation: Conversation, agent: str, until: datetime, now: datetime) -> Conversation:
    """Waiting work is offered to one agent until a moment."""
    _check(conversation, MOVES["offer"])
    return replace(conversation, state=MOVES["offer"].target, offered_to=agent, offer_until=until, updated_at=now)


def take(conversation: Conversation, agent: str, now: datetime) -> Conversation:
    """An agent accepts an offer made to them, or takes work that nobody holds."""
    _check(conversation, MOVES["take"])
    if conversation.state is State.OFFERED and conversation.offered_to != agent:
        raise UnlawfulMove("take", "offered to somebody else")
    if conversation.is_asleep and conversation.owner not in (None, agent):
        raise UnlawfulMove("take", "snoozed by somebody else")
    return replace(_moved(conversation, "take", now), owner=agent, passed=())


def release(conversation: Conversation, now: datetime) -> Conversation:
    """The holder gives it back, declines, or lets the offer run out; it keeps its place in the queue."""
    released = _moved(conversation, "release", now)
    gone = conversation.offered_to if conversation.state is State.OFFERED else None
    passed = (*conversation.passed, gone) if gone else ()
    since = conversation.waiting_since or now
    return replace(released if gone else requeued(released, now), passed=passed, waiting_since=since)


def transfer(conversation: Conversation, queue: str, now: datetime) -> Conversation:
    """To another queue, where it waits with the place it had."""
    since = conversation.waiting_since or now
    waiting = requeued(_moved(conversation, "transfer", now), now)
    return replace(waiting, queue=queue, passed=(), waiting_since=since)


def hand_to(conversation: Conversation, agent: str, now: datetime) -> Conversation:
    """Straight to another agent, who becomes the owner."""
    return replace(_moved(conversation, "hand_to", now), owner=agent, passed=())


def snooze(conversation: Conversation, until: datetime, now: datetime) -> Conversation:
    """Asleep until a moment; the owner stays in name and is offered it again first."""
    return replace(_moved(conversation, "snooze", now), owner=conversation.owner, snoozed_until=until)


def wake(conversation: Conversation, now: datetime) -> Conversation:
    """Its time has come, or the customer wrote: it waits again. What nobody took before is escalated all the same."""
    return replace(_moved(conversation, "wake", now), waiting_since=now, passed=())


def close(conversation: Conversation, now: datetime) -> Conversation:
    """The matter is done. What was sent automatically may be sent again after a reopening."""
    done = _moved(conversation, "close", now)
    return replace(done, closed_at=now, sent_replies=(), passed=(), due=None, waiting_since=None)


def reopen(conversation: Conversation, now: datetime) -> Conversation:
    """The matter is not done after all: it waits in its queue."""
    return replace(_moved(conversation, "reopen", now), closed_at=None, waiting_since=now, passed=())


def awaken(conversation: Conversation, now: datetime) -> Conversation:
    """What sleeps or is closed waits again; whatever else stays as it is."""
    if conversation.is_asleep:
        return wake(conversation, now)
    return reopen(conversation, now) if conversation.can("reopen") else conversation

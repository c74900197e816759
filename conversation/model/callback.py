"""Calls that customers asked for: states, outcomes, how often and when it is tried again, and what a slot holds. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import combinations

from conversation.errors import UnlawfulMove


class CallState(StrEnum):
    """Where a requested call stands.

    `requested` waits for the next opening, `scheduled` for a slot or for the next try, `due` for an agent. `offered` is never
    stored: it is `due` while an agent is being offered the conversation or holds it. The last six are final.
    """

    REQUESTED = "requested"
    SCHEDULED = "scheduled"
    DUE = "due"
    OFFERED = "offered"
    DIALING = "dialing"
    CONNECTED = "connected"
    DONE = "done"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


FINAL = frozenset(
    {
        CallState.DONE,
        CallState.NO_ANSWER,
        CallState.BUSY,
        CallState.FAILED,
        CallState.CANCELLED,
        CallState.EXPIRED,
    }
)
ASLEEP = frozenset({CallState.REQUESTED, CallState.SCHEDULED})  # nobody is offered it yet
ON_THE_LINE = frozenset({CallState.DIALING, CallState.CONNECTED})


class CallOutcome(StrEnum):
    """What one try came to. `lost`: nobody knows, because whoever dialed is gone."""

    DONE = "done"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    VOICEMAIL = "voicemail"
    CONGESTION = "congestion"
    REJECTED = "rejected"
    INVALID = "invalid"
    LOST = "lost"


ENDS_AS: Mapping[CallOutcome, CallState] = {
    CallOutcome.DONE: CallState.DONE,
    CallOutcome.NO_ANSWER: CallState.NO_ANSWER,
    CallOutcome.VOICEMAIL: CallState.NO_ANSWER,
    CallOutcome.BUSY: CallState.BUSY,
    CallOutcome.REJECTED: CallState.FAILED,
    CallOutcome.CONGESTION: CallState.FAILED,
    CallOutcome.INVALID: CallState.FAILED,
    CallOutcome.LOST: CallState.FAILED,
}

_MINUTES: Mapping[CallOutcome, tuple[int, ...]] = {
    CallOutcome.BUSY: (5, 5, 15),
    CallOutcome.NO_ANSWER: (30, 120),
    CallOutcome.VOICEMAIL: (120, 240),
    CallOutcome.CONGESTION: (1, 2, 5),
    CallOutcome.REJECTED: (120,),
    CallOutcome.LOST: (5, 15),
}
USUAL_DISTANCES: Mapping[CallOutcome, tuple[timedelta, ...]] = {
    outcome: tuple(timedelta(minutes=each) for each in minutes) for outcome, minutes in _MINUTES.items()
}
QUARTER = timedelta(minutes=15)  # every zone's offset is a multiple of it, and so is every time of the lawful hours
DAY_MINUTES = 24 * 60
USUAL_LAWFUL: Mapping[int, tuple[tuple[int, int], ...]] = {
    **dict.fromkeys(range(5), ((9 * 60, 20 * 60),)),
    5: ((10 * 60, 18 * 60),),
    6: (),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackSettings:
    """How one account calls back. `queue` None: where the router puts the request.

    `lawful` are spans of minutes of the customer's local day, by weekday (0 is Monday). A slot lasts `slot`, and the grid of slots
    is the same in all zones; `per_slot` bounds what agents could take together.

    `code` names the account that carries a verification code to the number before a request is taken, or is "conversation": then the
    code is sent where the customer wrote. A number gets `codes` of them in an hour at most.
    """

    queue: str | None = None
    lawful: Mapping[int, tuple[tuple[int, int], ...]] = field(default_factory=lambda: USUAL_LAWFUL)
    slot: timedelta = timedelta(minutes=30)
    per_slot: int | None = None
    lead: timedelta = timedelta(minutes=30)
    horizon: timedelta = timedelta(days=7)
    attempts: int = 4
    distances: Mapping[CallOutcome, tuple[timedelta, ...]] = field(default_factory=lambda: USUAL_DISTANCES)
    remind: timedelta | None = None
    expires: timedelta = timedelta(days=3)
    ring: timedelta = timedelta(seconds=40)
    dialer: str = "manual"
    code: str | None = None
    codes: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A time at which a call may begin. `local` is the wall time where the customer is, without an offset."""

    start: datetime
    end: datetime
    local: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """One call that a customer asked for. `zones`: where the customer may be, the first is shown.

    A slot is kept as instants and as `slot_local`, the wall time that was promised. `due_at` is when it next wakes, `due_since` when it
    first did, None while it never has for this slot or try; `asked_at` keeps its place. `outcomes` are those of the tries so far,
    oldest first. `version` guards every change. `missed`: its slot passed with nobody on it. `remind_at` is when a reminder leaves,
    None for none.
    """

    id: str
    conversation: str
    channel: str
    number: str
    asked_at: datetime
    updated_at: datetime
    zones: tuple[str, ...] = ("UTC",)
    extension: str = ""
    matter: str = ""
    language: str | None = None
    name: str | None = None
    note: str | None = None
    state: CallState = CallState.REQUESTED
    slot_at: datetime | None = None
    slot_end: datetime | None = None
    slot_local: str | None = None
    due_at: datetime | None = None
    due_since: datetime | None = None
    outcomes: tuple[CallOutcome, ...] = ()
    remind_at: datetime | None = None
    missed: bool = False
    consent_at: datetime | None = None
    version: int = 0

    @property
    def open(self) -> bool:
        """Whether somebody still has to be called."""
        return self.state not in FINAL

    @property
    def zone(self) -> str:
        """The zone of its times."""
        return self.zones[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try, written down before it is dialed. `ended_at` None: it is on the line, or nobody reported yet what became of it.

    `dialed_at` is when a dialer was asked, `provider_id` how it names the call.
    """

    id: str
    callback: str
    number: int
    agent: str | None
    dialer: str
    created_at: datetime
    dialed_at: datetime | None = None
    connected_at: datetime | None = None
    ended_at: datetime | None = None
    outcome: CallOutcome | None = None
    provider_id: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneCall:
    """What a dialer is asked to do. `attempt` is the idempotency key wherever an exchange takes one; `agent` is an e-mail."""

    attempt: str
    number: str
    extension: str = ""
    agent: str | None = None
    language: str | None = None
    ring: timedelta = timedelta(seconds=40)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallReport:
    """What an exchange reports of a call."""

    attempt: str
    provider_id: str | None = None
    connected: bool = False
    outcome: CallOutcome | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallCapacity:
    """How many calls an agent takes at a time, in which languages (primary tags). `languages` None: any."""

    languages: frozenset[str] | None
    calls: int


# -- moves -------------------------------------------------------------------------------------------------------------


def _lawful(callback: Callback, move: str, *states: CallState) -> None:
    if callback.state not in states:
        raise UnlawfulMove(move, callback.state.value)


def wait_until(callback: Callback, at: datetime, now: datetime) -> Callback:
    """As soon as possible is at a later opening."""
    _lawful(callback, "wait", *ASLEEP, CallState.DUE)
    cleared = replace(callback, slot_at=None, slot_end=None, slot_local=None, remind_at=None, missed=False)
    return replace(cleared, state=CallState.REQUESTED, due_at=at, due_since=None, updated_at=now)


def schedule(callback: Callback, slot: Slot, now: datetime, *, remind: timedelta | None = None) -> Callback:
    """For a slot that was booked; a reminder leaves before it, unless that time is past."""
    _lawful(callback, "schedule", *ASLEEP, CallState.DUE)
    at = slot.start - remind if remind is not None else None
    return replace(
        callback,
        state=CallState.SCHEDULED,
        slot_at=slot.start,
        slot_end=slot.end,
        slot_local=slot.local,
        due_at=slot.start,
        due_since=None,
        remind_at=at if at is not None and at > now else None,
        missed=False,
        updated_at=now,
    )


def fall_due(callback: Callback, now: datetime) -> Callback:
    """Its time has come: it wants an agent."""
    _lawful(callback, "fall due", *ASLEEP)
    since = callback.due_since or now
    return replace(callback, state=CallState.DUE, due_at=None, due_since=since, remind_at=None, updated_at=now)


def miss(callback: Callback, now: datetime) -> Callback:
    """Its slot passed and nobody called: it goes to the top of the queue."""
    _lawful(callback, "miss", CallState.DUE)
    return replace(callback, missed=True, updated_at=now)


def dial(callback: Callback, now: datetime) -> Callback:
    """An agent calls."""
    _lawful(callback, "dial", *ASLEEP, CallState.DUE)
    return replace(callback, state=CallState.DIALING, due_at=None, remind_at=None, updated_at=now)


def connect(callback: Callback, now: datetime) -> Callback:
    """Somebody picked up."""
    _lawful(callback, "connect", CallState.DIALING)
    return replace(callback, state=CallState.CONNECTED, updated_at=now)


def settle(callback: Callback, outcome: CallOutcome, now: datetime, *, next_at: datetime | None) -> Callback:
    """A try came to its end: done, tried once more at `next_at`, or given up."""
    _lawful(callback, "settle", *ON_THE_LINE)
    outcomes = (*callback.outcomes, outcome)
    if outcome is not CallOutcome.DONE and next_at is not None:
        tried = replace(callback, slot_at=None, slot_end=None, slot_local=None, due_since=None, missed=False)
        return replace(tried, state=CallState.SCHEDULED, outcomes=outcomes, due_at=next_at, updated_at=now)
    return replace(callback, state=ENDS_AS[outcome], outcomes=outcomes, due_at=None, updated_at=now)


def cancel(callback: Callback, now: datetime) -> Callback:
    """The customer, or an agent, no longer wants it; who is on the line already is not cut off."""
    _lawful(callback, "cancel", *ASLEEP, CallState.DUE)
    return replace(callback, state=CallState.CANCELLED, due_at=None, remind_at=None, updated_at=now)


def expire(callback: Callback, now: datetime) -> Callback:
    """It waited so long that a call would surprise more than help, or may never lawfully be made."""
    _lawful(callback, "expire", *ASLEEP, CallState.DUE)
    return replace(callback, state=CallState.EXPIRED, due_at=None, remind_at=None, updated_at=now)


# -- how often, and how many -------------------------------------------------------------------------------------------


def distance(outcomes: Sequence[CallOutcome], plan: CallbackSettings) -> timedelta | None:
    """How long to wait after these tries, the last of which failed; None: it is not tried again."""
    last = outcomes[-1]
    if last is CallOutcome.DONE or len(outcomes) >= plan.attempts:
        return None
    given = plan.distances.get(last, ())
    times = Counter(outcomes)[last]
    return given[times - 1] if times <= len(given) else None


def fits(taken: Mapping[str, int], capacities: Sequence[CallCapacity], per_slot: int | None) -> bool:
    """Whether these calls (by language, "" for any) can all be made at once: no group of them outnumbers who could make them."""
    if per_slot is not None and sum(taken.values()) > per_slot:
        return False
    languages = [language for language, number in taken.items() if number]
    groups = (group for size in range(1, len(languages) + 1) for group in combinations(languages, size))
    return all(sum(taken[one] for one in group) <= _calls(group, capacities) for group in groups)


def _calls(group: Sequence[str], capacities: Sequence[CallCapacity]) -> int:
    wanted = frozenset(group)
    return sum(one.calls for one in capacities if one.languages is None or "" in wanted or wanted & one.languages)


# -- what customers read ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackStatus:
    """The status of a request, for its customer. `next_at`: when a call is next possible, None while one is on its way.

    `position` and `wait` (seconds from now) are for those who asked for a call as soon as possible.
    """

    callback: Callback
    reference: str
    next_at: datetime | None = None
    position: int | None = None
    wait: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotQuery:
    """What slots depend on. `zones` as in `CallbackRequested`; `conversation` is one that a signature of ours proves."""

    channel: str
    zones: tuple[str, ...]
    language: str | None = None
    issue: str | None = None
    conversation: str | None = None

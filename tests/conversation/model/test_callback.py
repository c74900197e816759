"""A requested call: lawful moves, how often it is tried again, and how many a slot holds."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from conversation.errors import UnlawfulMove
from conversation.model import callback as calling
from conversation.model.callback import (
    Callback,
    CallbackSettings,
    CallCapacity,
    CallOutcome,
    CallState,
    Slot,
    distance,
    fits,
)

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=2)
SLOT = Slot(start=LATER, end=LATER + timedelta(minutes=30), local="2026-03-02T12:00")
MOVES = {
    "wait": lambda c: calling.wait_until(c, LATER, NOW),
    "schedule": lambda c: calling.schedule(c, SLOT, NOW, remind=timedelta(minutes=15)),
    "fall due": lambda c: calling.fall_due(c, NOW),
    "miss": lambda c: calling.miss(c, NOW),
    "dial": lambda c: calling.dial(c, NOW),
    "connect": lambda c: calling.connect(c, NOW),
    "settle": lambda c: calling.settle(c, CallOutcome.BUSY, NOW, next_at=LATER),
    "cancel": lambda c: calling.cancel(c, NOW),
    "expire": lambda c: calling.expire(c, NOW),
}
S = CallState
LAWFUL = {
    "wait": {S.REQUESTED, S.SCHEDULED, S.DUE},
    "schedule": {S.REQUESTED, S.SCHEDULED, S.DUE},
    "fall due": {S.REQUESTED, S.SCHEDULED},
    "miss": {S.DUE},
    "dial": {S.REQUESTED, S.SCHEDULED, S.DUE},
    "connect": {S.DIALING},
    "settle": {S.DIALING, S.CONNECTED},
    "cancel": {S.REQUESTED, S.SCHEDULED, S.DUE},
    "expire": {S.REQUESTED, S.SCHEDULED, S.DUE},
}


def asked(state: CallState = S.REQUESTED) -> Callback:
    return Callback(
        id="c", conversation="k", channel="phone", number="+33142685300", asked_at=NOW, updated_at=NOW, state=state
    )


@pytest.mark.parametrize(("move", "state"), list(product(MOVES, CallState)))
def test_each_move_is_lawful_from_its_own_states_only(move: str, state: CallState) -> None:
    if state in LAWFUL[move]:
        assert MOVES[move](asked(state)).number == "+33142685300"
    else:
        with pytest.raises(UnlawfulMove):
            MOVES[move](asked(state))


def test_a_slot_is_kept_as_instants_and_as_the_wall_time_that_was_promised() -> None:
    booked = MOVES["schedule"](asked())

    assert (booked.slot_at, booked.slot_local, booked.due_at) == (LATER, "2026-03-02T12:00", LATER)
    assert booked.remind_at == LATER - timedelta(minutes=15)


def test_no_reminder_leaves_for_a_time_that_is_past() -> None:
    assert calling.schedule(asked(), SLOT, NOW, remind=timedelta(hours=3)).remind_at is None


def test_the_next_try_comes_at_the_distance_of_its_outcome_and_the_tries_end() -> None:
    minutes = [
        (o, distance([CallOutcome(one) for one in o.split()], CallbackSettings()))
        for o in ("busy", "busy busy", "no_answer", "no_answer no_answer", "no_answer no_answer no_answer", "invalid")
    ]

    assert [(o, at and at.total_seconds() / 60) for o, at in minutes] == [
        ("busy", 5),
        ("busy busy", 5),
        ("no_answer", 30),
        ("no_answer no_answer", 120),
        ("no_answer no_answer no_answer", None),
        ("invalid", None),
    ]
    assert distance([CallOutcome.BUSY] * 4, CallbackSettings(attempts=4)) is None
    assert distance([CallOutcome.DONE], CallbackSettings()) is None
    assert distance([CallOutcome.REJECTED], CallbackSettings()) is not None
    assert distance([CallOutcome.REJECTED, CallOutcome.REJECTED], CallbackSettings()) is None


@pytest.mark.parametrize("outcome", list(CallOutcome))
def test_a_last_try_ends_in_a_final_state_and_an_earlier_one_is_scheduled(outcome: CallOutcome) -> None:
    ended = calling.settle(asked(S.DIALING), outcome, NOW, next_at=None)
    again = calling.settle(asked(S.DIALING), outcome, NOW, next_at=LATER)

    assert not ended.open
    assert again.state is (S.DONE if outcome is CallOutcome.DONE else S.SCHEDULED)
    assert again.outcomes == (outcome,)


def brute_force(taken: dict[str, int], capacities: list[CallCapacity]) -> bool:
    """Give every call to somebody who can make it, trying all ways."""
    calls = [language for language, number in taken.items() for _ in range(number)]
    seats = [one for one in capacities for _ in range(one.calls)]

    def seat(left: list[str], free: list[CallCapacity]) -> bool:
        if not left:
            return True
        first, *rest = left
        for place, one in enumerate(free):
            speaks = one.languages is None or not first or first in one.languages
            if speaks and seat(rest, free[:place] + free[place + 1 :]):
                return True
        return False

    return seat(calls, seats)


def test_a_slot_holds_exactly_what_its_agents_can_make_together() -> None:
    both, french, any_ = frozenset({"fr", "de"}), frozenset({"fr"}), None
    teams = [
        [CallCapacity(languages=both, calls=1), CallCapacity(languages=frozenset({"en"}), calls=1)],
        [CallCapacity(languages=both, calls=2), CallCapacity(languages=french, calls=1)],
        [CallCapacity(languages=any_, calls=1), CallCapacity(languages=french, calls=1)],
        [],
    ]
    seen: Counter[bool] = Counter()
    for capacities in teams:
        for fr, de, en, plain in product(range(4), range(3), range(2), range(2)):
            taken = {"fr": fr, "de": de, "en": en, "": plain}
            seen[fits(taken, capacities, None)] += 1
            assert fits(taken, capacities, None) == brute_force(taken, capacities), (taken, capacities)
    assert min(seen.values()) > 10


def test_a_configured_number_bounds_a_slot_whoever_is_there() -> None:
    crowd = [CallCapacity(languages=None, calls=50)]

    assert fits({"fr": 2}, crowd, 2)
    assert not fits({"fr": 2, "de": 1}, crowd, 2)

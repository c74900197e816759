"""Whatever moves a conversation makes, its state and its fields agree, and the table says which moves there are."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversation.errors import UnlawfulMove
from conversation.model import conversation as thread
from conversation.model.conversation import MOVES, Conversation, State
from conversation.model.people import WorkKind
from conversation.model.routing_state import RoutingState

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
WAYS: dict[str, Callable[[Conversation, str], Conversation]] = {
    "offer": lambda one, agent: thread.offer(one, agent, LATER, NOW),
    "take": lambda one, agent: thread.take(one, agent, NOW),
    "release": lambda one, _: thread.release(one, NOW),
    "transfer": lambda one, _: thread.transfer(one, "other", NOW),
    "hand_to": lambda one, agent: thread.hand_to(one, agent, NOW),
    "snooze": lambda one, _: thread.snooze(one, LATER, NOW),
    "wake": lambda one, _: thread.wake(one, NOW),
    "close": lambda one, _: thread.close(one, NOW),
    "reopen": lambda one, _: thread.reopen(one, NOW),
}
TAKEN = {"take", "hand_to", "close"}  # nobody is alerted for it any more


def _new() -> Conversation:
    return Conversation(
        id="c",
        reference="R",
        customer="p",
        state=State.WAITING,
        queue="first",
        kind=WorkKind.CHAT,
        channel="chat",
        created_at=NOW,
        updated_at=NOW,
        waiting_since=NOW,
        attributes={"kept": "yes"},
        routing=RoutingState(alerts_due={"duty": LATER}, alerted={"night": NOW}, script="Hans"),
    )


def _agrees(one: Conversation) -> None:
    assert (one.offered_to is not None) == (one.state is State.OFFERED)
    assert (one.offer_until is not None) == (one.state is State.OFFERED)
    assert (one.snoozed_until is not None) == (one.state is State.SNOOZED)
    assert (one.closed_at is not None) == (one.state is State.CLOSED)
    assert one.owner is None or one.state in (State.ASSIGNED, State.SNOOZED)
    assert one.owner is not None or one.state is not State.ASSIGNED
    assert one.waiting_since is not None or one.state is not State.WAITING
    assert (one.attributes["kept"], one.routing.script) == ("yes", "Hans")


def test_every_move_of_the_table_has_its_function() -> None:
    assert set(WAYS) == set(MOVES)


@given(st.lists(st.tuples(st.sampled_from(sorted(MOVES)), st.sampled_from(["ann", "bo"])), max_size=30))
def test_on_every_path_of_moves_the_fields_agree_with_the_state(path: list[tuple[str, str]]) -> None:
    one = _new()
    for name, agent in path:
        move = MOVES[name]
        try:
            after = WAYS[name](one, agent)
        except UnlawfulMove as refused:
            assert refused.move == move.label
            assert one.state not in move.sources or name == "take"
            continue
        assert one.state in move.sources
        assert after.state is move.target
        assert not (name in TAKEN and after.routing.alerts_due)
        assert not (name in {*TAKEN, "wake"} and after.routing.alerted)
        _agrees(after)
        one = after


def test_what_is_offered_to_one_agent_is_not_taken_by_another() -> None:
    with pytest.raises(UnlawfulMove, match="offered to somebody else"):
        thread.take(thread.offer(_new(), "ann", LATER, NOW), "bo", NOW)


def test_what_one_agent_snoozed_is_not_taken_by_another() -> None:
    asleep = thread.snooze(thread.take(_new(), "ann", NOW), LATER, NOW)
    with pytest.raises(UnlawfulMove, match="snoozed by somebody else"):
        thread.take(asleep, "bo", NOW)


@pytest.mark.parametrize("state", list(State))
def test_a_state_is_open_until_it_is_closed_and_can_do_what_the_table_says(state: State) -> None:
    one = replace(_new(), state=state)
    assert state.is_open is (state is not State.CLOSED)
    assert [name for name in MOVES if one.can(name)] == [name for name, move in MOVES.items() if state in move.sources]


def test_what_sleeps_or_is_closed_is_awakened_and_nothing_else() -> None:
    waiting = _new()
    assigned = thread.take(waiting, "ann", NOW)
    for idle in (thread.snooze(assigned, LATER, NOW), thread.close(assigned, NOW)):
        assert thread.awaken(idle, LATER).is_waiting
    for busy in (waiting, assigned, thread.offer(waiting, "ann", LATER, NOW)):
        assert thread.awaken(busy, LATER) is busy

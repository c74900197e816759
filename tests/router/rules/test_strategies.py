"""Strategies choose among candidates."""

from datetime import UTC, datetime, timedelta

import pytest

from conversation.ports.storage.distribution import Candidate
from router.rules.strategies import choose, strategies

NOW = datetime(2026, 11, 23, 2, 30, tzinfo=UTC)


def candidate(agent: str, held: int, cap: int, idle: int, offered: int | None = None) -> Candidate:
    last = None if offered is None else NOW - timedelta(minutes=offered)
    return Candidate(
        agent=agent, held=held, cap=cap, idle_since=NOW - timedelta(minutes=idle), level=3, skill=3, last_offered=last
    )


CROWD = [candidate("a", 1, 2, 5, 1), candidate("b", 1, 4, 1, 9), candidate("c", 2, 8, 3, 4)]


@pytest.mark.parametrize(
    ("strategy", "agent"), [("least_busy", "c"), ("longest_idle", "a"), ("round_robin", "b"), ("unheard", "c")]
)
def test_a_strategy_says_who_is_first(strategy: str, agent: str) -> None:
    chosen = choose(CROWD, strategy)
    assert chosen is not None
    assert chosen.agent == agent


def test_whoever_was_never_offered_anything_comes_first_in_a_round() -> None:
    chosen = choose([*CROWD, candidate("d", 3, 4, 0)], "round_robin")
    assert chosen is not None
    assert chosen.agent == "d"


def test_nobody_is_chosen_from_nobody() -> None:
    assert all(choose([], name) is None for name in strategies())


def test_a_strategy_that_chooses_a_stranger_is_not_obeyed() -> None:
    stranger = candidate("z", 0, 1, 0)
    chosen = choose(CROWD, "odd", {"odd": lambda _: stranger})
    assert chosen is not None
    assert chosen.agent == "c"

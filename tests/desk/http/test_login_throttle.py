"""Delays of wrong logins, by a clock that moves when told."""

from datetime import timedelta

import pytest

from desk.http import login_throttle as limits
from desk.http.login_throttle import AT_ACCOUNT, FailedLogins, Guesser, Steps, TooManyLogins
from tests.fakes import FakeClock


class Door:
    """Tries that are judged at once."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.logins = FailedLogins(clock.monotonic)

    def tries(self, account: str, network: str | None, *, right: bool = False, device: str | None = None) -> int:
        """Seconds to wait; 0 where it was judged."""
        try:
            attempt = self.logins.attempt(Guesser(account=account, network=network, device=device))
        except TooManyLogins as refused:
            return refused.wait
        with attempt:
            if right:
                attempt.right()
        return 0

    def guesses(self, account: str, network: str | None, seconds: int) -> int:
        """How many wrong tries somebody gets through who tries every second."""
        judged = 0
        for _ in range(seconds):
            judged += self.tries(account, network) == 0
            self.clock.advance(timedelta(seconds=1))
        return judged


@pytest.fixture
def door(clock: FakeClock) -> Door:
    return Door(clock)


def test_the_delay_doubles_with_each_wrong_try_up_to_its_cap(door: Door) -> None:
    waits = []
    for _ in range(14):
        assert door.tries("mei", "203.0.113.9") == 0
        waits.append(door.logins._wait(Guesser(account="mei", network="203.0.113.9"), door.clock.monotonic()))
        door.clock.advance(timedelta(seconds=waits[-1]))
    assert waits == [0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
    assert Steps(free=2, first=1.0, longest=300.0).delay(100_000) == 300


def test_five_wrong_guesses_of_a_stranger_do_not_delay_the_agent_elsewhere(door: Door) -> None:
    door.guesses("mei", "203.0.113.9", 60)
    assert door.tries("mei", "203.0.113.9") > 0
    assert door.tries("mei", "198.51.100.1", right=True) == 0


def test_fifty_wrong_guesses_at_many_accounts_delay_their_own_address_only(door: Door) -> None:
    judged = sum(door.tries(f"agent-{number}", "203.0.113.9") == 0 for number in range(50))
    assert judged == 21
    assert door.tries("agent-1", "198.51.100.1", right=True) == 0
    assert door.tries("agent-60", "203.0.113.9") > 0


def test_a_colleague_at_the_same_address_who_was_there_before_is_not_delayed(door: Door) -> None:
    assert door.tries("mei", "203.0.113.9", right=True) == 0
    for number in range(50):
        door.tries(f"agent-{number}", "203.0.113.9")
    assert door.tries("mei", "203.0.113.9", right=True) == 0
    assert door.tries("wei", "203.0.113.9", right=True, device="known") == 0


def test_many_networks_that_guess_at_one_account_lock_nobody_out(door: Door) -> None:
    for number in range(200):
        door.tries("mei", f"203.0.113.{number}")
    assert door.logins.attacked("mei")
    assert door.tries("mei", "198.51.100.1", right=True) == 0  # from anywhere new the first try is judged at once
    assert door.tries("mei", "203.0.113.250") == 0
    assert door.tries("mei", "203.0.113.250") == 30  # and no other one is free
    assert not door.logins.attacked("wei")


def test_one_network_gets_few_guesses_an_hour(door: Door) -> None:
    assert door.guesses("mei", "203.0.113.9", 3600) <= 22


def test_where_nobody_is_told_apart_only_the_account_under_attack_is_delayed_and_briefly(door: Door) -> None:
    door.guesses("mei", None, 300)
    assert 0 < door.tries("mei", None) <= 30
    assert door.tries("wei", None, right=True) == 0
    assert door.tries("mei", None, right=True, device="known") == 0


def test_tries_at_the_same_time_do_not_slip_through(door: Door) -> None:
    waits = []
    for _ in range(40):
        try:
            door.logins.attempt(Guesser(account="mei", network=None))
        except TooManyLogins as refused:
            waits.append(refused.wait)
    assert len(waits) == 37


def test_of_one_network_few_tries_are_judged_at_once(door: Door) -> None:
    under_way = [door.logins.attempt(Guesser(account=f"a{n}", network="203.0.113.9")) for n in range(4)]
    for attempt in under_way:
        attempt.__enter__()
    assert door.tries("a5", "203.0.113.9") == 1
    assert door.tries("a5", "198.51.100.1") == 0
    for attempt in under_way:
        attempt.__exit__(None)
    assert door.tries("a5", "203.0.113.9") == 0


def test_what_could_not_be_judged_is_not_counted(door: Door) -> None:
    for _ in range(30):
        with pytest.raises(OSError, match="store"), door.logins.attempt(Guesser(account="mei", network="203.0.113.9")):
            raise OSError("the store does not answer")
    assert door.tries("mei", "203.0.113.9") == 0


def test_an_hour_of_peace_forgets(door: Door) -> None:
    door.guesses("mei", "203.0.113.9", 600)
    door.clock.advance(timedelta(hours=1))
    assert [door.tries("mei", "203.0.113.9") for _ in range(2)] == [0, 0]
    assert max(AT_ACCOUNT.longest, limits.AT_ATTACKED_ACCOUNT.longest) < limits.FORGOTTEN_AFTER


def test_strangers_cannot_fill_the_memory(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_MOST_KEYS", 100)
    counters = (door.logins._pairs, door.logins._networks, door.logins._accounts)
    for counter in counters:
        counter._most = 100
    for number in range(1000):
        door.tries(f"agent-{number}", f"2001:db8:{number:x}::")
        door.tries("mei", f"2001:db9:{number:x}::", right=True)
    assert max(len(counter._counts) for counter in counters) <= 100
    assert len(door.logins._familiar) <= 100
    assert not door.logins._judged

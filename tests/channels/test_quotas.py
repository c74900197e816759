"""Quotas of bytes: a rolling window, concurrent uploads, and a bounded memory."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.quotas import Quota, QuotaExceeded, reserved
from tests.fakes import FakeClock

HOUR = timedelta(hours=1)


def quota(clock: FakeClock, limit: int = 100, most: int = 50_000) -> Quota:
    return Quota(clock, limit=limit, window=HOUR, most=most)


def store(quotas: list[tuple[Quota, str]], size: int) -> None:
    with reserved(quotas, size) as room:
        room.use(size)
        room.keep()


def test_what_was_kept_counts_for_a_whole_window(clock: FakeClock) -> None:
    one = quota(clock)
    store([(one, "a")], 60)
    with pytest.raises(QuotaExceeded) as refused:
        store([(one, "a")], 41)
    assert 3600 <= refused.value.wait <= 3660
    store([(one, "b")], 100)
    clock.advance(HOUR - timedelta(minutes=1))
    assert one.wait("a", 41) > 0
    clock.advance(timedelta(minutes=2))
    assert one.wait("a", 100) == 0


def test_the_wait_is_until_enough_has_ended(clock: FakeClock) -> None:
    one = quota(clock)
    for _ in range(4):
        store([(one, "a")], 25)
        clock.advance(timedelta(minutes=10))
    waits = [one.wait("a", size) for size in (25, 50, 100)]
    assert waits == sorted(set(waits))
    clock.advance(timedelta(seconds=waits[0]))
    assert one.wait("a", 25) == 0
    assert one.wait("a", 26) > 0


def test_uploads_at_the_same_time_cannot_pass_the_quota(clock: FakeClock) -> None:
    one = [(quota(clock), "a")]
    with reserved(one, 60), pytest.raises(QuotaExceeded), reserved(one, 60):
        pytest.fail("a second one found room")
    with reserved(one, 100):
        pass  # the first one broke off: nothing of it is kept


def test_an_upload_without_a_length_is_stopped_at_the_quota(clock: FakeClock) -> None:
    one = [(quota(clock), "a")]
    with pytest.raises(QuotaExceeded), reserved(one, 0) as room:
        for _ in range(11):
            room.use(10)
    assert one[0][0].wait("a", 100) == 0


def test_every_quota_must_have_room_and_none_is_held_where_one_has_not(clock: FakeClock) -> None:
    small, large = quota(clock, 10), quota(clock, 100)
    with pytest.raises(QuotaExceeded), reserved([(large, "all"), (small, "a")], 11):
        pytest.fail("there was no room")
    store([(large, "all")], 100)


def test_strangers_cannot_fill_the_memory(clock: FakeClock) -> None:
    one = quota(clock, most=10)
    for number in range(1000):
        store([(one, f"{number}")], 1)
    with reserved([(one, "idle")], 0):
        pass
    assert len(one._usages) <= 10


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 900)), max_size=60))
def test_no_window_ever_holds_more_than_the_limit(uploads: list[tuple[int, int]]) -> None:
    clock = FakeClock()
    one, kept = quota(clock), list[tuple[float, int]]()
    for size, pause in uploads:
        clock.advance(timedelta(seconds=pause))
        if not one.wait("a", size):
            store([(one, "a")], size)
            kept.append((clock.monotonic(), size))
        assert sum(s for at, s in kept if at > clock.monotonic() - 3600) <= 100

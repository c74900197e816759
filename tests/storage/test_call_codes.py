"""Requests that wait for a one-time code, on both databases: kept once, guessed at a few times, forgotten."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from conversation.id_generator import new_id
from conversation.model.message import CallbackRequested
from conversation.model.people import Identity
from conversation.model.verification_code import LIFE, TRIES, PendingCall, digest
from storage.store import Store
from tests.storage.makers import NOW

NUMBER = "+33142685300"
HOUR = timedelta(hours=1)


def pending(code: str = "123456", number: str = NUMBER) -> PendingCall:
    one = CallbackRequested(
        channel="phone",
        external_id=new_id(),
        sender=Identity(channel="phone", address=number, name="Anna", phone=number),
        number=number,
        received_at=NOW,
        slot=NOW + HOUR,
        zones=("Europe/Paris", "Europe/Berlin"),
    )
    return PendingCall(asked=one, carrier="texts", digest=digest(one.external_id, code), sent_at=NOW, until=NOW + LIFE)


async def add(store: Store, one: PendingCall) -> bool:
    async with store.begin("test") as work:
        return await work.call_codes.add(one, now=one.sent_at)


async def test_a_request_is_kept_once_whoever_sends_it_how_often(store: Store) -> None:
    one = pending()
    added = await asyncio.gather(*(add(store, one) for _ in range(5)))
    assert sorted(added) == [False] * 4 + [True]
    async with store.read("test") as work:
        assert await work.call_codes.find(one.asked.external_id) == one
        assert await work.call_codes.find(new_id()) is None


async def test_guesses_at_the_same_moment_are_counted_each(store: Store) -> None:
    one = pending()
    await add(store, one)

    async def guess() -> PendingCall | None:
        async with store.begin("test") as work:
            return await work.call_codes.tried(one.asked.external_id, now=NOW)

    told = await asyncio.gather(*(guess() for _ in range(4 * TRIES)))
    assert sorted(found.tries for found in told if found is not None) == list(range(1, TRIES + 1))


async def test_no_code_is_good_after_its_time(store: Store) -> None:
    one = pending()
    await add(store, one)
    async with store.begin("test") as work:
        assert await work.call_codes.tried(one.asked.external_id, now=one.until) is None


async def test_a_request_whose_code_ended_may_be_sent_anew_and_one_that_is_settled_may_not(store: Store) -> None:
    one = pending()
    await add(store, one)
    later = replace(one, digest="other", sent_at=one.until, until=one.until + LIFE)
    assert await add(store, later)
    async with store.begin("test") as work:
        assert await work.call_codes.find(one.asked.external_id) == replace(later, sendings=2)
        await work.call_codes.settled(one.asked.external_id, "call")
    assert not await add(store, replace(one, sent_at=later.until, until=later.until + LIFE))


async def test_codes_are_counted_by_number_and_time(store: Store) -> None:
    for number in (NUMBER, NUMBER, "+33491123456"):
        await add(store, pending(number=number))
    async with store.begin("test") as work:
        one = pending()
        await work.call_codes.add(replace(one, sent_at=NOW - HOUR), now=NOW)
        assert await work.call_codes.sent_to(NUMBER, since=NOW - HOUR) == 2
        assert await work.call_codes.sent_to("+49301234567", since=NOW - HOUR) == 0
        await work.call_codes.change(replace(one, sent_at=NOW, sendings=3))
        assert await work.call_codes.sent_to(NUMBER, since=NOW - HOUR) == 5

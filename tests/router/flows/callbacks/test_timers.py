"""What time may and may not do to a call, on both databases: nothing runs out before somebody could call, nobody is called at night."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from conversation.errors import CallbackRefused
from conversation.model.callback import CallOutcome, CallReport, CallState, PhoneCall, SlotQuery
from conversation.model.conversation import State
from conversation.model.message import Direction
from conversation.model.people import WorkKind
from router.flows.callbacks.attempts import CallAttempts
from router.flows.callbacks.timers import CallbackTimers
from tests.router.flows.callbacks.test_callbacks import (
    HALF,
    MONDAY,
    PARIS,
    asked,
    callback,
    door,
    monday,
    offered,
    request,
    tick,
)
from tests.router.flows.stage import CANS, PLAN, RULES, Stage, rulebook

__all__ = ["monday"]

TUESDAY = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)  # nine in Paris, and Shanghai is open
SATURDAY = datetime(
    2026, 11, 28, 9, 0, tzinfo=UTC
)  # ten in Paris; on Friday it is still dark there when Shanghai closes
WISH = SlotQuery(channel="phone", zones=PARIS, issue="topup", language="en")
CLOSED_TILL_FRIDAY = RULES.replace(
    "mon-fri = [", 'dates = [{ from = "2026-11-24", to = "2026-11-26", hours = [] }]\nmon-fri = [', 1
)
NEVER = RULES.replace('mon-fri = ["09:00-12:00", "13:00-21:00"]\nsat-sun = ["10:00-18:00"]', 'every = ["05:00-06:00"]')
DAY = timedelta(days=1)


async def to(stage: Stage, at: datetime) -> None:
    await tick(stage, at - stage.clock.now())


def duties(stage: Stage) -> CallbackTimers:
    return CallbackTimers(stage.storage, stage.rules, stage.clock, cans=lambda: stage.cans, ends=stage.ends)


async def slots(stage: Stage, limit: int = 1) -> list[datetime]:
    async with door(stage) as calls:
        return [slot.start for slot in await calls.slots(WISH, limit=limit)]


async def told_out(stage: Stage, conversation: str) -> list[str]:
    return [one.text for one in await stage.messages(conversation) if one.direction is Direction.OUT]


async def test_a_try_again_after_a_slot_days_ahead_does_not_run_out(stage: Stage) -> None:
    agent = await stage.agent()
    slot = MONDAY + 4 * DAY
    told = await request(stage, slot=slot)
    await to(stage, slot)
    conversation = await offered(stage, agent, told)
    await stage.actions.take(agent, conversation)
    await stage.calls.outcome(agent, conversation, CallOutcome.NO_ANSWER)
    await to(stage, slot + HALF)
    assert (await callback(stage, told)).state is CallState.DUE
    await to(stage, slot + HALF + PLAN.expires - timedelta(hours=1))
    assert (await callback(stage, told)).open
    await to(stage, slot + 2 * HALF + PLAN.expires + DAY)
    assert (await callback(stage, told)).state is CallState.EXPIRED  # and the clock runs from when it was due


async def test_as_soon_as_possible_outlives_a_long_closure(stage: Stage) -> None:
    agent = await stage.agent()
    stage.rules.swap(rulebook(CLOSED_TILL_FRIDAY, revision="r2"))
    stage.clock.advance(timedelta(hours=5))  # closed for today
    told = await request(stage)
    assert told.next_at == TUESDAY + 3 * DAY
    await to(stage, told.next_at)
    await offered(stage, agent, told)


async def test_what_is_due_when_the_closure_begins_is_called_after_it(stage: Stage) -> None:
    agent = await stage.agent()
    told = await request(stage)
    stage.rules.swap(rulebook(CLOSED_TILL_FRIDAY, revision="r2"))
    await to(stage, MONDAY + timedelta(hours=5))
    one = await callback(stage, told)
    assert (one.state, one.due_at) == (CallState.REQUESTED, TUESDAY + 3 * DAY)
    assert one.due_at is not None
    await to(stage, one.due_at)
    await offered(stage, agent, told)


async def test_a_call_that_nobody_made_by_the_evening_is_offered_to_nobody_at_night(stage: Stage) -> None:
    agent = await stage.agent()
    own = await stage.write("hello", channel="site", address="anna")
    stage.rules.swap(rulebook(RULES.replace('hours = "shanghai"\n', ""), revision="always"))
    told = await request(stage, token=own.conversation)
    await to(stage, MONDAY + timedelta(hours=9, minutes=59))
    assert (await callback(stage, told)).state is CallState.DUE
    await to(stage, MONDAY + timedelta(hours=10, minutes=1))  # eight in the evening, in Paris
    one, conversation = await callback(stage, told), await stage.conversation(told.callback.conversation)
    assert (one.state, one.due_at) == (CallState.REQUESTED, TUESDAY)
    assert (conversation.state, conversation.snoozed_until) == (State.SNOOZED, TUESDAY)
    assert await stage.held(agent, WorkKind.CALLBACK) == 0
    assert await told_out(stage, conversation.id) == []  # as soon as possible it still is
    await stage.present(agent)
    await to(stage, TUESDAY)
    await offered(stage, agent, told)
    assert (await callback(stage, told)).due_since == MONDAY


async def test_who_holds_a_call_when_the_queue_closes_may_still_make_it_while_it_is_lawful(stage: Stage) -> None:
    agent = await stage.agent()
    told = await request(stage)
    conversation = await offered(stage, agent, told)
    await stage.actions.take(agent, conversation)
    await to(stage, MONDAY + timedelta(hours=4, minutes=1))  # Shanghai is closed
    await stage.calls.dial(agent, conversation)
    assert (await callback(stage, told)).state is CallState.DIALING


async def test_promises_are_looked_at_when_a_node_starts(stage: Stage) -> None:
    await stage.agent()
    own = await stage.write("top up please", channel="site", address="anna")
    (slot,) = await slots(stage)
    told = await request(stage, slot=slot, token=own.conversation)
    stage.rules.swap(rulebook(CLOSED_TILL_FRIDAY.replace('"13:00-21:00"', '"13:00-14:00"'), revision="r1"))
    moved = [await duty(stage.clock.now()) for duty in duties(stage).duties()]
    assert sum(moved) == 1
    one = await callback(stage, told)
    assert (one.state, one.slot_at, one.due_at) == (CallState.REQUESTED, None, SATURDAY)
    assert "Our hours have changed." in (await told_out(stage, told.callback.conversation))[-1]
    assert f"/change/{one.id}" in (await told_out(stage, told.callback.conversation))[-1]


async def test_promises_are_looked_at_when_an_emergency_closes_the_queue(stage: Stage) -> None:
    await stage.agent()
    (slot,) = await slots(stage)
    told = await request(stage, slot=slot)
    serving = duties(stage)
    await tick_of(serving, stage)
    assert (await callback(stage, told)).slot_at == slot
    stage.rules.swap(rulebook(CLOSED_TILL_FRIDAY.replace('"13:00-21:00"', '"13:00-14:00"'), revision="r1"))
    await tick_of(serving, stage)
    assert (await callback(stage, told)).slot_at is None


async def test_who_waits_for_an_opening_is_called_earlier_where_it_comes_earlier(stage: Stage) -> None:
    agent = await stage.agent()
    stage.clock.advance(timedelta(hours=5))
    told = await request(stage)
    assert told.next_at == TUESDAY
    stage.rules.swap(rulebook(RULES.replace('"13:00-21:00"', '"13:00-24:00"'), revision="longer"))
    await tick(stage)
    await offered(stage, agent, told)


async def tick_of(serving: CallbackTimers, stage: Stage) -> None:
    for duty in serving.duties():
        await duty(stage.clock.now())


async def test_nothing_is_promised_where_nobody_may_ever_call(stage: Stage) -> None:
    await stage.agent()
    first = await request(stage, number="+33491123456")
    stage.rules.swap(rulebook(NEVER, revision="never"))  # open while Paris sleeps
    with pytest.raises(CallbackRefused, match="no_time"):
        await request(stage)
    async with door(stage) as calls:
        with pytest.raises(CallbackRefused, match="no_time"):
            await calls.reschedule(first.callback.id, None)
    await tick(stage, timedelta(minutes=1))
    assert (await callback(stage, first)).state is CallState.EXPIRED  # and whoever waits is told, at once


async def test_one_request_that_cannot_be_moved_stops_no_other(stage: Stage) -> None:
    agent = await stage.agent()
    slot = (await slots(stage))[0]
    broken = await request(stage, slot=slot, number="+33491123456")
    told = await request(stage, slot=slot)
    async with stage.storage.begin("test") as work:
        one = await work.callbacks.get(broken.callback.id)
        await work.callbacks.move(one, replace(one, zones=("Nowhere/At_All",)))
    await to(stage, slot)
    assert (await callback(stage, told)).state is CallState.DUE
    assert (await callback(stage, broken)).state is CallState.SCHEDULED
    await offered(stage, agent, told)


class Exchange:
    """Keeps what it is asked to dial."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def dial(self, call: PhoneCall) -> str:
        self.asked.append(call.attempt)
        return call.attempt

    async def reports(self) -> AsyncIterator[CallReport]:
        for one in self.asked[:0]:
            yield CallReport(attempt=one)


@pytest.mark.parametrize("late", [timedelta(minutes=2), timedelta(hours=14)])
async def test_a_try_that_was_written_down_and_never_asked_for_is_not_dialed_later(
    stage: Stage, late: timedelta
) -> None:
    agent, exchange = await stage.agent(), Exchange()
    plan = {"phone": replace(CANS["phone"], calls=replace(PLAN, dialer="twilio"))}
    stage.cans |= plan
    ends = CallAttempts(
        stage.storage, stage.rules, stage.clock, cans=lambda: stage.cans, dialers=lambda: {"phone": exchange}
    )
    told = await request(stage)
    conversation = await offered(stage, agent, told)
    await stage.calls.dial(agent, conversation)  # whose own exchange is not there: as if it had died
    serving = CallbackTimers(stage.storage, stage.rules, stage.clock, cans=lambda: stage.cans, ends=ends)
    async with stage.storage.read("test") as work:
        (attempt,) = await work.callbacks.attempts(told.callback.id)
    stage.clock.advance(late)
    await tick_of(serving, stage)
    assert exchange.asked == []
    async with stage.storage.read("test") as work:
        (attempt,) = await work.callbacks.attempts(told.callback.id)
    assert attempt.outcome is CallOutcome.LOST


async def test_a_telephone_that_rings_long_is_not_lost_while_it_rings(stage: Stage) -> None:
    agent, exchange = await stage.agent(), Exchange()
    ring = timedelta(minutes=4)
    stage.cans |= {"phone": replace(CANS["phone"], calls=replace(PLAN, dialer="twilio", ring=ring))}
    stage.ends._dialers = lambda: {"phone": exchange}
    told = await request(stage)
    conversation = await offered(stage, agent, told)
    attempt = await stage.calls.dial(agent, conversation)
    await to(stage, MONDAY + ring + timedelta(minutes=4, seconds=59))
    assert (await callback(stage, told)).state is CallState.DIALING
    await to(stage, MONDAY + ring + timedelta(minutes=5, seconds=1))
    assert (await callback(stage, told)).outcomes == (CallOutcome.LOST,)
    assert exchange.asked == [attempt.id]


async def test_a_number_that_asked_never_to_be_called_is_not_tried_again(stage: Stage) -> None:
    agent = await stage.agent()
    told = await request(stage)
    conversation = await offered(stage, agent, told)
    await stage.actions.take(agent, conversation)
    await stage.calls.outcome(agent, conversation, CallOutcome.NO_ANSWER, never=True)
    assert (await callback(stage, told)).state is CallState.NO_ANSWER


@pytest.mark.parametrize("offer", [False, True])
async def test_a_chat_from_which_a_call_was_asked_for_waits_again_when_it_is_cancelled(
    stage: Stage, offer: bool
) -> None:
    agent = await stage.agent()
    own = await stage.write("my card is broken", channel="site", address="anna")
    before = await stage.conversation(own.conversation)
    async with door(stage) as calls:
        slot = None if offer else (await calls.slots(WISH, limit=1))[0].start
        told = await calls.request(asked(token=own.conversation, slot=slot))
        if offer:
            await offered(stage, agent, told)
        await calls.cancel(told.callback.id)
    after = await stage.conversation(own.conversation)
    assert (after.state, after.kind) == (State.WAITING, WorkKind.CHAT)
    assert after.waiting_since == before.last_inbound_at == MONDAY
    assert await stage.held(agent, WorkKind.CALLBACK) == 0


async def test_the_same_time_chosen_again_is_kept_though_the_slot_is_full(stage: Stage) -> None:
    await stage.agent(capacity=1)
    async with door(stage) as calls:
        slot = (await calls.slots(WISH, limit=1))[0].start
        told = await calls.request(asked(slot=slot))
        again = await calls.reschedule(told.callback.id, slot)
        linked = await calls.request(asked(slot=slot, token=told.callback.conversation, note="ring long"))
        assert slot not in [one.start for one in await calls.slots(WISH, limit=5)]
    for one in (again, linked):
        assert (one.callback.id, one.callback.slot_at, one.callback.state) == (
            told.callback.id,
            slot,
            CallState.SCHEDULED,
        )
    assert linked.callback.note == "ring long"


async def test_a_reminder_leads_to_the_request_itself(stage: Stage) -> None:
    await stage.agent()
    own = await stage.write("top up please", channel="site", address="anna")
    async with door(stage) as calls:
        slot = (await calls.slots(replace(WISH, conversation=own.conversation), limit=5))[4]
        told = await calls.request(asked(slot=slot.start, token=own.conversation))
    await to(stage, slot.start - timedelta(hours=1))
    (sent,) = await told_out(stage, told.callback.conversation)
    assert sent.endswith(f"To change or cancel: https://call.example/change/{told.callback.id}")


async def test_customers_who_exchange_their_times_at_once_both_move(stage: Stage) -> None:
    await stage.agent(capacity=20)
    async with door(stage) as calls:
        grid = [slot.start for slot in await calls.slots(WISH, limit=4)]
        made = [await calls.request(asked(number=f"+3349112000{n}", slot=grid[n % 4])) for n in range(8)]
        for turn in range(1, 6):
            moves = (calls.reschedule(one.callback.id, grid[(n * 3 + turn) % 4]) for n, one in enumerate(made))
            told = await asyncio.gather(*moves)
            assert [one.callback.slot_at for one in told] == [grid[(n * 3 + turn) % 4] for n in range(8)]


async def test_a_place_whose_time_ran_out_is_held_anew_or_refused(stage: Stage) -> None:
    await stage.agent(capacity=1)
    async with door(stage) as calls:
        slot = (await calls.slots(WISH, limit=5))[4].start
        one, other = asked(slot=slot), asked(slot=slot, number="+33491123456")
        await calls._made_ready(one)
        stage.clock.advance(timedelta(minutes=3))
        await calls._made_ready(one)  # held for another two minutes
        with pytest.raises(CallbackRefused, match="slot_taken"):
            await calls.request(other)
        stage.clock.advance(timedelta(minutes=3))
        assert (await calls.request(other)).callback.slot_at == slot
        with pytest.raises(CallbackRefused, match="slot_taken"):
            await calls.request(one)


async def test_a_promise_that_was_not_kept_is_told_when_it_passes_and_at_the_next_closing_and_not_every_evening(
    stage: Stage,
) -> None:
    await stage.agent(online=False)
    own = await stage.write("top up please", channel="site", address="anna")
    (slot,) = await slots(stage)
    told = await request(stage, slot=slot, token=own.conversation)
    counts = []
    for at in (
        slot,
        slot + HALF,
        MONDAY + timedelta(hours=4, minutes=1),
        TUESDAY,
        MONDAY + timedelta(hours=28, minutes=1),
    ):
        await to(stage, at)
        counts.append(len(await told_out(stage, told.callback.conversation)))
    assert counts == [0, 1, 2, 2, 2]
    assert (await callback(stage, told)).missed

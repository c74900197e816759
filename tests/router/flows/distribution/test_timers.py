"""What time alone causes."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from conversation.model.conversation import State
from conversation.model.events import EventType
from conversation.model.people import Presence
from tests.router.flows.stage import RULES, Stage, received, rulebook


async def test_an_offer_that_ran_out_goes_back_and_to_somebody_else(stage: Stage) -> None:
    a = await stage.agent("a")
    accepted = await stage.write("hello")
    await stage.distributor.once()
    assert await stage.ticker.once(stage.clock.now()) == 0
    stage.clock.advance(timedelta(seconds=46))
    assert await stage.ticker.once(stage.clock.now()) == 1
    conversation = await stage.conversation(accepted.conversation)
    assert (conversation.state, conversation.passed, await stage.held(a)) == (State.WAITING, (a.id,), 0)
    released = (await stage.events(EventType.RELEASED))[0]
    assert (released.agent, released.data["reason"]) == (a.id, "expired")
    b = await stage.agent("b")
    await stage.distributor.once()
    assert (await stage.conversation(accepted.conversation)).offered_to == b.id


async def test_work_of_an_agent_who_vanished_comes_back_after_the_grace_time_once(stage: Stage) -> None:
    agent = await stage.agent(online=False)
    await stage.present(agent, span=timedelta(seconds=60))
    accepted = await stage.write("hello")
    await stage.actions.take(agent, accepted.conversation or "")
    stage.clock.advance(timedelta(seconds=60) + timedelta(minutes=4))
    assert await stage.ticker.once(stage.clock.now()) == 0
    stage.clock.advance(timedelta(minutes=1, seconds=1))
    assert await stage.ticker.once(stage.clock.now()) == 1
    assert await stage.ticker.once(stage.clock.now()) == 0
    conversation = await stage.conversation(accepted.conversation)
    assert (conversation.state, conversation.owner, await stage.held(agent)) == (State.WAITING, None, 0)


async def test_an_agent_who_comes_back_within_the_grace_time_keeps_the_work(stage: Stage) -> None:
    agent = await stage.agent(online=False)
    await stage.present(agent, span=timedelta(seconds=60))
    accepted = await stage.write("hello")
    await stage.actions.take(agent, accepted.conversation or "")
    stage.clock.advance(timedelta(minutes=4))
    await stage.present(agent)
    stage.clock.advance(timedelta(minutes=4))
    assert await stage.ticker.once(stage.clock.now()) == 0
    assert (await stage.conversation(accepted.conversation)).owner == agent.id


async def test_going_offline_gives_work_back_after_the_grace_time_too(stage: Stage) -> None:
    agent = await stage.agent()
    accepted = await stage.write("hello")
    await stage.actions.take(agent, accepted.conversation or "")
    await stage.present(agent, Presence.OFFLINE)
    stage.clock.advance(timedelta(minutes=5, seconds=1))
    assert await stage.ticker.once(stage.clock.now()) == 1
    assert (await stage.conversation(accepted.conversation)).state is State.WAITING


async def test_the_snoozed_wake_when_their_time_has_come(stage: Stage) -> None:
    agent = await stage.agent()
    accepted = await stage.write("hello")
    await stage.actions.take(agent, accepted.conversation or "")
    await stage.actions.snooze(agent, accepted.conversation or "", until=stage.clock.now() + timedelta(hours=1))
    assert await stage.held(agent) == 0
    stage.clock.advance(timedelta(hours=1))
    assert await stage.ticker.once(stage.clock.now()) == 1
    assert (await stage.conversation(accepted.conversation)).state is State.WAITING


async def test_what_waits_too_long_in_open_time_overflows_to_a_queue_that_can_serve_it(stage: Stage) -> None:
    stage.clock.set(datetime(2026, 11, 23, 3, 58, tzinfo=UTC))  # 11:58 in Shanghai, closed from 12 to 13
    accepted = await stage.write("top up failed")
    await stage.agent("tom", languages={"en": 5}, skills={})
    stage.clock.advance(timedelta(minutes=30))
    assert await stage.ticker.once(stage.clock.now()) == 0  # only two minutes were open
    stage.clock.advance(timedelta(minutes=36))
    assert await stage.ticker.once(stage.clock.now()) == 1
    assert (await stage.conversation(accepted.conversation)).queue == "general"
    told = (await stage.events(EventType.UPDATED))[-1]
    assert (told.was_queue, told.queue) == ("payments", "general")
    assert await stage.distributor.once() == 1


async def test_an_overflow_to_a_queue_without_anybody_for_the_language_is_passed_over(stage: Stage) -> None:
    accepted = await stage.write("充值不成功")
    await stage.agent("tom", languages={"en": 5}, skills={})
    stage.clock.advance(timedelta(minutes=30))
    assert await stage.ticker.once(stage.clock.now()) == 0
    assert (await stage.conversation(accepted.conversation)).queue == "payments"


async def test_somebody_is_paged_once_when_nobody_took_it(stage: Stage) -> None:
    await stage.write("my money was stolen")
    assert await stage.ticker.once(stage.clock.now()) == 0
    stage.clock.advance(timedelta(seconds=61))
    for _ in range(3):
        await stage.ticker.once(stage.clock.now())
    await stage.dispatcher.once()
    assert [(row.target, row.payload["queue"]) for row in stage.webhooks.sent] == [("duty", "safety")]


async def test_nobody_is_paged_for_what_was_taken_in_time(stage: Stage) -> None:
    agent = await stage.agent(skills={"safety": 1})
    accepted = await stage.write("my money was stolen")
    await stage.actions.take(agent, accepted.conversation or "")
    stage.clock.advance(timedelta(hours=1))
    await stage.ticker.once(stage.clock.now())
    assert await stage.dispatcher.once() == 0


async def test_work_sent_to_a_queue_by_hand_gets_that_queues_time_before_it_overflows(stage: Stage) -> None:
    tom = await stage.agent("tom", skills={})
    accepted = await stage.write("hello")
    await stage.actions.take(tom, accepted.conversation or "")
    stage.clock.advance(timedelta(minutes=40))
    await stage.present(tom)
    await stage.actions.transfer(tom, accepted.conversation or "", queue="payments")
    assert await stage.ticker.once(stage.clock.now()) == 0
    assert (await stage.conversation(accepted.conversation)).queue == "payments"
    stage.clock.advance(timedelta(minutes=5))
    assert await stage.ticker.once(stage.clock.now()) == 1
    assert (await stage.conversation(accepted.conversation)).queue == "general"


async def test_a_queue_that_time_brought_it_to_has_its_own_time_before_the_next(stage: Stage) -> None:
    chain = '[queues.general]\noverflow = [ { after = "5m", queue = "last" } ]\n\n[queues.last]'
    stage.rules.swap(rulebook(RULES.replace("[queues.general]", chain), "r2"))
    await stage.agent("tom")
    accepted = await stage.write("top up failed")
    queues = []
    for minutes in (6, 0, 4, 1):
        stage.clock.advance(timedelta(minutes=minutes))
        await stage.ticker.once(stage.clock.now())
        queues.append((await stage.conversation(accepted.conversation)).queue)
    assert queues == ["general", "general", "general", "last"]


async def test_somebody_is_paged_again_when_it_came_back_and_nobody_takes_it(stage: Stage) -> None:
    agent = await stage.agent(skills={"safety": 1})
    accepted = await stage.write("my money was stolen")
    stage.clock.advance(timedelta(seconds=61))
    await stage.ticker.once(stage.clock.now())
    await stage.actions.take(agent, accepted.conversation or "")
    stage.clock.advance(timedelta(hours=1))
    await stage.actions.release(agent, accepted.conversation or "")
    await stage.ticker.once(stage.clock.now())
    assert (await stage.outbox())["queued"] == 1  # nobody is called for what came back just now
    stage.clock.advance(timedelta(seconds=61))
    await stage.ticker.once(stage.clock.now())
    assert (await stage.outbox())["queued"] == 2


async def test_a_long_backlog_that_cannot_move_hides_nobody_behind_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("router.flows.distribution.timers._OVERDUE", 3)
    async with stage.intake() as inbox:  # nobody for Chinese is there: these stay
        await inbox.accept([received("充值不成功", address=f"c{n}") for n in range(7)])
        stage.clock.advance(timedelta(seconds=1))
        accepted = (await inbox.accept([received("top up failed", address="tim")]))[0]
    await stage.agent("tom", languages={"en": 5}, skills={})
    stage.clock.advance(timedelta(minutes=6))
    assert sum([await stage.ticker.once(stage.clock.now()) for _ in range(3)]) == 1
    assert (await stage.conversation(accepted.conversation)).queue == "general"


async def test_two_tickers_at_once_release_each_offer_once(stage: Stage) -> None:
    await stage.agent("a", capacity=5)
    async with stage.intake() as inbox:
        await inbox.accept([received("hi", address=f"c{n}") for n in range(5)])
    await stage.distributor.once()
    stage.clock.advance(timedelta(minutes=1))
    moved = await asyncio.gather(*(stage.ticker.once(stage.clock.now()) for _ in range(2)))
    assert sum(moved) == 5


async def test_what_waits_in_a_queue_that_is_no_more_goes_to_the_fallback(stage: Stage) -> None:
    accepted = await stage.write("my money was stolen")
    gone = RULES.replace("[queues.safety]", "[queues.guards]").replace('queue = "safety"', 'queue = "guards"')
    stage.rules.swap(rulebook(gone, "r2"))
    assert await stage.ticker.once(stage.clock.now()) == 1
    assert (await stage.conversation(accepted.conversation)).queue == "general"

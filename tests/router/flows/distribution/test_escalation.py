"""A page belongs to the conversation until a person takes it, whatever queue it is in meanwhile."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from conversation.model.conversation import State
from router.flows.distribution.timers import Ticker
from tests.router.flows.stage import RULES, Stage, received, rulebook

OVERFLOWING = RULES.replace(
    'page = { after = "1m", webhook = "duty" }',
    'page = { after = "1m", webhook = "duty" }\noverflow = [ { after = "35s", queue = "general" } ]',
)
SECOND = """
[webhooks.second]
url = "https://duty.example/second"
secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
"""


def with_rules(stage: Stage, source: str) -> None:
    stage.rules.swap(rulebook(source, "r2"))


async def tick(stage: Stage, seconds: float = 0) -> None:
    stage.clock.advance(timedelta(seconds=seconds))
    await stage.ticker.once(stage.clock.now())


async def pages(stage: Stage) -> list[tuple[str, object]]:
    """Whom somebody was called by so far, and about which queue."""
    async with stage.storage.read("test") as work:
        rows = await work.outbox.unacknowledged(50)
    return [(row.webhook, row.conversation) for row in rows]


async def test_a_page_of_60_seconds_survives_an_overflow_after_35(stage: Stage) -> None:
    with_rules(stage, OVERFLOWING)
    await stage.agent("tom", skills={})
    accepted = await stage.write("my money was stolen")
    await tick(stage, 36)
    assert (await stage.conversation(accepted.conversation)).queue == "general"
    await tick(stage, 23)
    assert await pages(stage) == []
    for seconds in (1, 1, 600):
        await tick(stage, seconds)
    assert await pages(stage) == [("duty", accepted.conversation)]


async def test_a_page_survives_a_transfer_by_an_agent_who_did_not_take_it(stage: Stage) -> None:
    tom = await stage.agent("tom", skills={"safety": 1, "payments": 1})
    accepted = await stage.write("my money was stolen")
    await tick(stage, 30)
    await stage.actions.transfer(tom, accepted.conversation or "", queue="payments")
    await tick(stage, 29)
    assert await pages(stage) == []
    await tick(stage, 1)
    assert await pages(stage) == [("duty", accepted.conversation)]


async def test_a_page_survives_a_transfer_by_rules(stage: Stage) -> None:
    accepted = await stage.write("my money was stolen")
    with_rules(
        stage, RULES + '[[rules]]\nname = "elsewhere"\nwhen = { text = "hello" }\nthen = { queue = "general" }\n'
    )
    stage.clock.advance(timedelta(seconds=30))
    await stage.write("hello")
    assert (await stage.conversation(accepted.conversation)).queue == "general"
    await tick(stage, 30)
    assert await pages(stage) == [("duty", accepted.conversation)]


async def test_a_rules_own_page_survives_a_transfer_too(stage: Stage) -> None:
    rule = '[[rules]]\nname = "p"\nwhen = { issue = "topup" }\nthen = { page = { after = "2m", webhook = "duty" } }\n'
    with_rules(stage, RULES + rule)
    tom = await stage.agent("tom")
    accepted = await stage.write("top up failed")
    stage.clock.advance(timedelta(seconds=100))
    await stage.actions.transfer(tom, accepted.conversation or "", queue="general")
    await tick(stage, 20)
    await tick(stage, 300)
    assert await pages(stage) == [("duty", accepted.conversation)]


async def test_it_is_counted_in_the_hours_of_the_queue_where_it_began_to_wait(stage: Stage) -> None:
    paging = RULES.replace(
        'overflow = [ { after = "5m", queue = "general" } ]', 'page = { after = "5m", webhook = "duty" }'
    )
    with_rules(stage, paging)
    stage.clock.set(datetime(2026, 11, 23, 3, 58, tzinfo=UTC))  # 11:58 in Shanghai, closed from 12 to 13
    tom = await stage.agent("tom")
    accepted = await stage.write("top up failed")
    await stage.actions.transfer(tom, accepted.conversation or "", queue="general")  # always open
    await tick(stage, 3600)
    assert await pages(stage) == []
    await tick(stage, 300)
    assert await pages(stage) == [("duty", accepted.conversation)]


async def test_the_page_of_the_new_queue_counts_besides_the_one_that_was_kept(stage: Stage) -> None:
    second = '[queues.general]\npage = { after = "5m", webhook = "second" }'
    with_rules(stage, OVERFLOWING.replace("[queues.general]", second) + SECOND)
    await stage.agent("tom", skills={})
    accepted = await stage.write("my money was stolen")
    called = []
    for seconds in (36, 24, 275, 1, 600):
        await tick(stage, seconds)
        called.append([webhook for webhook, _ in await pages(stage)])
    assert called == [[], ["duty"], ["duty"], ["duty", "second"], ["duty", "second"]]
    assert (await stage.conversation(accepted.conversation)).queue == "general"


async def test_the_sooner_of_two_pages_over_the_same_webhook_counts_and_only_once(stage: Stage) -> None:
    later = '[queues.general]\npage = { after = "10m", webhook = "duty" }'
    with_rules(stage, RULES.replace("[queues.general]", later))
    tom = await stage.agent("tom", skills={"safety": 1})
    accepted = await stage.write("hello")
    stage.clock.advance(timedelta(seconds=30))
    await stage.actions.transfer(tom, accepted.conversation or "", queue="safety")
    await tick(stage, 60)
    assert len(await pages(stage)) == 1
    await stage.actions.transfer(tom, accepted.conversation or "", queue="general")
    await tick(stage, 3600)
    assert len(await pages(stage)) == 1


async def test_an_offer_that_nobody_accepts_holds_no_page_up(stage: Stage) -> None:
    with_rules(stage, RULES.replace('grace = "5m"', 'grace = "5m"\noffer = "10m"'))
    await stage.agent("sam", skills={"safety": 1})
    accepted = await stage.write("my money was stolen")
    await stage.distributor.once()
    await tick(stage, 60)
    conversation = await stage.conversation(accepted.conversation)
    assert (conversation.state, await pages(stage)) == (State.OFFERED, [("duty", accepted.conversation)])
    await tick(stage, 60)
    assert len(await pages(stage)) == 1


async def test_an_offer_in_another_queue_holds_no_kept_page_up(stage: Stage) -> None:
    with_rules(stage, OVERFLOWING.replace('grace = "5m"', 'grace = "5m"\noffer = "10m"'))
    tom = await stage.agent("tom", skills={})
    accepted = await stage.write("my money was stolen")
    await tick(stage, 36)
    await stage.distributor.once()
    assert (await stage.conversation(accepted.conversation)).offered_to == tom.id
    await tick(stage, 24)
    assert await pages(stage) == [("duty", accepted.conversation)]
    await stage.actions.take(tom, accepted.conversation or "")
    await tick(stage, 600)
    assert len(await pages(stage)) == 1


@pytest.mark.parametrize("how", ["take", "reply", "close"])
async def test_a_kept_page_ends_when_a_person_takes_it_or_it_is_closed(stage: Stage, how: str) -> None:
    with_rules(stage, OVERFLOWING)
    tom = await stage.agent("tom", skills={})
    accepted = await stage.write("my money was stolen")
    await tick(stage, 36)
    conversation = accepted.conversation or ""
    if how == "reply":
        await stage.replies.send(tom, conversation, client_id="c1", text="We are on it.")
    else:
        await getattr(stage.actions, how)(tom, conversation)
    await tick(stage, 3600)
    assert await pages(stage) == []


async def test_what_is_released_is_paged_for_anew_in_its_own_queue_only(stage: Stage) -> None:
    with_rules(stage, OVERFLOWING)
    tom = await stage.agent("tom", skills={})
    accepted = await stage.write("my money was stolen")
    await tick(stage, 36)
    await stage.actions.take(tom, accepted.conversation or "")
    await stage.actions.release(tom, accepted.conversation or "")  # a person has seen it: general pages nobody
    await tick(stage, 3600)
    assert await pages(stage) == []
    await stage.actions.transfer(tom, accepted.conversation or "", queue="safety")
    await tick(stage, 59)
    assert await pages(stage) == []
    await tick(stage, 1)
    assert len(await pages(stage)) == 1


async def test_two_tickers_and_a_restarted_one_page_once(stage: Stage) -> None:
    with_rules(stage, OVERFLOWING)
    await stage.agent("tom", skills={})
    async with stage.intake() as inbox:
        await inbox.accept([received("my money was stolen", address=f"c{n}") for n in range(5)])
    await tick(stage, 36)
    stage.clock.advance(timedelta(seconds=24))
    others = [Ticker(stage.storage, stage.rules, stage.clock) for _ in range(2)]
    await asyncio.gather(*(one.once(stage.clock.now()) for one in others))
    for one in (stage.ticker, Ticker(stage.storage, stage.rules, stage.clock)):
        await one.once(stage.clock.now())
    assert len({conversation for _, conversation in await pages(stage)}) == len(await pages(stage)) == 5


async def test_a_queue_that_is_no_more_takes_no_page_with_it(stage: Stage) -> None:
    accepted = await stage.write("my money was stolen")
    with_rules(
        stage, RULES.replace("[queues.safety]", "[queues.guards]").replace('queue = "safety"', 'queue = "guards"')
    )
    await tick(stage, 30)
    assert (await stage.conversation(accepted.conversation)).queue == "general"
    await tick(stage, 30)
    assert await pages(stage) == [("duty", accepted.conversation)]


async def test_what_slept_untaken_keeps_its_page_and_a_reopened_one_has_none_left(stage: Stage) -> None:
    with_rules(stage, OVERFLOWING)
    tom = await stage.agent("tom", skills={})
    first = await stage.write("my money was stolen")
    await tick(stage, 36)
    await stage.actions.snooze(tom, first.conversation or "", until=stage.clock.now() + timedelta(minutes=5))
    await tick(stage, 60)
    assert await pages(stage) == []
    await tick(stage, 240)
    assert await pages(stage) == [("duty", first.conversation)]
    await stage.actions.close(tom, first.conversation or "")
    await stage.actions.reopen(tom, first.conversation or "")
    routing = (await stage.conversation(first.conversation)).routing
    assert (routing.alerts_due, routing.alerted) == ({}, {})

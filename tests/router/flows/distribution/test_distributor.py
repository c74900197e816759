"""Waiting work meets free agents: the right ones, at once, and never above their capacity."""

import asyncio
from datetime import timedelta

import pytest

from conversation.errors import Conflict
from conversation.model.conversation import State
from conversation.model.events import EventType, Hint, Topic
from conversation.model.people import Presence
from conversation.ports.storage.figures import Window
from router.flows.distribution.distributor import Distributor
from tests.router.flows.stage import RULES, Stage, eventually, received, rulebook, running


async def test_chinese_work_is_offered_to_the_one_who_speaks_chinese(stage: Stage) -> None:
    await stage.agent("tom", languages={"en": 5})
    mei = await stage.agent("mei", languages={"zh": 5})
    accepted = await stage.write("充值不成功")
    assert await stage.distributor.once() == 1
    conversation = await stage.conversation(accepted.conversation)
    assert (conversation.state, conversation.offered_to) == (State.OFFERED, mei.id)
    assert conversation.offer_until == stage.clock.now() + stage.rules.rulebook.offer_for
    told = (await stage.events(EventType.OFFERED))[0]
    assert (told.agent, told.owner, told.queue) == (mei.id, mei.id, "payments")


async def test_nobody_without_the_skill_is_asked(stage: Stage) -> None:
    await stage.agent("tom", skills={"cooking": 5})
    await stage.write("充值不成功")
    assert await stage.distributor.once() == 0


@pytest.fixture
def no_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    """What happens here happens because somebody was told, not because somebody looked."""
    monkeypatch.setattr("router.flows.distribution.distributor._POLL", 3600.0)


@pytest.mark.usefixtures("no_poll")
async def test_an_agent_who_comes_online_gets_waiting_work_at_once(stage: Stage) -> None:
    agent = await stage.agent(online=False)
    accepted = await stage.write("hello")
    async with running(stage.distributor.run()):
        await asyncio.sleep(0.05)
        assert (await stage.conversation(accepted.conversation)).state is State.WAITING
        await stage.present(agent)
        stage.signals.publish(Hint(topic=Topic.WORK))  # as the desk does

        async def offered() -> bool:
            return (await stage.conversation(accepted.conversation)).offered_to == agent.id

        await eventually(offered)


@pytest.mark.usefixtures("no_poll")
async def test_a_new_message_is_offered_without_waiting_for_the_next_poll(stage: Stage) -> None:
    agent = await stage.agent()
    async with running(stage.distributor.run()):
        await asyncio.sleep(0.05)
        accepted = await stage.write("hello")

        async def offered() -> bool:
            return (await stage.conversation(accepted.conversation)).offered_to == agent.id

        await eventually(offered)


@pytest.mark.usefixtures("no_poll")
async def test_hands_that_become_free_get_the_next_work_at_once(stage: Stage) -> None:
    agent = await stage.agent(capacity=1)
    first = await stage.write("one", address="a")
    async with running(stage.distributor.run()):

        async def first_offered() -> bool:
            return (await stage.conversation(first.conversation)).offered_to == agent.id

        await eventually(first_offered)
        second = await stage.write("two", address="b")
        await stage.actions.close(agent, first.conversation or "")

        async def second_offered() -> bool:
            return (await stage.conversation(second.conversation)).offered_to == agent.id

        await eventually(second_offered)


async def test_capacity_is_never_exceeded_by_two_distributors_at_once(stage: Stage) -> None:
    agents = [await stage.agent(f"a{n}", capacity=3) for n in range(3)]
    async with stage.intake() as inbox:
        await inbox.accept([received("hi", address=f"c{n}") for n in range(30)])
    other = Distributor(stage.storage, stage.rules, stage.signals, stage.clock)
    for _ in range(4):
        await asyncio.gather(stage.distributor.once(), other.once())
    assert [await stage.held(agent) for agent in agents] == [3, 3, 3]
    assert len(await stage.events(EventType.OFFERED)) == 9


async def test_work_that_nobody_can_do_does_not_starve_the_rest(stage: Stage) -> None:
    await stage.agent("tom", languages={"en": 5}, capacity=9)
    async with stage.intake() as inbox:
        await inbox.accept([received("你好", address=f"zh{n}") for n in range(60)])
        english = (await inbox.accept([received("hello", address="en")]))[0]
    assert await stage.distributor.once() == 1
    assert (await stage.conversation(english.conversation)).state is State.OFFERED


async def test_the_least_busy_agent_is_asked_first(stage: Stage) -> None:
    a, b = await stage.agent("a"), await stage.agent("b")
    async with stage.intake() as inbox:
        await inbox.accept([received("hi", address=f"c{n}") for n in range(4)])
    await stage.distributor.once()
    assert (await stage.held(a), await stage.held(b)) == (2, 2)


@pytest.mark.parametrize("strategy", ["longest_idle", "round_robin"])
async def test_work_goes_round_under_the_other_strategies(stage: Stage, strategy: str) -> None:
    stage.rules.swap(rulebook(RULES.replace("[queues.general]", f'[queues.general]\nstrategy = "{strategy}"'), "r2"))
    agents = [await stage.agent(f"a{n}") for n in range(3)]
    for n in range(3):
        stage.clock.advance(timedelta(seconds=1))
        accepted = await stage.write("hi", address=f"c{n}")
        await stage.distributor.once()
        holder = (await stage.conversation(accepted.conversation)).offered_to
        agent = next(agent for agent in agents if agent.id == holder)
        await stage.actions.close(agent, accepted.conversation or "")
    offered = [event.agent for event in await stage.events(EventType.OFFERED)]
    assert len(set(offered)) == 3


async def test_urgent_work_goes_first(stage: Stage) -> None:
    agent = await stage.agent(skills={"safety": 3}, capacity=1)
    await stage.write("hello", address="a")
    stage.clock.advance(timedelta(minutes=1))
    urgent = await stage.write("my money was stolen", address="b")
    await stage.distributor.once()
    assert (await stage.conversation(urgent.conversation)).offered_to == agent.id


async def test_who_declined_is_not_asked_again_until_an_offers_time_has_gone_by(stage: Stage) -> None:
    agent = await stage.agent()
    accepted = await stage.write("hello")
    await stage.distributor.once()
    await stage.actions.release(agent, accepted.conversation or "")
    assert await stage.distributor.once() == 0
    other = await stage.agent("other")
    assert await stage.distributor.once() == 1
    assert (await stage.conversation(accepted.conversation)).offered_to == other.id
    await stage.actions.release(other, accepted.conversation or "")
    assert await stage.distributor.once() == 0
    stage.clock.advance(timedelta(minutes=1))
    assert await stage.distributor.once() == 1


async def test_what_becomes_of_an_offer_can_be_counted(stage: Stage) -> None:
    agent = await stage.agent()
    accepted = await stage.write("hello")
    began = stage.clock.now()
    await stage.distributor.once()
    await stage.actions.release(agent, accepted.conversation or "")
    await stage.actions.take(agent, accepted.conversation or "")
    await stage.actions.release(agent, accepted.conversation or "")
    await stage.actions.close(agent, accepted.conversation or "")
    await stage.write("hello again")
    async with stage.storage.read("test") as work:
        counted = await work.figures.handled(Window(began, stage.clock.now() + timedelta(seconds=1)))
    assert counted == {("general", what): 1 for what in ("offered", "declined", "released", "reopened")}


async def test_the_last_owner_is_asked_first_when_it_wakes(stage: Stage) -> None:
    a, _ = await stage.agent("a"), await stage.agent("b")
    accepted = await stage.write("hello")
    await stage.actions.take(a, accepted.conversation or "")
    await stage.actions.snooze(a, accepted.conversation or "", until=stage.clock.now() + timedelta(hours=1))
    # a becomes the busier one, so that only memory speaks for a
    busy = await stage.write("other", address="x")
    await stage.actions.take(a, busy.conversation or "")
    stage.clock.advance(timedelta(hours=2))
    assert await stage.ticker.once(stage.clock.now()) == 1
    await stage.distributor.once()
    assert (await stage.conversation(accepted.conversation)).offered_to == a.id


async def test_whoever_is_away_is_not_asked(stage: Stage) -> None:
    agent = await stage.agent()
    await stage.present(agent, Presence.AWAY)
    await stage.write("hello")
    assert await stage.distributor.once() == 0


async def test_eight_contenders_for_one_conversation_make_one_owner(stage: Stage) -> None:
    """One owner: the rest is told so by a stable code, and holds nothing."""
    agents = [await stage.agent(f"a{n}") for n in range(8)]
    for n in range(5):
        accepted = await stage.write("hello", address=f"c{n}")
        answers = await asyncio.gather(
            *(stage.actions.take(agent, accepted.conversation or "") for agent in agents), return_exceptions=True
        )
        winners = [answer for answer in answers if not isinstance(answer, BaseException)]
        codes = {answer.code for answer in answers if isinstance(answer, Conflict)}
        assert (len(winners), len(answers) - len(winners)) == (1, 7)
        assert codes <= {"taken", "moved", "capacity_full", "retry"}
        assert (await stage.conversation(accepted.conversation)).owner == winners[0].owner
    assert sum([await stage.held(agent) for agent in agents]) == 5


async def test_taking_over_capacity_is_refused_by_code(stage: Stage) -> None:
    agent = await stage.agent(capacity=1)
    one = await stage.write("one", address="a")
    two = await stage.write("two", address="b")
    await stage.actions.take(agent, one.conversation or "")
    with pytest.raises(Conflict) as refused:
        await stage.actions.take(agent, two.conversation or "")
    assert refused.value.code == "capacity_full"
    assert (await stage.conversation(two.conversation)).state is State.WAITING

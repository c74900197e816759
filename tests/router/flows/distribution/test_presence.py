"""Presence is a lease: whoever lets it run out is told to be gone."""

from datetime import timedelta

import pytest

from conversation.model.conversation import State
from conversation.model.events import EventType
from conversation.model.people import Presence
from tests.router.flows.stage import Stage

LEASE, SECOND = timedelta(seconds=60), timedelta(seconds=1)


async def test_whoever_vanishes_is_told_to_be_gone_once(stage: Stage) -> None:
    agent = await stage.agent(online=False)
    await stage.present(agent, span=timedelta(seconds=60))
    before = len(await stage.events(EventType.PRESENCE))
    await stage.ticker.once(stage.clock.now())
    assert len(await stage.events(EventType.PRESENCE)) == before
    stage.clock.advance(timedelta(seconds=60))
    for _ in range(2):
        await stage.ticker.once(stage.clock.now())
    told = (await stage.events(EventType.PRESENCE))[before:]
    assert [(one.agent, one.data) for one in told] == [(agent.id, {"presence": "offline"})]


async def tick(stage: Stage, span: timedelta) -> None:
    """A second each, as the loops do it: time, then whoever is free."""
    for _ in range(span // SECOND):
        stage.clock.advance(SECOND)
        await stage.ticker.once(stage.clock.now())
        await stage.distributor.once()


async def test_what_somebody_who_vanished_was_offered_is_offered_to_another_at_once_and_their_work_after_grace(
    stage: Stage,
) -> None:
    gone = await stage.agent("a", online=False, capacity=2)
    await stage.present(gone, span=LEASE)
    held, offered = await stage.write("one", address="c1"), await stage.write("two", address="c2")
    await stage.actions.take(gone, held.conversation or "")
    stage.clock.advance(LEASE - 10 * SECOND)
    await stage.distributor.once()
    assert (await stage.conversation(offered.conversation)).offered_to == gone.id
    other = await stage.agent("b", capacity=2)
    await tick(stage, 9 * SECOND)
    assert (await stage.conversation(offered.conversation)).offered_to == gone.id
    await tick(stage, 2 * SECOND)  # the lease ended a second ago, the offer would last for longer
    assert (await stage.conversation(offered.conversation)).offered_to == other.id
    assert (await stage.events(EventType.RELEASED))[0].data["reason"] == "abandoned"
    assert (await stage.conversation(held.conversation)).owner == gone.id
    stage.clock.advance(timedelta(minutes=5) - 3 * SECOND)
    await stage.present(other)
    await tick(stage, SECOND)
    assert (await stage.conversation(held.conversation)).owner == gone.id
    await tick(stage, 3 * SECOND)
    assert (await stage.conversation(held.conversation)).offered_to == other.id
    assert await stage.held(gone) == 0


@pytest.mark.parametrize("presence", [Presence.ONLINE, Presence.AWAY])
async def test_an_offer_to_somebody_who_is_here_lasts(stage: Stage, presence: Presence) -> None:
    agent = await stage.agent("a")
    accepted = await stage.write("hello")
    await stage.distributor.once()
    await stage.present(agent, presence)
    await tick(stage, 5 * SECOND)
    assert (await stage.conversation(accepted.conversation)).state is State.OFFERED

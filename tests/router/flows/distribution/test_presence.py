"""Presence is a lease: whoever lets it run out is told to be gone."""

from datetime import timedelta

from conversation.model.events import EventType
from tests.router.flows.stage import Stage


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

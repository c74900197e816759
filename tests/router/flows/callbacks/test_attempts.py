"""No try is dialed twice and none is lost: killed at random points, raced, and told of twice; on both databases."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from conversation.errors import PermanentFailure, TransientFailure, Unknown
from conversation.model.callback import CallOutcome, CallReport, CallState, PhoneCall
from router.flows.callbacks.agent_actions import CallbackService
from router.flows.callbacks.attempts import CallAttempts
from router.flows.callbacks.timers import CallbackTimers
from tests.router.flows.callbacks.test_callbacks import MONDAY, asked, callback, door, offered, request
from tests.router.flows.stage import CANS, PLAN, Stage

KILLS = 200


class Killed(BaseException):
    """As `kill -9`: nothing is caught, nothing is tidied up."""


class CountingDialer:
    """The exchange: counts what it was asked for, and may fail."""

    def __init__(self) -> None:
        self.dialed: Counter[str] = Counter()
        self.failures: list[Exception] = []

    async def dial(self, call: PhoneCall) -> str:
        self.dialed[call.attempt] += 1
        await asyncio.sleep(0)
        if self.failures:
            raise self.failures.pop(0)
        return f"provider-{call.attempt}"

    async def reports(self) -> AsyncIterator[CallReport]:
        told: tuple[CallReport, ...] = ()
        for one in told:
            yield one


@pytest.fixture
def dialer(stage: Stage) -> CountingDialer:
    stage.clock.advance(MONDAY - stage.clock.now())
    made = CountingDialer()
    stage.cans = CANS | {"phone": replace(CANS["phone"], calls=replace(PLAN, dialer="twilio", attempts=10))}
    stage.ends = ends(stage, made)
    stage.calls = agents(stage, stage.ends)
    return made


def ends(stage: Stage, dialer: CountingDialer, die: object = None) -> CallAttempts:
    def checkpoint(point: str) -> None:
        if point == die:
            raise Killed

    return CallAttempts(
        stage.storage, stage.rules, stage.clock,
        cans=lambda: stage.cans, dialers=lambda: {"phone": dialer}, checkpoint=checkpoint,
    )  # fmt: skip


def agents(stage: Stage, by: CallAttempts) -> CallbackService:
    return stage.agents_of(by)


async def tick(stage: Stage, by: CallAttempts) -> None:
    duties = CallbackTimers(stage.storage, stage.rules, stage.clock, cans=lambda: stage.cans, ends=by)
    for duty in duties.duties():
        await duty(stage.clock.now())


async def test_an_exchange_tells_and_the_call_takes_its_way(stage: Stage, dialer: CountingDialer) -> None:
    agent = await stage.agent()
    told = await request(stage)
    attempt = await stage.calls.dial(agent, await offered(stage, agent, told))
    assert dialer.dialed == {attempt.id: 1}

    await stage.ends.progressed(attempt.id, connected=True)
    assert (await callback(stage, told)).state is CallState.CONNECTED
    for _ in range(2):  # told twice, it is true once
        await stage.ends.progressed(attempt.id, outcome=CallOutcome.NO_ANSWER)
    one = await callback(stage, told)
    assert (one.state, one.outcomes) == (CallState.DONE, (CallOutcome.DONE,))
    await stage.ends.progressed("unknown", outcome=CallOutcome.BUSY)


@pytest.mark.parametrize(
    ("failure", "state", "outcomes"),
    [
        (TransientFailure("down"), CallState.SCHEDULED, (CallOutcome.CONGESTION,)),
        (PermanentFailure("x", code="invalid_number"), CallState.FAILED, (CallOutcome.INVALID,)),
        (PermanentFailure("x", code="refused"), CallState.SCHEDULED, (CallOutcome.REJECTED,)),
        (Unknown("no answer"), CallState.DIALING, ()),
    ],
)
async def test_a_failure_of_the_exchange_is_an_outcome(
    stage: Stage, dialer: CountingDialer, failure: Exception, state: CallState, outcomes: tuple[CallOutcome, ...]
) -> None:
    agent = await stage.agent()
    told = await request(stage)
    dialer.failures = [failure]
    await stage.calls.dial(agent, await offered(stage, agent, told))

    one = await callback(stage, told)
    assert (one.state, one.outcomes) == (state, outcomes)


async def test_two_nodes_that_find_the_same_try_dial_it_once(stage: Stage, dialer: CountingDialer) -> None:
    agent = await stage.agent()
    told = await request(stage)
    conversation = await offered(stage, agent, told)
    dying = agents(stage, ends(stage, dialer))
    dying._ends.ring = lambda _attempt: asyncio.sleep(0)  # type: ignore[method-assign,assignment]  # dies before it asks
    attempt = await dying.dial(agent, conversation)
    await asyncio.gather(*(ends(stage, dialer).ring(attempt.id) for _ in range(8)))

    assert dialer.dialed == {attempt.id: 1}


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_killed_at_random_while_dialing_no_try_is_dialed_twice_and_none_is_lost(
    stage: Stage, dialer: CountingDialer
) -> None:
    draw, agent = random.Random(6), await stage.agent(capacity=1_000)
    killed, told_of = 0, []
    async with door(stage) as calls:
        for number in range(KILLS):
            told_of.append(await calls.request(asked(number=f"+3319900{number:04}")))
    for told in told_of:
        await stage.present(agent)
        point = draw.choice(["never", "claimed", "dialed", "before"])
        dying = agents(stage, ends(stage, dialer, die=point))
        if point == "before":
            dying._ends.ring = _die  # type: ignore[method-assign,assignment]
        try:
            await dying.dial(agent, told.callback.conversation)
        except Killed:
            killed += 1
    stage.clock.advance(timedelta(seconds=10))
    await tick(stage, stage.ends)  # another node finds what was never asked for
    stage.clock.advance(timedelta(minutes=6))
    for _ in range(3):
        await tick(stage, stage.ends)  # and what nobody told of

    async with stage.storage.read("test") as work:
        assert await work.callbacks.on_the_line(stage.clock.now(), 1_000) == []
        found = [await work.callbacks.open_of(f"+3319900{n:04}", "", "topup") for n in range(KILLS)]
        tries = [await work.callbacks.attempts(one.id) for one in found if one is not None]
    assert killed > KILLS // 2
    assert len(tries) == KILLS  # each is tried again: none is forgotten
    assert all(len(one) == 1 and one[0].outcome is CallOutcome.LOST for one in tries)
    assert set(dialer.dialed.values()) == {1}
    assert KILLS // 2 < len(dialer.dialed) < KILLS  # who died between the claim and the call is not called blindly


async def _die(_attempt: str) -> None:
    raise Killed

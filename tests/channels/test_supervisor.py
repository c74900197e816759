"""Start -> listen -> pause -> again."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from channels.supervisor import FIRST_PAUSE, LONGEST_PAUSE, Health, Supervisor, back_off
from conversation.errors import ChannelMisconfigured, RateLimited, TransientFailure
from conversation.outbound import OutboundMessage, Receipt
from conversation.people import WorkKind
from conversation.ports import Can, Inbox
from tests.fakes import FakeClock, FakeInbox


class Scripted:
    """An account whose every start or listen goes as written: an exception, or None for staying."""

    def __init__(self, name: str, starts: Sequence[Exception | None], listens: Sequence[Exception | None] = ()) -> None:
        self.name = name
        self.can = Can(work=WorkKind.MESSAGE)
        self.starts = list(starts)
        self.listens = list(listens)
        self.began = 0
        self.stopped = 0

    async def start(self) -> None:
        self.began += 1
        if self.starts and (failure := self.starts.pop(0)) is not None:
            raise failure

    async def listen(self, inbox: Inbox) -> None:
        if self.listens and (failure := self.listens.pop(0)) is not None:
            raise failure
        await asyncio.Event().wait()

    async def send(self, message: OutboundMessage) -> Receipt:
        raise NotImplementedError

    async def stop(self) -> None:
        self.stopped += 1


class Running:
    """A supervisor whose pauses are recorded and not waited for."""

    def __init__(self, *channels: Scripted) -> None:
        self.pauses: list[float] = []
        self.clock = FakeClock()
        self.supervisor = Supervisor(channels, FakeInbox(), self.clock, sleep=self._sleep, chance=lambda: 1.0)

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await asyncio.sleep(0)

    async def for_a_while(self) -> None:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.supervisor.run())
            for _ in range(200):
                await asyncio.sleep(0)
            task.cancel()

    def state(self, name: str) -> tuple[Health, str]:
        (found,) = [one for one in self.supervisor.health() if one.name == name]
        return found.state, found.detail


async def test_an_account_that_fails_is_started_again_with_growing_pauses() -> None:
    flaky = Scripted("flaky", [TransientFailure("no route")] * 4)
    running = Running(flaky)
    await running.for_a_while()
    assert running.pauses == [1.0, 2.0, 4.0, 8.0]
    assert flaky.began == 5
    assert flaky.stopped == 5
    assert running.state("flaky") == (Health.UP, "")


async def test_a_misconfigured_account_stops_for_good_and_spares_the_others() -> None:
    wrong, fine = Scripted("wrong", [ChannelMisconfigured("password refused")]), Scripted("fine", [])
    running = Running(wrong, fine)
    await running.for_a_while()
    assert wrong.began == 1
    assert running.state("wrong") == (Health.DOWN, "password refused")
    assert running.state("fine") == (Health.UP, "")
    assert running.pauses == []


async def test_an_account_that_is_up_may_tell_of_its_work() -> None:
    telling = Scripted("mail", [])
    telling.told = lambda: "7 mails wait"  # type: ignore[attr-defined]
    running = Running(telling)
    assert running.state("mail") == (Health.STARTING, "")
    await running.for_a_while()
    assert running.state("mail") == (Health.UP, "7 mails wait")


async def test_the_provider_says_how_long_to_wait() -> None:
    running = Running(Scripted("slow", [RateLimited("429", retry_after=timedelta(seconds=77))]))
    await running.for_a_while()
    assert running.pauses == [77.0]


async def test_a_bug_in_an_adapter_is_logged_once_and_survived(caplog: pytest.LogCaptureFixture) -> None:
    buggy = Scripted("buggy", [], [ValueError("a secret payload"), ValueError("a secret payload")])
    running = Running(buggy)
    await running.for_a_while()
    assert buggy.began == 3
    assert running.state("buggy") == (Health.UP, "")
    assert len([record for record in caplog.records if record.message == "channel_bug"]) >= 1


async def test_a_long_steady_time_forgets_earlier_failures() -> None:
    running = Running(account := Scripted("a", [TransientFailure("x")] * 3, [TransientFailure("y")]))

    async def listen(inbox: Inbox) -> None:
        running.clock.advance(timedelta(minutes=5))
        if account.began == 4:
            raise TransientFailure("dropped after a long time")
        await asyncio.Event().wait()

    account.listen = listen  # type: ignore[method-assign]
    await running.for_a_while()
    assert running.pauses == [1.0, 2.0, 4.0, 1.0]


def test_pauses_are_jittered_and_bounded() -> None:
    assert back_off(0, 0.0) == FIRST_PAUSE / 2
    assert back_off(3, 1.0) == 8.0
    assert back_off(10_000, 1.0) == LONGEST_PAUSE

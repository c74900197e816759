"""Start -> listen -> pause -> again."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest

from channels.supervisor import FIRST_PAUSE, LONGEST_PAUSE, Health, Supervisor, back_off
from conversation.errors import ChannelMisconfigured, RateLimited, TransientFailure
from conversation.model.capabilities import Can
from conversation.model.outbound import OutboundMessage, Receipt
from conversation.model.people import WorkKind
from conversation.ports.channel import Inbox
from tests.fakes import FakeClock, FakeInbox

DAY = timedelta(days=1)


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
    """A supervisor whose pauses are recorded and not waited for; or, where it `rests`, never end by themselves."""

    def __init__(self, *channels: Scripted, rests: bool = False) -> None:
        self.rests = rests
        self.pauses: list[float] = []
        self.clock = FakeClock()
        self.supervisor = Supervisor(channels, FakeInbox(), self.clock, sleep=self._sleep, chance=lambda: 1.0)

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await (asyncio.Event().wait() if self.rests else asyncio.sleep(0))

    async def for_a_while(self, midway: Callable[[], None] = lambda: None) -> None:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.supervisor.run())
            for turn in range(200):
                if turn == 100:
                    midway()
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


async def test_an_account_whose_credentials_are_refused_is_tried_again_soon_and_then_seldom(
    caplog: pytest.LogCaptureFixture,
) -> None:
    wrong, fine = Scripted("wrong", [ChannelMisconfigured("password refused")] * 5), Scripted("fine", [])
    running = Running(wrong, fine)
    with caplog.at_level("INFO", "channels.supervisor"):
        await running.for_a_while()
    assert running.pauses == [5.0, 60.0, 300.0, 900.0, 900.0]
    assert (wrong.began, wrong.stopped) == (6, 6)
    assert running.state("wrong") == running.state("fine") == (Health.UP, "")
    told = [
        (record.levelname, vars(record)["state"]) for record in caplog.records if vars(record)["channel"] == "wrong"
    ]
    assert told == [("WARNING", "refused"), ("INFO", "up")]


@pytest.mark.parametrize(("credentials", "state"), [(True, Health.REFUSED), (False, Health.DOWN)])
async def test_refused_credentials_have_a_word_of_their_own(credentials: bool, state: Health) -> None:
    running = Running(Scripted("wrong", [ChannelMisconfigured("no", credentials=credentials)]), rests=True)
    await running.for_a_while()
    assert running.state("wrong") == (state, "no; again in 5 s")


async def test_whoever_rests_is_tried_at_once_when_somebody_asks() -> None:
    wrong = Scripted("wrong", [ChannelMisconfigured("401")] * 2)
    dropped, slow = (
        Scripted("dropped", [TransientFailure("x")]),
        Scripted("slow", [RateLimited("429", retry_after=DAY)]),
    )
    running = Running(wrong, dropped, slow, rests=True)
    await running.for_a_while(running.supervisor.try_now)
    assert (wrong.began, dropped.began, slow.began) == (2, 2, 1)
    assert running.state("wrong") == (Health.REFUSED, "401; again in 60 s")
    assert running.state("dropped") == (Health.UP, "")


async def test_the_log_names_a_reason_once_and_a_new_reason_again(caplog: pytest.LogCaptureFixture) -> None:
    reasons = ["refused (session 4711)", "refused (session 4712)", "the mailbox is locked", "the mailbox is locked"]
    running = Running(Scripted("mail", [ChannelMisconfigured(reason) for reason in reasons]))
    with caplog.at_level("WARNING"):
        await running.for_a_while()
    told = [vars(record)["detail"] for record in caplog.records if record.message == "channel_health"]
    assert told == ["refused (session 4711); again in 5 s", "the mailbox is locked; again in 300 s"]


async def test_an_account_that_is_up_may_tell_of_its_work() -> None:
    reporting = Scripted("mail", [])
    reporting.status_text = lambda: "7 mails wait"  # type: ignore[attr-defined]
    running = Running(reporting)
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

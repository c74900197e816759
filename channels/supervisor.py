"""Start, listen, pause, restart: one task for each account, and the health of each account."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NoReturn, Protocol, runtime_checkable

from conversation.errors import ChannelError, ChannelMisconfigured, HuntgroupError, RateLimited
from conversation.model.credential_retry import gist, pause_after
from conversation.ports.channel import Channel, Clock, Inbox

log = logging.getLogger(__name__)

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0  # whatever the outage, what was written meanwhile is here within a minute of its end
STEADY_AFTER = 60.0


class Health(StrEnum):
    """The health of an account: it starts, it works, or it is to be restarted.

    `degraded`: after a fault that passes; `refused`: the other side refuses our credentials; `down`: it cannot be used as it is set up.
    """

    STARTING = "starting"
    UP = "up"
    DEGRADED = "degraded"
    REFUSED = "refused"
    DOWN = "down"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountHealth:
    """What operators see of one account. `detail` is in words and never holds a secret.

    `lag`, of a mailbox or a poller that this node reads: seconds since nothing waited there to be read.
    """

    name: str
    kind: str
    state: Health
    detail: str
    since: datetime
    lag: float | None = None


@runtime_checkable
class ReportsStatus(Protocol):
    """An account that reports on its work, for example how much waits to be read."""

    def status_text(self) -> str:
        """In words, without a secret."""
        ...


@runtime_checkable
class ReportsLag(Protocol):
    """An account that fetches what arrives."""

    def lag(self) -> float | None:
        """Seconds since nothing waited to be read, up or down; None where another node reads."""
        ...


def back_off(attempt: int, chance: float) -> float:
    """Seconds before the attempt after this one (0 is the first): doubling, capped, between half and the whole of it."""
    most = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(attempt, 16))
    return float(most * (0.5 + chance / 2))


class Supervisor:
    """Runs accounts until it is cancelled. Adapters raise; only this restarts, waits and judges."""

    def __init__(
        self,
        channels: Iterable[Channel],
        inbox: Inbox,
        clock: Clock,
        *,
        kinds: Callable[[str], str] = str,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._channels = tuple(channels)
        self._inbox = inbox
        self._clock = clock
        self._sleep = sleep
        self._chance = chance
        self._health = {
            channel.name: AccountHealth(
                name=channel.name, kind=kinds(channel.name), state=Health.STARTING, detail="", since=clock.now()
            )
            for channel in self._channels
        }
        self._reasons: dict[str, str] = {}
        self._resting: dict[str, asyncio.Event] = {}

    def try_now(self) -> None:
        """Restart at once whoever waits after a fault or a refusal, unless the provider named a time."""
        for wake in self._resting.values():
            wake.set()

    def health(self) -> list[AccountHealth]:
        """All accounts, by name. The detail of one that is up is its own status text."""
        return sorted(map(self._seen, self._channels), key=lambda one: one.name)

    def _seen(self, channel: Channel) -> AccountHealth:
        found = self._health[channel.name]
        status_text = (
            channel.status_text() if found.state is Health.UP and isinstance(channel, ReportsStatus) else found.detail
        )
        return replace(found, detail=status_text, lag=channel.lag() if isinstance(channel, ReportsLag) else None)

    async def run(self) -> None:
        """Until cancelled; then every account is stopped."""
        async with asyncio.TaskGroup() as group:
            for channel in self._channels:
                group.create_task(self._supervise(channel), name=f"channel {channel.name}")

    async def _supervise(self, channel: Channel) -> None:
        failures = refusals = 0
        while True:
            began = self._clock.monotonic()
            try:
                await self._once(channel)
            except Exception as error:  # noqa: BLE001 whatever an adapter raises, the service goes on
                if self._clock.monotonic() - began > STEADY_AFTER:
                    failures = refusals = 0
                refused = isinstance(error, ChannelMisconfigured)
                refusals, failures = refusals + refused, failures + (not refused)
                pause = self._pause(error, failures=failures, refusals=refusals)
                self._failed(channel, error, pause)
                await self._rest(channel, pause, wakes=not isinstance(error, RateLimited))

    async def _once(self, channel: Channel) -> NoReturn:
        try:
            await channel.start()
            self._report(channel, Health.UP, "")
            await channel.listen(self._inbox)
        finally:
            await self._stop(channel)
        raise _Ended

    async def _stop(self, channel: Channel) -> None:
        try:
            await channel.stop()
        except Exception:
            log.exception("channel_stop_failed", extra={"channel": channel.name})

    async def _rest(self, channel: Channel, pause: float, *, wakes: bool) -> None:
        """Until the pause is over, or somebody wants it tried now."""
        wake = asyncio.Event()
        if wakes:
            self._resting[channel.name] = wake
        waits = {asyncio.ensure_future(self._sleep(pause)), asyncio.ensure_future(wake.wait())}
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._resting.pop(channel.name, None)
            for one in waits:
                one.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    def _pause(self, error: Exception, *, failures: int, refusals: int) -> float:
        if isinstance(error, RateLimited):
            return max(error.retry_after / timedelta(seconds=1), 0.0)
        if isinstance(error, ChannelMisconfigured):
            return pause_after(refusals, self._chance()).total_seconds()
        return back_off(failures - 1, self._chance())

    def _failed(self, channel: Channel, error: Exception, pause: float) -> None:
        known = isinstance(error, HuntgroupError)
        if not known and self._health[channel.name].state is not Health.DEGRADED:
            log.error("channel_bug", exc_info=error, extra={"channel": channel.name})
        words = error.detail if isinstance(error, ChannelError) else type(error).__name__
        state = Health.DEGRADED
        if isinstance(error, ChannelMisconfigured):
            state = Health.REFUSED if error.credentials else Health.DOWN
        self._report(channel, state, words, next_try=f"; again in {pause:.0f} s")

    def _report(self, channel: Channel, state: Health, reason: str, *, next_try: str = "") -> None:
        """Health is what it is now; the log has a line where the state or its reason is another one."""
        old, detail = self._health[channel.name], f"{reason}{next_try}"
        since = old.since if old.state is state else self._clock.now()
        self._health[channel.name] = replace(old, state=state, detail=detail, since=since)
        known, self._reasons[channel.name] = self._reasons.get(channel.name), gist(reason)
        if old.state is state and known == gist(reason):
            return
        level = logging.INFO if state is Health.UP else logging.WARNING
        log.log(level, "channel_health", extra={"channel": channel.name, "state": state.value, "detail": detail})


class _Ended(HuntgroupError):
    """An adapter's `listen` returned although nobody cancelled it."""

"""Rate limits of one account and of each chat, which callers wait for, and token buckets for strangers, which refuse instead."""

import asyncio
from collections import OrderedDict
from datetime import timedelta

from conversation.errors import RateLimited
from conversation.ports.channel import Clock

LONGEST_WAIT = 5.0


class RateLimit:
    """At most `per_second` sends over time, with a small burst. Without a limit it never waits."""

    def __init__(self, clock: Clock, per_second: float | None, *, burst: int = 1) -> None:
        self._clock = clock
        self._every = 0.0 if per_second is None else 1 / per_second
        self._slack = self._every * (burst - 1)
        self._next = 0.0

    async def turn(self) -> None:
        """Wait for this account's turn. Raises `RateLimited` where that would be long, so that no worker is held."""
        if not self._every:
            return
        now = self._clock.monotonic()
        wait = self._next - self._slack - now
        if wait > LONGEST_WAIT:
            raise RateLimited("the account's own pace", retry_after=timedelta(seconds=wait))
        self._next = max(self._next, now) + self._every
        if wait > 0:
            await asyncio.sleep(wait)


class RateLimits:
    """A rate limit for each key (a chat, a number), bounded in number: the longest unused is forgotten first."""

    def __init__(self, clock: Clock, per_second: float | None, *, burst: int = 1, most: int = 10_000) -> None:
        self._clock = clock
        self._per_second = per_second
        self._burst = burst
        self._most = most
        self._limits: OrderedDict[str, RateLimit] = OrderedDict()

    async def turn(self, key: str) -> None:
        """Wait for this key's turn; where that is long, raises a `RateLimited` that holds up nobody but this key."""
        limit = self._limits.pop(key, None) or RateLimit(self._clock, self._per_second, burst=self._burst)
        self._limits[key] = limit
        if len(self._limits) > self._most:
            self._limits.popitem(last=False)
        try:
            await limit.turn()
        except RateLimited as error:
            raise RateLimited("the pace of one chat", retry_after=error.retry_after, whole_account=False) from None


class Buckets:
    """Token buckets by key (a session, a remote address), bounded in number: the longest unused is forgotten first."""

    def __init__(self, clock: Clock, *, per_second: float, burst: float, most: int = 50_000) -> None:
        self._clock = clock
        self._rate = per_second
        self._burst = burst
        self._most = most
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allow(self, key: str) -> bool:
        """Take one token; False where none is left."""
        now = self._clock.monotonic()
        level, at = self._levels.pop(key, (self._burst, now))
        level = min(self._burst, level + (now - at) * self._rate)
        allowed = level >= 1
        self._levels[key] = (level - 1 if allowed else level, now)
        if len(self._levels) > self._most:
            self._levels.popitem(last=False)
        return allowed

    def give_back(self, key: str) -> None:
        """What the token was taken for did not come to be."""
        if key in self._levels:
            level, at = self._levels[key]
            self._levels[key] = (min(self._burst, level + 1), at)

    def wait(self, key: str) -> int:
        """Whole seconds until the next token, at least 1."""
        level, _ = self._levels.get(key, (self._burst, 0.0))
        return max(1, round((1 - level) / self._rate + 0.5))

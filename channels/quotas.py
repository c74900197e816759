"""Quotas of bytes for strangers: rolling windows by key, and reservations that concurrent uploads cannot pass."""

from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from math import ceil, inf

from conversation.ports.channel import Clock

_SLOTS = 60  # of one window: what was counted ends a sixtieth of it late at most


class QuotaExceeded(Exception):
    """These bytes do not fit now; `wait` is in whole seconds."""

    def __init__(self, wait: int) -> None:
        super().__init__(f"over the quota for {wait} seconds")
        self.wait = wait


@dataclass(slots=True)
class _Usage:
    """Of one key: what was counted, by slot of time, and what open reservations hold."""

    counted: deque[list[int]] = field(default_factory=deque)
    total: int = 0
    held: int = 0


class Quota:
    """At most `limit` bytes of one key within a rolling window. Keys are bounded: the longest unused is forgotten first."""

    def __init__(self, clock: Clock, *, limit: int, window: timedelta, most: int = 50_000) -> None:
        self._clock = clock
        self._limit = limit
        self._slot = window.total_seconds() / _SLOTS
        self._most = most
        self._usages: OrderedDict[str, _Usage] = OrderedDict()

    def wait(self, key: str, size: int) -> int:
        """Whole seconds until so many bytes fit; 0 where they fit now."""
        usage = self._usage(key)
        over = usage.total + usage.held + size - self._limit
        if over <= 0:
            return 0
        return next((self._until_free(slot) for slot, freed in _freed(usage) if freed >= over), self._until_free(inf))

    def hold(self, key: str, size: int) -> None:
        """An upload is on its way with so many bytes more; a negative size gives them back."""
        usage = self._usage(key)
        usage.held = max(0, usage.held + size)  # forgotten meanwhile: what is given back was not held
        self._forget(key, usage)

    def count(self, key: str, size: int) -> None:
        """So many bytes were kept."""
        usage, slot = self._usage(key), self._now()
        if not usage.counted or usage.counted[-1][0] != slot:
            usage.counted.append([slot, 0])
        usage.counted[-1][1] += size
        usage.total += size

    def _now(self) -> int:
        return int(self._clock.monotonic() // self._slot)

    def _until_free(self, slot: float) -> int:
        left = (min(slot, self._now()) + _SLOTS + 1) * self._slot - self._clock.monotonic()
        return max(1, ceil(left))

    def _usage(self, key: str) -> _Usage:
        usage = self._usages.pop(key, None) or _Usage()
        oldest = self._now() - _SLOTS
        while usage.counted and usage.counted[0][0] < oldest:
            usage.total -= usage.counted.popleft()[1]
        self._usages[key] = usage
        return usage

    def _forget(self, key: str, usage: _Usage) -> None:
        if not usage.held and not usage.total:
            del self._usages[key]
        while len(self._usages) > self._most:
            self._usages.popitem(last=False)


def _freed(usage: _Usage) -> Iterator[tuple[int, int]]:
    """Each slot with how many bytes have ended when it ends."""
    freed = 0
    for slot, size in usage.counted:
        freed += size
        yield slot, freed


class Reservation:
    """What one upload may still write in every quota that it counts for."""

    def __init__(self, quotas: Sequence[tuple[Quota, str]]) -> None:
        self._quotas = quotas
        self._held = 0
        self._used = 0
        self._kept = False

    def reserve(self, size: int) -> None:
        """Hold so many bytes in all, or raise `QuotaExceeded` and hold what was held before."""
        more = size - self._held
        if more <= 0:
            return
        wait = max(quota.wait(key, more) for quota, key in self._quotas)
        if wait:
            raise QuotaExceeded(wait)
        for quota, key in self._quotas:
            quota.hold(key, more)
        self._held = size

    def use(self, size: int) -> None:
        """So many bytes more are about to be written."""
        self._used += size
        self.reserve(self._used)

    def keep(self) -> None:
        """The file is stored: its bytes count for a whole window."""
        self._kept = True

    def close(self) -> None:
        """Give back what is held; what was not kept does not count."""
        for quota, key in self._quotas:
            if self._kept:
                quota.count(key, self._used)
            quota.hold(key, -self._held)


@contextmanager
def reserved(quotas: Sequence[tuple[Quota, str]], size: int) -> Iterator[Reservation]:
    """Room for so many bytes before the first of them is read. Raises `QuotaExceeded`."""
    reservation = Reservation(quotas)
    try:
        reservation.reserve(size)
        yield reservation
    finally:
        reservation.close()

"""How fast logins may be tried: a delay that grows with each wrong one, by network and account. Nobody is ever locked out.

Four counters, each bounded in number:
- a network at an account (or a known device at its account): free tries, then 1, 2, 4 ... seconds;
- a network over all accounts: many free tries, for an office shares one, then the same up to a minute;
- an account from networks that it never logged in from: no delay of its own, only fewer free tries for each strange network;
- tries of one network that are being judged: a few at a time.

Where no network distinguishes people (a proxy that is not named) only the account counts, with a delay that stays short.
A device that logged in before has a counter of its own, which strangers cannot touch.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Self

from aiohttp import web

from conversation.errors import HuntgroupError

FORGOTTEN_AFTER = 3600.0  # seconds without a wrong try; longer than every delay
_AT_ONCE = 4  # of one network
_ATTACKED_FROM = 20  # wrong tries of strangers at one account
_MOST_KEYS = 10_000


class TooManyLogins(HuntgroupError):
    """Come back in `wait` seconds."""

    def __init__(self, wait: int) -> None:
        super().__init__(f"too many failed logins: {wait} seconds to wait")
        self.wait = wait


@dataclass(frozen=True, slots=True)
class Steps:
    """So many wrong tries cost nothing; then the delay begins at `first` seconds and doubles up to `longest`."""

    free: int
    first: float
    longest: float

    def delay(self, failures: int) -> float:
        """Seconds to wait after so many wrong tries."""
        paid = failures - self.free
        return min(self.longest, self.first * 2.0 ** min(paid - 1, 30)) if paid > 0 else 0.0


AT_ACCOUNT = Steps(free=2, first=1.0, longest=300.0)
AT_ATTACKED_ACCOUNT = Steps(free=0, first=30.0, longest=900.0)
OF_NETWORK = Steps(free=20, first=1.0, longest=60.0)
SHARED_NETWORK = Steps(free=2, first=1.0, longest=30.0)


@dataclass(slots=True)
class _Count:
    failures: int = 0
    last: float = 0.0


class _Counter:
    """Wrong tries by key; the key that was longest without one is forgotten first."""

    def __init__(self, most: int = _MOST_KEYS) -> None:
        self._most = most
        self._counts: OrderedDict[str, _Count] = OrderedDict()

    def failures(self, key: str, now: float) -> int:
        found = self._counts.get(key)
        return 0 if found is None or now - found.last >= FORGOTTEN_AFTER else found.failures

    def wait(self, key: str, steps: Steps, now: float) -> float:
        failures = self.failures(key, now)
        return self._counts[key].last + steps.delay(failures) - now if failures else 0.0

    def add(self, key: str, now: float) -> None:
        failures = self.failures(key, now)
        self._counts.pop(key, None)
        self._counts[key] = _Count(failures + 1, now)
        if len(self._counts) > self._most:
            self._counts.popitem(last=False)

    def take_back(self, key: str) -> None:
        found = self._counts.get(key)
        if found is not None:
            found.failures -= 1
            if found.failures <= 0:
                del self._counts[key]

    def clear(self, key: str) -> None:
        self._counts.pop(key, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Guesser:
    """Who tries: at which account (or with which token), from which network (None: unknown), on which known device."""

    account: str
    network: str | None
    device: str | None = None

    @property
    def key(self) -> str:
        """Of the counter that only this pair has."""
        return f"device {self.device}" if self.device else f"{self.network or ''} {self.account}"


class FailedLogins:
    """Counts in memory, for this node. A try counts as wrong until it is judged, so that many at once do not slip through."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._pairs = _Counter()
        self._networks = _Counter()
        self._accounts = _Counter()
        self._familiar: OrderedDict[str, None] = OrderedDict()
        self._judged: dict[str, int] = {}
        self._warned = False

    def first_unnamed_proxy(self) -> bool:
        """Whether this is the first request by a proxy that is not named: an operator is warned once."""
        first, self._warned = not self._warned, True
        return first

    def attempt(self, who: Guesser) -> "Attempt":
        """A try that may be judged now. Raises `TooManyLogins`; what is refused is not counted."""
        now = self._monotonic()
        wait = self._wait(who, now)
        if wait > 0:
            raise TooManyLogins(ceil(wait))
        self._pairs.add(who.key, now)
        if not self._knows(who):
            self._accounts.add(who.account, now)
            if who.network is not None:
                self._networks.add(who.network, now)
        return Attempt(self, who)

    def attacked(self, account: str) -> bool:
        """Whether strangers guess at this account."""
        return self._accounts.failures(account, self._monotonic()) >= _ATTACKED_FROM

    def _wait(self, who: Guesser, now: float) -> float:
        waits = [self._pairs.wait(who.key, self._steps(who), now)]
        if who.network is not None and not self._knows(who):
            waits.append(self._networks.wait(who.network, OF_NETWORK, now))
            waits.append(1.0 if self._judged.get(who.network, 0) >= _AT_ONCE else 0.0)
        return max(waits)

    def _steps(self, who: Guesser) -> Steps:
        if self._knows(who):
            return AT_ACCOUNT
        if who.network is None:
            return SHARED_NETWORK
        return AT_ATTACKED_ACCOUNT if self.attacked(who.account) else AT_ACCOUNT

    def _knows(self, who: Guesser) -> bool:
        """A device, or a network, from which this account logged in before."""
        return who.device is not None or who.key in self._familiar

    def begun(self, who: Guesser) -> None:
        """It is being judged."""
        if who.network is not None:
            self._judged[who.network] = self._judged.get(who.network, 0) + 1

    def ended(self, who: Guesser) -> None:
        """It was judged."""
        if who.network is not None:
            self._judged[who.network] -= 1
            if not self._judged[who.network]:
                del self._judged[who.network]

    def void(self, who: Guesser) -> None:
        """It was not wrong: it could not be judged, or it was right."""
        self._pairs.take_back(who.key)
        if not self._knows(who):
            self._accounts.take_back(who.account)
            if who.network is not None:
                self._networks.take_back(who.network)

    def right(self, who: Guesser) -> None:
        """It was right: this pair begins anew, and its network is familiar from now on."""
        self.void(who)
        self._pairs.clear(who.key)
        if who.network is not None and who.device is None:
            self._familiar.pop(who.key, None)
            self._familiar[who.key] = None
            if len(self._familiar) > _MOST_KEYS:
                self._familiar.popitem(last=False)


class Attempt:
    """One try under way: whoever calls `right` was right, an exception makes it void, all else was wrong."""

    def __init__(self, logins: FailedLogins, who: Guesser) -> None:
        self._logins = logins
        self._who = who
        self._right = False

    def right(self) -> None:
        """The password or token fits."""
        self._right = True

    def __enter__(self) -> Self:
        self._logins.begun(self._who)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._logins.ended(self._who)
        if kind is not None:
            self._logins.void(self._who)
        elif self._right:
            self._logins.right(self._who)


FAILED_LOGINS: web.AppKey[FailedLogins] = web.AppKey("failed_logins", FailedLogins)

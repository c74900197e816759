"""How often a login may fail: counted for a person at an address, for the address, and for the person from anywhere."""

import ipaddress
from collections import deque
from collections.abc import Callable

from aiohttp import web

WINDOW = 300.0
_AT_ONE_ADDRESS = 5
_OF_ONE_ADDRESS = 50  # an office shares one
_OF_ONE_PERSON = 100  # guesses from many addresses
_MOST_KEYS = 10_000


class FailedLogins:
    """A sliding window in memory. A try counts before it is judged, so that many at once do not slip through."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._tries: dict[str, deque[float]] = {}

    def attempt(self, email: str, address: str) -> int:
        """Seconds to wait; 0 and counted where the try is allowed."""
        now = self._monotonic()
        windows = [(self._window(key, now), most) for key, most in _keys(email, address)]
        waits = [tries[0] + WINDOW - now for tries, most in windows if len(tries) >= most]
        if waits:
            return max(1, int(max(waits)) + 1)
        for tries, _ in windows:
            tries.append(now)
        return 0

    def succeeded(self, email: str, address: str) -> None:
        """The last try was right: only failures count."""
        for key, _ in _keys(email, address):
            tries = self._tries.get(key)
            if tries:
                tries.pop()

    def _window(self, key: str, now: float) -> deque[float]:
        if len(self._tries) >= _MOST_KEYS:
            self._forget(now)
        tries = self._tries.setdefault(key, deque())
        while tries and tries[0] <= now - WINDOW:
            tries.popleft()
        return tries

    def _forget(self, now: float) -> None:
        self._tries = {k: tries for k, tries in self._tries.items() if tries and tries[-1] > now - WINDOW}
        while len(self._tries) >= _MOST_KEYS:
            self._tries.pop(next(iter(self._tries)))


def _keys(email: str, address: str) -> tuple[tuple[str, int], ...]:
    return (
        (f"both {address} {email}", _AT_ONE_ADDRESS),
        (f"address {address}", _OF_ONE_ADDRESS),
        (f"person {email}", _OF_ONE_PERSON),
    )


def network_of(remote: str | None) -> str:
    """The address that counts: one household or host has a whole /64 of IPv6."""
    try:
        address = ipaddress.ip_address(remote or "")
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(ipaddress.ip_network((int(address), 64), strict=False).network_address)


FAILED_LOGINS: web.AppKey[FailedLogins] = web.AppKey("failed_logins", FailedLogins)

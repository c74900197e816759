"""What the log says while a database cannot be used: every transaction fails then, and one line for each reason is enough."""

import logging

from conversation.errors import StoreUnavailable
from conversation.ports.channel import Clock

log = logging.getLogger(__name__)
_AT_MOST_EVERY = 10.0  # seconds between two lines of the same reason


class Outages:
    """Counts failed transactions by reason, and logs the first one and then one in ten seconds."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._logged_at: dict[str, float] = {}
        self._failed: dict[str, int] = {}

    def note(self, purpose: str, error: StoreUnavailable) -> None:
        """One transaction failed."""
        reason, now = error.reason, self._clock.monotonic()
        self._failed[reason] = self._failed.get(reason, 0) + 1
        if now - self._logged_at.get(reason, now - _AT_MOST_EVERY) < _AT_MOST_EVERY:
            return
        self._logged_at[reason] = now
        count = self._failed.pop(reason)
        extra = {"reason": reason, "detail": str(error), "purpose": purpose, "count": count}
        log.warning("store_unavailable", extra=extra)

"""The system's clock: the only place that asks the operating system for the time."""

import time
from datetime import UTC, datetime


class SystemClock:
    """The port `Clock` on the operating system."""

    def now(self) -> datetime:
        """The instant, aware, in UTC."""
        return datetime.now(UTC)  # noqa: TID251 this is the Clock

    def monotonic(self) -> float:
        """Seconds that never step back."""
        return time.monotonic()

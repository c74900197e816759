"""When an account whose credentials were refused is tried again. Pure; the luck of the draw is passed in."""

from datetime import timedelta

# four logins within ten minutes: mail servers and their guards shut out whoever fails five times or more
PAUSES = (timedelta(seconds=5), timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15))


def pause_after(refusals: int, chance: float) -> timedelta:
    """The pause after so many refusals in a row, between half and the whole of what is planned."""
    return PAUSES[min(refusals, len(PAUSES)) - 1] * (0.5 + chance / 2)

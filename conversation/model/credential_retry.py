"""When an account whose credentials were refused is tried again, and whether the reason is a new one. Pure; the luck of the draw is passed in."""

import re
from datetime import timedelta

# four logins within ten minutes: mail servers and their guards shut out whoever fails five times or more
PAUSES = (timedelta(seconds=5), timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15))
_VARYING = re.compile(r"\S*\d\S*")  # noqa: TID251 without backtracking


def pause_after(refusals: int, chance: float) -> timedelta:
    """The pause after so many refusals in a row, between half and the whole of what is planned."""
    return PAUSES[min(refusals, len(PAUSES)) - 1] * (0.5 + chance / 2)


def gist(reason: str) -> str:
    """The reason without what differs with every refusal: the numbers of sessions and times."""
    return _VARYING.sub("", reason)

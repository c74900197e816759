"""Reply tokens with the moment at which they came: LINE takes one once, and within about a minute of its webhook.

https://developers.line.biz/en/reference/messaging-api/#send-reply-message
"""

from datetime import datetime, timedelta

FRESH = timedelta(seconds=50)  # of the minute that LINE promises; the call itself takes time

_DOT = "."


def stamped(token: str | None, at: datetime) -> str | None:
    """The token as it is stored."""
    return f"{int(at.timestamp())}{_DOT}{token}" if token else None


def fresh(kept: str | None, now: datetime) -> str | None:
    """The token, while LINE still takes it."""
    at, dot, token = (kept or "").partition(_DOT)
    if not dot or not (at.isascii() and at.isdigit()):
        return None
    return token if abs(now.timestamp() - int(at)) < FRESH.total_seconds() else None

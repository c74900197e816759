"""Times as people write them on the command line."""

from datetime import datetime

from router.rules.durations import parse_duration


def moment(text: str, now: datetime) -> datetime:
    """`30d` before now, or the time itself. Raises `ValueError`."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return now - parse_duration(text)
    if at.tzinfo is None:
        raise ValueError(f"'{text}' has no zone: write it like 2026-11-01T00:00:00+08:00")
    return at

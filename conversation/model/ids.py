"""What ids say: the time they were made. `conversation.id_generator` makes them."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def first_id(at: datetime) -> str:
    """Ids begin with their milliseconds: all made before this instant sort before it."""
    millis = f"{max((at - _EPOCH) // _MILLISECOND, 0):012x}"
    return f"{millis[:8]}-{millis[8:]}"

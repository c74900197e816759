"""What ids say: the time they were made, and a reference that a person can read out. `conversation.id_generator` makes them."""

from datetime import UTC, datetime, timedelta

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: no I, L, O, U
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def first_id(at: datetime) -> str:
    """Ids begin with their milliseconds: all made before this instant sort before it."""
    millis = f"{max((at - _EPOCH) // _MILLISECOND, 0):012x}"
    return f"{millis[:8]}-{millis[8:]}"


def reference_of(identifier: str) -> str:
    """Eight letters from an id's random end, as `7K3M-9QFX`: what a customer reads out on the telephone."""
    bits = int(identifier.replace("-", "")[-10:], 16)
    letters = "".join(_ALPHABET[(bits >> shift) & 31] for shift in range(35, -5, -5))
    return f"{letters[:4]}-{letters[4:]}"

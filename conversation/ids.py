"""Ids: UUIDv7 as text, so that they sort by the time they were made; and references that a person can read out."""

from uuid_utils import uuid7

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: no I, L, O, U


def new_id() -> str:
    """A new id."""
    return str(uuid7())


def reference_of(identifier: str) -> str:
    """Eight letters from an id's random end, as `7K3M-9QFX`: what a customer reads out on the telephone."""
    bits = int(identifier.replace("-", "")[-10:], 16)
    letters = "".join(_ALPHABET[(bits >> shift) & 31] for shift in range(35, -5, -5))
    return f"{letters[:4]}-{letters[4:]}"

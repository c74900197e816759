"""New ids: UUIDv7 as text, so that they sort by the time they were made. It reads the clock and chance, which pure code is given."""

from uuid_utils import uuid7


def new_id() -> str:
    """A new id."""
    return str(uuid7())

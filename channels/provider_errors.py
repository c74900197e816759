"""Tables of what a provider's error codes mean, and the errors that follow from them. Pure."""

from collections.abc import Callable
from datetime import timedelta

from conversation.errors import ChannelError, PermanentFailure, RateLimited, TransientFailure

_LONGEST_DETAIL = 300

Meaning = str | Callable[[str], ChannelError]
"""A row of such a table: the code of a `PermanentFailure`, or what makes an error of the detail."""


def error_from(meaning: Meaning | None, detail: str, *, status: int = 0) -> ChannelError:
    """The error of one answer. Where the table has no row, the HTTP status decides: 4xx never succeeds, anything else may pass."""
    short = detail[:_LONGEST_DETAIL]
    if meaning is None:
        meaning = "refused" if 400 <= status < 500 else TransientFailure  # noqa: PLR2004
    return PermanentFailure(short, code=meaning) if isinstance(meaning, str) else meaning(short)


def limited_for(wait: timedelta, *, whole_account: bool = True) -> Callable[[str], ChannelError]:
    """A row for a rate limit whose end the provider does not name."""
    return lambda detail: RateLimited(detail, retry_after=wait, whole_account=whole_account)

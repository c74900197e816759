"""What Telegram answers -> the house's errors. The table is data; the first row that fits counts.

Sources: https://core.telegram.org/bots/api#making-requests (status codes, `parameters`), the exceptions of python-telegram-bot, and the
descriptions that the Bot API server writes, which are compared without case.
"""

from collections.abc import Callable
from dataclasses import dataclass

from telegram.error import BadRequest, Conflict, Forbidden, InvalidToken, TelegramError

from channels.telegram.http_transport import NotAnswered
from conversation.errors import (
    ChannelError,
    ChannelMisconfigured,
    PermanentFailure,
    RateLimited,
    TransientFailure,
    Unknown,
)

_LONGEST_DETAIL = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """`words` are part of the description. `code` is that of a `PermanentFailure`; where it is None, `made` says what is raised."""

    error: type[TelegramError]
    words: str = ""
    code: str | None = None
    made: Callable[[str], ChannelError] | None = None


# `BadRequest` is a kind of `NetworkError` in python-telegram-bot: it stands before whatever may be tried again
TABLE: tuple[Row, ...] = (
    Row(error=InvalidToken, made=ChannelMisconfigured),
    Row(error=Conflict, made=TransientFailure),
    Row(error=Forbidden, words="user is deactivated", code="unknown_recipient"),
    Row(error=Forbidden, code="blocked"),
    Row(error=BadRequest, words="chat not found", code="unknown_recipient"),
    Row(error=BadRequest, words="user not found", code="unknown_recipient"),
    Row(error=BadRequest, words="peer_id_invalid", code="unknown_recipient"),
    Row(error=BadRequest, words="message is too long", code="too_long"),
    Row(error=BadRequest, words="caption is too long", code="too_long"),
    Row(error=BadRequest, words="too big", code="too_large"),
    Row(error=BadRequest, words="wrong file_id", code="expired"),
    Row(error=BadRequest, words="file_id_invalid", code="expired"),
    Row(error=BadRequest, words="file_reference_expired", code="expired"),
    Row(error=BadRequest, words="not enough rights", code="blocked"),
    Row(error=BadRequest, words="have no rights", code="blocked"),
    Row(error=BadRequest, words="text is empty", code="unsupported"),
    Row(error=BadRequest, code="refused"),
)
_TOO_LARGE = "request entity too large"  # 413 comes as a `NetworkError`


def judged(error: TelegramError, *, group: bool = False) -> ChannelError:
    """The house's error. A group's pace (twenty messages a minute) holds up that group only."""
    if isinstance(error, NotAnswered):
        return _of_door(error.error, group=group)
    if type(error) is TelegramError:
        return Unknown("Telegram took it, but its answer cannot be read")
    detail = f"Telegram: {error.message}"[:_LONGEST_DETAIL]
    said = error.message.lower()
    if _TOO_LARGE in said:
        return PermanentFailure(detail, code="too_large")
    for row in TABLE:
        if isinstance(error, row.error) and row.words in said:
            return row.made(detail) if row.made is not None else PermanentFailure(detail, code=row.code or "refused")
    return TransientFailure(detail)


def _of_door(error: ChannelError, *, group: bool) -> ChannelError:
    if isinstance(error, RateLimited) and group:
        return RateLimited(error.detail, retry_after=error.retry_after, whole_account=False)
    return error

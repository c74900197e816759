"""Telegram's responses -> errors of `conversation.errors`. The table is data; the first row that fits counts.

Sources: https://core.telegram.org/bots/api#making-requests (status codes, `parameters`), the exceptions of python-telegram-bot, and the
descriptions that the Bot API server writes, which are compared without case.
"""

from dataclasses import dataclass

from telegram.error import BadRequest, Conflict, Forbidden, InvalidToken, TelegramError

from channels.provider_errors import Meaning, error_from
from channels.telegram.http_transport import NotAnswered
from conversation.errors import (
    ChannelError,
    ChannelMisconfigured,
    RateLimited,
    TransientFailure,
    Unknown,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """`words` are part of the description."""

    error: type[TelegramError]
    words: str = ""
    means: Meaning


# `BadRequest` is a kind of `NetworkError` in python-telegram-bot: it comes before whatever may be retried
TABLE: tuple[Row, ...] = (
    Row(error=InvalidToken, means=ChannelMisconfigured),
    Row(error=Conflict, means=TransientFailure),
    Row(error=Forbidden, words="user is deactivated", means="unknown_recipient"),
    Row(error=Forbidden, means="blocked"),
    Row(error=BadRequest, words="chat not found", means="unknown_recipient"),
    Row(error=BadRequest, words="user not found", means="unknown_recipient"),
    Row(error=BadRequest, words="peer_id_invalid", means="unknown_recipient"),
    Row(error=BadRequest, words="message is too long", means="too_long"),
    Row(error=BadRequest, words="caption is too long", means="too_long"),
    Row(error=BadRequest, words="too big", means="too_large"),
    Row(error=BadRequest, words="wrong file_id", means="expired"),
    Row(error=BadRequest, words="file_id_invalid", means="expired"),
    Row(error=BadRequest, words="file_reference_expired", means="expired"),
    Row(error=BadRequest, words="not enough rights", means="blocked"),
    Row(error=BadRequest, words="have no rights", means="blocked"),
    Row(error=BadRequest, words="text is empty", means="unsupported"),
    Row(error=BadRequest, means="refused"),
)
_TOO_LARGE = "request entity too large"  # 413 comes as a `NetworkError`


def judged(error: TelegramError, *, group: bool = False) -> ChannelError:
    """The error to raise. A group's rate limit (twenty messages a minute) holds up that group only."""
    if isinstance(error, NotAnswered):
        return _unanswered(error.error, group=group)
    if type(error) is TelegramError:
        return Unknown("Telegram took it, but its answer cannot be read")
    words = error.message.lower()
    fitting = (row.means for row in TABLE if isinstance(error, row.error) and row.words in words)
    means = "too_large" if _TOO_LARGE in words else next(fitting, TransientFailure)
    return error_from(means, f"Telegram: {error.message}")


def _unanswered(error: ChannelError, *, group: bool) -> ChannelError:
    if isinstance(error, RateLimited) and group:
        return RateLimited(error.detail, retry_after=error.retry_after, whole_account=False)
    return error

"""What LINE answers -> the house's errors. The table is data; the first row that fits counts.

Sources: https://developers.line.biz/en/reference/messaging-api/#status-codes and #error-responses, and
https://developers.line.biz/en/docs/messaging-api/handling-http-429-errors/ for what a 429 can mean. Words are compared without case.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass

from channels.http_client import USUAL_RETRY_AFTER, retry_after
from conversation.errors import ChannelError, ChannelMisconfigured, PermanentFailure, RateLimited, TransientFailure
from conversation.ports.channel import Answer, Clock

INVALID_REPLY_TOKEN = "invalid reply token"  # noqa: S105 LINE's words
ACCEPTED_BEFORE = 409

_LONGEST_DETAIL = 300
_LATER = (429, 503)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """`words` are part of LINE's `message`. `code` is that of a `PermanentFailure`; where it is None, `made` is raised."""

    status: int
    words: str = ""
    code: str | None = None
    made: Callable[[str], ChannelError] | None = None


def _limited(detail: str) -> RateLimited:
    return RateLimited(detail, retry_after=USUAL_RETRY_AFTER)


TABLE: tuple[Row, ...] = (
    Row(status=400, words="'to'", code="unknown_recipient"),
    Row(status=400, words="length must be", code="too_long"),
    Row(status=400, code="refused"),
    Row(status=401, made=ChannelMisconfigured),
    Row(status=403, code="refused"),
    Row(status=404, code="unknown_recipient"),
    Row(status=410, code="expired"),
    Row(status=413, code="too_long"),
    Row(status=415, code="refused"),
    Row(status=429, words="monthly limit", code="refused"),
    Row(status=429, made=_limited),
)


def error_of(answer: Answer, clock: Clock) -> ChannelError:
    """What this answer means; any status that is no success has a meaning."""
    told = told_by(answer)
    detail = f"LINE answered {answer.status}: {told}"[:_LONGEST_DETAIL]
    row = next((row for row in TABLE if row.status == answer.status and row.words in told.lower()), None)
    if row is not None and row.code is not None:
        return PermanentFailure(detail, code=row.code)
    wait = retry_after(answer.headers, clock) if answer.status in _LATER else None
    if wait is not None:
        return RateLimited(detail, retry_after=wait)
    return row.made(detail) if row is not None and row.made is not None else TransientFailure(detail)


def told_by(answer: Answer) -> str:
    """LINE's own words: its `message`, and what it says of single properties."""
    try:
        body = json.loads(answer.body)
        details = [f"{one.get('property', '')}: {one.get('message', '')}" for one in body.get("details", ())]
        return "; ".join([str(body.get("message", "")), *details])
    except (ValueError, AttributeError, TypeError):
        return ""

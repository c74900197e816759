"""LINE's responses -> errors of `conversation.errors`. The table is data; the first row that fits counts.

Sources: https://developers.line.biz/en/reference/messaging-api/#status-codes and #error-responses, and
https://developers.line.biz/en/docs/messaging-api/handling-http-429-errors/ for what a 429 can mean. Words are compared without case.
"""

import json
from dataclasses import dataclass

from channels.http_client import USUAL_RETRY_AFTER, retry_after
from channels.provider_errors import Meaning, error_from, limited_for
from conversation.errors import ChannelError, ChannelMisconfigured, TransientFailure
from conversation.ports.channel import Answer, Clock

INVALID_REPLY_TOKEN = "invalid reply token"  # noqa: S105 LINE's words
ACCEPTED_BEFORE = 409

_LATER = (429, 503)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """`words` are part of LINE's `message`."""

    status: int
    words: str = ""
    means: Meaning


TABLE: tuple[Row, ...] = (
    Row(status=400, words="'to'", means="unknown_recipient"),
    Row(status=400, words="length must be", means="too_long"),
    Row(status=400, means="refused"),
    Row(status=401, means=ChannelMisconfigured),
    Row(status=403, means="refused"),
    Row(status=404, means="unknown_recipient"),
    Row(status=410, means="expired"),
    Row(status=413, means="too_long"),
    Row(status=415, means="refused"),
    Row(status=429, words="monthly limit", means="refused"),
    Row(status=429, means=limited_for(USUAL_RETRY_AFTER)),
)


def error_of(answer: Answer, clock: Clock) -> ChannelError:
    """What this answer means; any status that is no success has a meaning."""
    words = words_of(answer)
    row = next((row for row in TABLE if row.status == answer.status and row.words in words.lower()), None)
    means = row.means if row is not None else TransientFailure
    wait = retry_after(answer.headers, clock) if answer.status in _LATER and not isinstance(means, str) else None
    means = limited_for(wait) if wait is not None else means
    return error_from(means, f"LINE answered {answer.status}: {words}", status=answer.status)


def words_of(answer: Answer) -> str:
    """LINE's own words: its `message`, and its details on single properties."""
    try:
        body = json.loads(answer.body)
        details = [f"{one.get('property', '')}: {one.get('message', '')}" for one in body.get("details", ())]
        return "; ".join([str(body.get("message", "")), *details])
    except (ValueError, AttributeError, TypeError):
        return ""

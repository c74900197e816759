"""X's responses -> errors of `conversation.errors`. The tables are data.

A refusal names its kind in `type`, older ones a `code`: https://docs.x.com/x-api/fundamentals/response-codes-and-errors
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from channels.http_client import LONGEST_RETRY_AFTER, json_of, refuse_for_now
from channels.provider_errors import Meaning, error_from
from conversation.errors import ChannelMisconfigured, RateLimited
from conversation.ports.channel import Answer, Clock

PROBLEMS: Mapping[str, Meaning] = {
    "not-authorized-for-resource": "blocked",
    "resource-not-found": "unknown_recipient",
    "invalid-request": "refused",
    "invalid-resource": "refused",
    "client-forbidden": ChannelMisconfigured,
    "oauth1-permissions": ChannelMisconfigured,
    "unsupported-authentication": ChannelMisconfigured,
    "not-authorized-for-field": ChannelMisconfigured,
    "usage-capped": ChannelMisconfigured,
}
CODES: Mapping[int, Meaning] = {
    17: "unknown_recipient",
    32: ChannelMisconfigured,  # could not authenticate
    50: "unknown_recipient",
    63: "unknown_recipient",  # suspended
    64: ChannelMisconfigured,  # our account is suspended
    89: ChannelMisconfigured,  # the token is expired or revoked
    93: ChannelMisconfigured,  # the app may not read direct messages
    108: "unknown_recipient",
    135: ChannelMisconfigured,  # the clock, or a wrong signature
    150: "blocked",  # only whom they follow may write to them
    187: "refused",  # said before
    226: "refused",  # looks automated
    261: ChannelMisconfigured,  # the app may not write
    326: ChannelMisconfigured,  # our account is locked
    349: "blocked",
    354: "too_long",
    416: ChannelMisconfigured,  # the app is suspended
}

_OF_STATUS: Mapping[int, Meaning] = {
    401: ChannelMisconfigured,
    403: "blocked",
    404: "unknown_recipient",
    413: "too_large",
}
_LIMITS = (
    ("x-rate-limit-remaining", "x-rate-limit-reset"),
    ("x-user-limit-24hour-remaining", "x-user-limit-24hour-reset"),
)


def body_of(answer: Answer, clock: Clock) -> Mapping[str, Any]:
    """The body of a success. Raises what anything else means."""
    if answer.status == 429 and "retry-after" not in answer.headers and (wait := _wait(answer, clock)) is not None:  # noqa: PLR2004
        raise RateLimited("X answered 429", retry_after=wait)
    refuse_for_now(answer, clock)
    body = json_of(answer)
    if 200 <= answer.status < 300:  # noqa: PLR2004
        return body
    words = body.get("detail") or body.get("title") or _first(body).get("message") or ""
    raise error_from(_meaning(answer.status, body), f"X answered {answer.status}: {words}", status=answer.status)


def _meaning(status: int, body: Mapping[str, Any]) -> Meaning | None:
    problem = str(body.get("type") or "").rpartition("/")[2]
    if problem in PROBLEMS:
        return PROBLEMS[problem]
    code = _first(body).get("code")
    if isinstance(code, int) and code in CODES:
        return CODES[code]
    return _OF_STATUS.get(status)


def _first(body: Mapping[str, Any]) -> Mapping[str, Any]:
    rows = body.get("errors")
    return rows[0] if isinstance(rows, list) and rows and isinstance(rows[0], dict) else {}


def _wait(answer: Answer, clock: Clock) -> timedelta | None:
    """Until the last of the limits that are used up begins anew; X gives the instant, in seconds since 1970."""
    waits = [
        datetime.fromtimestamp(int(text[:11]), UTC) - clock.now()
        for remaining, reset in _LIMITS
        if (text := answer.headers.get(reset, "")).isascii()
        and text.isdigit()
        and answer.headers.get(remaining, "0") == "0"
    ]
    return min(max(*waits, timedelta(seconds=1)), LONGEST_RETRY_AFTER) if waits else None

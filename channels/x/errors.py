"""What X answers -> the house's errors. The tables are data.

A refusal names its kind in `type`, older ones a `code`: https://docs.x.com/x-api/fundamentals/response-codes-and-errors
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from channels.http_client import LONGEST_RETRY_AFTER, json_of, refuse_for_now
from conversation.errors import ChannelError, ChannelMisconfigured, PermanentFailure, RateLimited, TransientFailure
from conversation.ports.channel import Answer, Clock

STOPS = "stops"  # in the tables: credentials or rights are refused, and stay so until an operator changes them

PROBLEMS: Mapping[str, str] = {
    "not-authorized-for-resource": "blocked",
    "resource-not-found": "unknown_recipient",
    "invalid-request": "refused",
    "invalid-resource": "refused",
    "client-forbidden": STOPS,
    "oauth1-permissions": STOPS,
    "unsupported-authentication": STOPS,
    "not-authorized-for-field": STOPS,
    "usage-capped": STOPS,
}
CODES: Mapping[int, str] = {
    17: "unknown_recipient",
    32: STOPS,  # could not authenticate
    50: "unknown_recipient",
    63: "unknown_recipient",  # suspended
    64: STOPS,  # our account is suspended
    89: STOPS,  # the token is expired or revoked
    93: STOPS,  # the app may not read direct messages
    108: "unknown_recipient",
    135: STOPS,  # the clock, or a wrong signature
    150: "blocked",  # only whom they follow may write to them
    187: "refused",  # said before
    226: "refused",  # looks automated
    261: STOPS,  # the app may not write
    326: STOPS,  # our account is locked
    349: "blocked",
    354: "too_long",
    416: STOPS,  # the app is suspended
}

_OF_STATUS: Mapping[int, str] = {401: STOPS, 403: "blocked", 404: "unknown_recipient", 413: "too_large"}
_LIMITS = (
    ("x-rate-limit-remaining", "x-rate-limit-reset"),
    ("x-user-limit-24hour-remaining", "x-user-limit-24hour-reset"),
)
_LONGEST_DETAIL = 300


def body_of(answer: Answer, clock: Clock) -> Mapping[str, Any]:
    """The body of a success. Raises what anything else means."""
    if answer.status == 429 and "retry-after" not in answer.headers and (wait := _wait(answer, clock)) is not None:  # noqa: PLR2004
        raise RateLimited("X answered 429", retry_after=wait)
    refuse_for_now(answer, clock)
    body = json_of(answer)
    if 200 <= answer.status < 300:  # noqa: PLR2004
        return body
    raise _meaning(answer.status, body)


def _meaning(status: int, body: Mapping[str, Any]) -> ChannelError:
    found = _kind(status, body)
    detail = f"X answered {status}: {body.get('detail') or body.get('title') or _first(body).get('message') or ''}"
    if found == STOPS:
        return ChannelMisconfigured(detail[:_LONGEST_DETAIL])
    if found is None:
        return TransientFailure(detail[:_LONGEST_DETAIL])
    return PermanentFailure(detail[:_LONGEST_DETAIL], code=found)


def _kind(status: int, body: Mapping[str, Any]) -> str | None:
    """None: it may pass."""
    problem = str(body.get("type") or "").rpartition("/")[2]
    if problem in PROBLEMS:
        return PROBLEMS[problem]
    code = _first(body).get("code")
    if isinstance(code, int) and code in CODES:
        return CODES[code]
    return _OF_STATUS.get(status, "refused" if 400 <= status < 500 else None)  # noqa: PLR2004


def _first(body: Mapping[str, Any]) -> Mapping[str, Any]:
    rows = body.get("errors")
    return rows[0] if isinstance(rows, list) and rows and isinstance(rows[0], dict) else {}


def _wait(answer: Answer, clock: Clock) -> timedelta | None:
    """Until the last of the limits that are used up begins anew; X tells the instant, in seconds since 1970."""
    waits = [
        datetime.fromtimestamp(int(text[:11]), UTC) - clock.now()
        for remaining, reset in _LIMITS
        if (text := answer.headers.get(reset, "")).isascii()
        and text.isdigit()
        and answer.headers.get(remaining, "0") == "0"
    ]
    return min(max(*waits, timedelta(seconds=1)), LONGEST_RETRY_AFTER) if waits else None

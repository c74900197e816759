"""Meta's responses -> errors of `conversation.errors`. The tables are data.

Sources: developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes, developers.facebook.com/docs/messenger-platform/error-codes,
developers.facebook.com/docs/graph-api/guides/error-handling.
"""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from channels.http_client import LONGEST_RETRY_AFTER, refuse_for_now, retry_after
from channels.meta.platforms import Platform
from conversation.errors import (
    ChannelError,
    ChannelMisconfigured,
    PermanentFailure,
    RateLimited,
    TransientFailure,
)
from conversation.ports.channel import Answer, Clock

# anything that is no word of these four is the code of a `PermanentFailure`
STOPS, WAITS, CHAT_WAITS, LATER = "stops", "waits", "chat waits", "later"

WHATSAPP: Mapping[int, str] = {
    **dict.fromkeys((0, 3, 10, 190, *range(200, 300)), STOPS),
    **dict.fromkeys((368, 131005, 131031, 131042, 133010), STOPS),
    **dict.fromkeys((4, 80007, 130429, 131048, 131064, 133016), WAITS),
    131056: CHAT_WAITS,
    **dict.fromkeys((1, 2, 131000, 131016, 131053, 131057, 135000), LATER),
    **dict.fromkeys((470, 131047), "window_closed"),
    131026: "unknown_recipient",
    131050: "blocked",
    131051: "unsupported",
    **dict.fromkeys((33, 100, 130472, 130497, 131008, 131009, 131021, 131030), "refused"),
    **dict.fromkeys((131045, 131049, 131052, 131062, *range(132000, 132100)), "refused"),
}
# by code, or by code and subcode, which is looked for first
SOCIAL: Mapping[int | tuple[int, int], str] = {
    **dict.fromkeys((102, 190, *range(200, 230), *range(231, 300)), STOPS),
    **dict.fromkeys((4, 17, 32, 613, 80001, 80002, 80006, 80007), WAITS),
    **dict.fromkeys((-1, 1, 2, 1200), LATER),
    **dict.fromkeys(((10, 2018278), (10, 2018065), (10, 2534022), 10900), "window_closed"),
    **dict.fromkeys((551, (200, 1545041), (10, 1545041), 1545041), "blocked"),
    **dict.fromkeys(((100, 2018001), 2018001), "unknown_recipient"),
    (100, 2018109): "too_large",
    **dict.fromkeys((10, 100, 230, 368), "refused"),
}
# how long to wait where the answer does not say
WAITING: Mapping[int, timedelta] = {
    131048: timedelta(minutes=15),
    131056: timedelta(seconds=6),
    133016: timedelta(hours=1),
    80007: timedelta(minutes=5),
}
_USUAL = timedelta(seconds=30)
_USAGE = "x-business-use-case-usage"
_LONGEST_DETAIL = 300
_REFUSALS: Mapping[int, str] = {413: "too_large", 410: "gone"}


def meaning(platform: Platform, code: int, subcode: int | None) -> str | None:
    """One of the four words, or the code of a `PermanentFailure`; None for an error that the tables do not name."""
    if platform is Platform.WHATSAPP:
        return WHATSAPP.get(code)
    return SOCIAL.get((code, subcode or 0)) or SOCIAL.get(code)


def judged(answer: Answer, platform: Platform, clock: Clock) -> ChannelError:
    """The error in an answer that is not 2xx."""
    error = _error(answer.body)
    code, subcode = error.get("code"), error.get("error_subcode")
    if not isinstance(code, int) or isinstance(code, bool):
        return _by_status(answer, clock)
    what = meaning(platform, code, subcode if isinstance(subcode, int) else None)
    if what is None and error.get("is_transient") is not True:
        return _by_status(answer, clock, _words(error))
    if what in (WAITS, CHAT_WAITS):
        wait = retry_after(answer.headers, clock) or _regained(answer.headers) or WAITING.get(code, _USUAL)
        return RateLimited(_words(error), retry_after=wait, whole_account=what == WAITS)
    return _lasting(what or LATER, _words(error))


def _lasting(what: str, detail: str) -> ChannelError:
    if what == STOPS:
        return ChannelMisconfigured(detail)
    return TransientFailure(detail) if what == LATER else PermanentFailure(detail, code=what)


def failure_words(error: Mapping[str, Any]) -> str:
    """The reason of a message that failed after it had been taken: the code that agents see in words, and Meta's own words."""
    code = error.get("code")
    what = WHATSAPP.get(code) if isinstance(code, int) else None
    stable = "refused" if what in (None, STOPS, WAITS, CHAT_WAITS, LATER) else what
    return f"{stable}: {_words(error)}"


def _error(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    error = found.get("error") if isinstance(found, dict) else None
    return error if isinstance(error, dict) else {}


def _words(error: Mapping[str, Any]) -> str:
    """The code and Meta's words; never the request, which may hold what a customer wrote."""
    data = error.get("error_data")
    details = data.get("details") if isinstance(data, dict) else None
    words = [one for one in (error.get("title"), error.get("message"), details) if isinstance(one, str) and one]
    codes = "/".join(str(one) for one in (error.get("code"), error.get("error_subcode")) if isinstance(one, int))
    return f"Meta {codes}: {'; '.join(dict.fromkeys(words))}"[:_LONGEST_DETAIL]


def _by_status(answer: Answer, clock: Clock, detail: str | None = None) -> ChannelError:
    try:
        refuse_for_now(answer, clock)
    except ChannelError as error:
        return error
    words = detail or f"Meta answered {answer.status}"
    if answer.status == 401:  # noqa: PLR2004
        return ChannelMisconfigured(words)
    if answer.status < 400:  # noqa: PLR2004 a redirect is followed by nobody
        return TransientFailure(words)
    return PermanentFailure(words, code=_REFUSALS.get(answer.status, "refused"))


def _regained(headers: Mapping[str, str]) -> timedelta | None:
    """The longest wait in minutes that the usage header of the app gives."""
    try:
        usage = json.loads(headers.get(_USAGE, "{}"))
        rows = [row for rows in usage.values() for row in rows]
        minutes = max(int(row.get("estimated_time_to_regain_access", 0)) for row in rows)
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
    return min(timedelta(minutes=minutes), LONGEST_RETRY_AFTER) if minutes > 0 else None

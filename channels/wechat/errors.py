"""What WeChat answers -> the house's errors. The table is data, by `errcode`.

Source: https://developers.weixin.qq.com/doc/oplatform/developers/errCode/errCode.html (全局返回码).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from conversation.errors import (
    ChannelError,
    ChannelMisconfigured,
    PermanentFailure,
    RateLimited,
    TransientFailure,
)

# the access token was replaced or ran out: fetched again once, then the credentials themselves are wrong
STALE = frozenset({40001, 40014, 41001, 42001})

_LONGEST_DETAIL = 300
_MINUTE = timedelta(minutes=1)
_HOUR = timedelta(hours=1)


class Means(StrEnum):
    """What is raised where it is no `PermanentFailure`."""

    MISCONFIGURED = "misconfigured"
    TRANSIENT = "transient"
    LIMITED = "limited"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """`code` is that of a `PermanentFailure`."""

    code: str = ""
    means: Means | None = None
    after: timedelta = _MINUTE


def _gives_up(code: str) -> Row:
    return Row(code=code)


_STOPS = Row(means=Means.MISCONFIGURED)
TABLE: Mapping[int, Row] = {
    -1: Row(means=Means.TRANSIENT),  # busy
    -1000: Row(means=Means.TRANSIENT),
    **dict.fromkeys(STALE, _STOPS),
    40002: _STOPS,  # grant type
    40013: _STOPS,  # AppID
    40125: _STOPS,  # AppSecret
    40164: _STOPS,  # our address is not on the list
    40243: _STOPS,  # AppSecret frozen
    41002: _STOPS,  # AppID missing
    41004: _STOPS,  # AppSecret missing
    48001: _STOPS,  # no right to this call
    50001: _STOPS,  # not authorised for it
    50002: _STOPS,  # the account is restricted
    61004: _STOPS,  # our address is not registered
    89503: _STOPS,  # our address waits for an administrator's word
    89506: _STOPS,
    89507: _STOPS,
    40003: _gives_up("unknown_recipient"),  # OpenID
    40031: _gives_up("unknown_recipient"),
    43004: _gives_up("blocked"),  # follows us no more
    43019: _gives_up("blocked"),
    40004: _gives_up("unsupported"),  # kinds of media and messages
    40005: _gives_up("unsupported"),
    40008: _gives_up("unsupported"),
    40137: _gives_up("unsupported"),
    40200: _gives_up("unsupported"),
    44004: _gives_up("unsupported"),  # empty
    40006: _gives_up("too_large"),
    40009: _gives_up("too_large"),
    40010: _gives_up("too_large"),
    40011: _gives_up("too_large"),
    45001: _gives_up("too_large"),
    45002: _gives_up("too_long"),
    40007: _gives_up("expired"),  # media id
    45015: _gives_up("window_closed"),  # later than the customer's message allows
    45047: _gives_up("window_closed"),  # more than the customer's message allows
    45009: Row(means=Means.LIMITED, after=_HOUR),  # the day's quota
    45011: Row(means=Means.LIMITED, after=_MINUTE),
    45033: Row(means=Means.LIMITED, after=_MINUTE),
    47001: _gives_up("refused"),
}


def error_of(errcode: int, errmsg: str) -> ChannelError:
    """What this code means; one that is not in the table is a refusal."""
    row = TABLE.get(errcode, _gives_up("refused"))
    detail = f"WeChat answered {errcode}: {errmsg}"[:_LONGEST_DETAIL]
    if row.means is Means.MISCONFIGURED:
        return ChannelMisconfigured(detail)
    if row.means is Means.TRANSIENT:
        return TransientFailure(detail)
    if row.means is Means.LIMITED:
        return RateLimited(detail, retry_after=row.after)
    return PermanentFailure(detail, code=row.code)

"""WeChat's responses -> errors of `conversation.errors`. The table is data, by `errcode`.

Source: https://developers.weixin.qq.com/doc/oplatform/developers/errCode/errCode.html (全局返回码).
"""

from collections.abc import Mapping
from datetime import timedelta

from channels.provider_errors import Meaning, error_from, limited_for
from conversation.errors import ChannelError, ChannelMisconfigured, TransientFailure

# the access token was replaced or ran out: fetched again once, then the credentials themselves are wrong
STALE = frozenset({40001, 40014, 41001, 42001})

_FOR_A_MINUTE = limited_for(timedelta(minutes=1))

TABLE: Mapping[int, Meaning] = {
    -1: TransientFailure,  # busy
    -1000: TransientFailure,
    **dict.fromkeys(STALE, ChannelMisconfigured),
    40002: ChannelMisconfigured,  # grant type
    40013: ChannelMisconfigured,  # AppID
    40125: ChannelMisconfigured,  # AppSecret
    40164: ChannelMisconfigured,  # our address is not on the list
    40243: ChannelMisconfigured,  # AppSecret frozen
    41002: ChannelMisconfigured,  # AppID missing
    41004: ChannelMisconfigured,  # AppSecret missing
    48001: ChannelMisconfigured,  # no right to this call
    50001: ChannelMisconfigured,  # not authorised for it
    50002: ChannelMisconfigured,  # the account is restricted
    61004: ChannelMisconfigured,  # our address is not registered
    89503: ChannelMisconfigured,  # our address waits for an administrator's word
    89506: ChannelMisconfigured,
    89507: ChannelMisconfigured,
    40003: "unknown_recipient",  # OpenID
    40031: "unknown_recipient",
    43004: "blocked",  # follows us no more
    43019: "blocked",
    40004: "unsupported",  # kinds of media and messages
    40005: "unsupported",
    40008: "unsupported",
    40137: "unsupported",
    40200: "unsupported",
    44004: "unsupported",  # empty
    40006: "too_large",
    40009: "too_large",
    40010: "too_large",
    40011: "too_large",
    45001: "too_large",
    45002: "too_long",
    40007: "expired",  # media id
    45015: "window_closed",  # later than the customer's message allows
    45047: "window_closed",  # more than the customer's message allows
    45009: limited_for(timedelta(hours=1)),  # the day's quota
    45011: _FOR_A_MINUTE,
    45033: _FOR_A_MINUTE,
    47001: "refused",
}


def error_of(errcode: int, errmsg: str) -> ChannelError:
    """What this code means; one that is not in the table is a refusal."""
    return error_from(TABLE.get(errcode, "refused"), f"WeChat answered {errcode}: {errmsg}")

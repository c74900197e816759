"""Viber's responses -> errors of `conversation.errors`. The table is data.

Viber answers 200, and `status` is the result: https://developers.viber.com/docs/api/rest-bot-api/#error-codes
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from channels.http_client import json_of, refuse_for_now
from channels.provider_errors import Meaning, error_from, limited_for
from conversation.errors import ChannelMisconfigured, TransientFailure, Unknown
from conversation.ports.channel import Answer, Clock

OK = 0

_SUCCESS = 200
# Viber counts what one customer got without answering, 100 an hour, and does not name the end of it:
# https://creators.viber.com/docs/bots-api/resources/messaging/send-message
_LIMITED = limited_for(timedelta(seconds=30), whole_account=False)

TABLE: Mapping[int, Meaning] = {
    1: TransientFailure,  # the webhook's address did not answer as it should
    2: ChannelMisconfigured,  # the token
    3: "refused",
    4: "refused",
    5: "unknown_recipient",
    6: "blocked",
    7: ChannelMisconfigured,  # the bot is blocked
    8: ChannelMisconfigured,  # there is no such bot
    9: ChannelMisconfigured,  # the bot is suspended
    10: TransientFailure,  # no webhook is set yet
    11: "unsupported",
    12: _LIMITED,
    13: "unsupported",
    14: "unsupported",
    15: ChannelMisconfigured,  # the bot has no right to do this
    16: "refused",
    17: "refused",
    18: "refused",
    19: "refused",
    20: "refused",
    21: "refused",  # not in this country
    22: "refused",
    23: "refused",  # the month's free messages are used up
    24: "refused",  # no balance
}


def status_of(answer: Answer, clock: Clock) -> Mapping[str, Any]:
    """The body of a success. Raises what anything else means; a status that is not in the table may pass.

    200 without a status leaves the outcome of the call unknown: a retry could arrive twice.
    """
    refuse_for_now(answer, clock)
    body = json_of(answer)
    status = body.get("status")
    if answer.status == _SUCCESS:
        if type(status) is not int:  # nor is true 1
            raise Unknown("Viber answered 200 without a status")
        if status == OK:
            return body
    detail = f"Viber answered {answer.status}, {status}: {body.get('status_message', '')}"
    raise error_from(TABLE.get(status) if isinstance(status, int) else None, detail, status=answer.status)

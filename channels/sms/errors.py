"""Twilio's responses, and why a message was not delivered -> errors of `conversation.errors` and words. The table is data.

https://www.twilio.com/docs/api/errors
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from channels.http_client import json_of, refuse_for_now
from channels.provider_errors import Meaning, error_from, limited_for
from conversation.errors import ChannelMisconfigured, TransientFailure
from conversation.ports.channel import Answer, Clock

_LIMITED = limited_for(timedelta(seconds=10))  # Twilio does not name the end of a limit
_UNAUTHORISED = (401, 403)


@dataclass(frozen=True, slots=True)
class Row:
    """`words` are for agents."""

    means: Meaning
    words: str


TABLE: Mapping[int, Row] = {
    20003: Row(ChannelMisconfigured, "Twilio refuses the account's name or token"),
    30002: Row(ChannelMisconfigured, "the account is suspended"),
    63001: Row(ChannelMisconfigured, "the channel refuses the account"),
    21211: Row("unknown_recipient", "this is no number"),
    21612: Row("unknown_recipient", "this number cannot be reached from ours"),
    21614: Row("unknown_recipient", "this is not the number of a mobile telephone"),
    30003: Row("unknown_recipient", "the telephone is switched off or out of reach"),
    30005: Row("unknown_recipient", "there is no such number any more"),
    30006: Row("unknown_recipient", "this is a landline, or its network takes no messages"),
    63003: Row("unknown_recipient", "there is no such recipient in this medium"),
    63024: Row("unknown_recipient", "this recipient cannot be written to"),
    21610: Row("blocked", "the customer has written STOP"),
    30004: Row("blocked", "the customer's network blocks our messages"),
    63014: Row("blocked", "the customer has blocked us"),
    63033: Row("blocked", "the customer has opted out"),
    30007: Row("refused", "the network took it for unwanted advertising"),
    21617: Row("too_long", "longer than 1,600 characters"),
    63016: Row("window_closed", "24 hours have passed since the customer wrote"),
    14107: Row(_LIMITED, "too many messages"),
    20429: Row(_LIMITED, "too many messages"),
    30022: Row(_LIMITED, "the network takes no more for now"),
    63017: Row(_LIMITED, "too many messages"),
    63018: Row(_LIMITED, "too many messages"),
    20500: Row(TransientFailure, "Twilio failed"),
    20503: Row(TransientFailure, "Twilio is not available"),
    30001: Row(TransientFailure, "Twilio's queue was full"),
    30008: Row(TransientFailure, "the network did not say why"),
    30017: Row(TransientFailure, "the network was congested"),
    30410: Row(TransientFailure, "the network did not answer in time"),
    63009: Row(TransientFailure, "the medium failed"),
    63012: Row(TransientFailure, "the medium failed"),
}


def success_of(answer: Answer, clock: Clock) -> Mapping[str, Any]:
    """The body of a success. Raises what anything else means."""
    body = json_of(answer)
    code = body.get("code")
    if 200 <= answer.status < 300:  # noqa: PLR2004
        return body
    row = TABLE.get(code) if isinstance(code, int) else None
    if row is None:
        refuse_for_now(answer, clock)
    unlisted = ChannelMisconfigured if answer.status in _UNAUTHORISED else None
    detail = f"Twilio answered {answer.status}, {code}: {body.get('message', '')}"
    raise error_from(row.means if row else unlisted, detail, status=answer.status)


def words_of(code: str) -> str:
    """Why a message did not arrive: a code of `PermanentFailure` and words for agents."""
    row = TABLE.get(int(code)) if code.isascii() and code.isdigit() and len(code) <= 6 else None  # noqa: PLR2004
    if row is None:
        return f"refused: Twilio could not deliver it ({code[:10]})" if code else "refused: Twilio could not deliver it"
    means = row.means if isinstance(row.means, str) else "refused"
    return f"{means}: {row.words} ({code})"

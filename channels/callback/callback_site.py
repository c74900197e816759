"""One account as its door needs it."""

from dataclasses import dataclass

from channels.callback.account import CallbackAccount
from channels.rate_limits import Buckets


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackSite:
    """The account under `/callback/{channel}`, and how often a number and a network address may ask there."""

    channel: str
    account: CallbackAccount
    per_number: Buckets
    per_address: Buckets

"""One account as its pages need it."""

from dataclasses import dataclass

from channels.callback.account import CallbackAccount
from channels.rate_limits import Buckets
from conversation.ports.customer_pages import CustomerPagePorts

_HOUR = 3_600


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackSite:
    """The account under `/callback/{channel}`, the ports of its pages, and how often a number and a network address may request calls."""

    channel: str
    account: CallbackAccount
    ports: CustomerPagePorts
    per_number: Buckets
    per_address: Buckets


def site_of(channel: str, account: CallbackAccount, ports: CustomerPagePorts) -> CallbackSite:
    """With the limits of its settings."""
    settings, clock = account.settings, ports.clock
    return CallbackSite(
        channel=channel,
        account=account,
        ports=ports,
        per_number=Buckets(clock, per_second=settings.per_number / _HOUR, burst=settings.per_number),
        per_address=Buckets(clock, per_second=settings.per_address / _HOUR, burst=settings.per_address),
    )

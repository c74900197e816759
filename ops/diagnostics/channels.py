"""What `doctor` asks outside: providers who we are, the address by which they reach us, and where operators' webhooks lead."""

import asyncio
from collections.abc import Mapping
from urllib.parse import urlsplit

import re2

from channels.http_client import OutgoingHttp
from channels.public_files import can_share
from channels.supervisor import ReportsLag
from conversation.errors import ChannelError, ChannelMisconfigured, PermanentFailure, RateLimited
from conversation.ports.channel import Channel, Proves
from ops.diagnostics.check_result import Finding, bad, ok, skipped, warn

PATIENCE = 15.0


async def account(channel: Channel, example: str | None = None, *, patience: float = PATIENCE) -> Finding:
    """Whether its provider, or its servers, let it in. Nothing is sent, nothing is read, nothing is changed.

    `example` is an example's host that its settings name: nobody is there.
    """
    title = f"channel {channel.name}"
    if not isinstance(channel, Proves):
        return skipped(title, "there is nobody to ask: customers or your own application come to it")
    if example is not None:
        return untried(title, example, f"[channels.{channel.name}]")
    try:
        async with asyncio.timeout(patience):
            proof = await channel.prove()
    except TimeoutError:
        return bad(title, f"no answer within {patience:g} seconds", _LATER)
    except ChannelError as error:
        return _refusal(title, error)
    finally:
        await channel.stop()
    return ok(title, proof) if proof else skipped(title, "nothing can be asked of it without an effect")


_LATER = "look at the network, the firewall and the provider's own status page, then try again"
_CREDENTIALS = "correct its settings under [channels], and the credentials they name"


def _refusal(title: str, error: ChannelError) -> Finding:
    if isinstance(error, ChannelMisconfigured):
        return bad(title, error.detail, _CREDENTIALS)
    if isinstance(error, RateLimited):
        seconds = error.retry_after.total_seconds()
        return warn(title, f"slowed by the provider: {error.detail}", f"try again in {seconds:.0f} seconds")
    if isinstance(error, PermanentFailure):
        return bad(title, f"refused: {error.detail}", _CREDENTIALS)
    return bad(title, error.detail, _LATER)


_EXAMPLES = re2.compile(r"(^|\.)(example|example\.(com|net|org))\.?$")  # reserved: RFC 2606


def example_host(settings: object) -> str | None:
    """The first host in them that stands for another one, as in our example's addresses; None where there is none."""
    if isinstance(settings, Mapping | list | tuple):
        inner = settings.values() if isinstance(settings, Mapping) else settings
        return next((host for one in inner if (host := example_host(one))), None)
    if not isinstance(settings, str) or "://" not in settings:
        return None
    try:
        host = (urlsplit(settings).hostname or "").lower()
    except ValueError:
        return None
    return host if _EXAMPLES.search(host) else None


def untried(title: str, host: str, place: str) -> Finding:
    """It leads to an example address: no failure of a first trial, but nothing reaches anybody there."""
    return warn(
        title, f"{host} is an example address, not tried", f"write your own in {place} before customers rely on it"
    )


# -- how we are reached ------------------------------------------------------------------------------------------------


def public_address(public_url: str | None, accounts: Mapping[str, Channel]) -> Finding:
    """Whether providers and customers find us where some account needs it."""
    needing = sorted(name for name, channel in accounts.items() if _is_called(channel))
    if public_url is None:
        if not needing:
            return skipped("public_url", "not set, and no account needs it")
        words = f"not set, and {', '.join(needing)} cannot be reached from outside"
        return bad("public_url", words, 'write public_url = "https://..." in [service]')
    if can_share(public_url):
        alone = "" if public_url.startswith("https:") else ", which only this machine reaches: good for a trial"
        return ok("public_url", f"{public_url}{alone}")
    return warn(
        "public_url", f"{public_url} is not https", "put a proxy with TLS before huntgroup, and name its address"
    )


def _is_called(channel: Channel) -> bool:
    """By its provider's webhook, or by customers over links that we make. A poller that has something to fetch is not."""
    hooked = hasattr(channel, "verify") and not (isinstance(channel, ReportsLag) and channel.lag() is not None)
    return hooked or channel.can.calls is not None


# -- where we call -----------------------------------------------------------------------------------------------------


async def webhook(name: str, url: str, http: OutgoingHttp, *, signed: bool) -> Finding:
    """Whether calls to `[webhooks.NAME]` could leave. None does."""
    title = f"webhook {name}"
    example = example_host(url)
    if example is not None:
        return untried(title, example, f"[webhooks.{name}]")
    if not signed:
        return bad(title, "it has no secret, and nothing leaves unsigned", f"write a secret in [webhooks.{name}]")
    try:
        async with asyncio.timeout(PATIENCE):
            await http.resolve(url, trusted=True)
    except TimeoutError:
        return bad(title, "its host's name is not resolved in time", _LATER)
    except ChannelError as error:
        return bad(title, error.detail, f"correct its url in [webhooks.{name}], or the name service")
    return ok(title, f"{urlsplit(url).hostname} is known; it was not called")

"""The network address that a request counts for."""

from aiohttp import hdrs, web

from conversation.model.trusted_proxies import Proxies, is_loopback, network_of


def remote_of(request: web.Request, proxies: Proxies) -> str | None:
    """That of whoever asks, past the proxies that the house believes; of IPv6 its /64, which one host holds whole.

    None where it tells nobody apart: a proxy on this machine that does not say for whom it asks, or a Unix socket.
    """
    found = proxies.remote_of(request.remote, ",".join(request.headers.getall(hdrs.X_FORWARDED_FOR, ())))
    return network_of(found) if found and not is_loopback(found) else None


def told_apart(request: web.Request, proxies: Proxies) -> str | None:
    """The same; None also where all clients of a proxy would be one: it is not named, or does not say for whom it asks."""
    forwards = hdrs.X_FORWARDED_FOR in request.headers
    return remote_of(request, proxies) if forwards == proxies.believes(request.remote) else None


def is_unnamed_proxy(request: web.Request, proxies: Proxies) -> bool:
    """Whether somebody forwards who is not among the proxies."""
    return hdrs.X_FORWARDED_FOR in request.headers and not proxies.believes(request.remote)

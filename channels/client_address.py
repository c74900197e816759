"""The network address that a request counts for."""

from aiohttp import hdrs, web

from conversation.model.trusted_proxies import Proxies, is_loopback, network_of


def remote_of(request: web.Request, proxies: Proxies) -> str | None:
    """The client's address behind the trusted proxies. An IPv6 address counts by its /64, which one host holds whole.

    None where clients cannot be distinguished: a local proxy that does not forward their address, or a Unix socket.
    """
    found = proxies.remote_of(request.remote, ",".join(request.headers.getall(hdrs.X_FORWARDED_FOR, ())))
    return network_of(found) if found and not is_loopback(found) else None


def remote_of_one_client(request: web.Request, proxies: Proxies) -> str | None:
    """The same, and None also where all clients of a proxy would share one address: it is not trusted, or forwards none."""
    forwards = hdrs.X_FORWARDED_FOR in request.headers
    return remote_of(request, proxies) if forwards == proxies.believes(request.remote) else None


def is_unnamed_proxy(request: web.Request, proxies: Proxies) -> bool:
    """Whether somebody forwards who is not among the proxies."""
    return hdrs.X_FORWARDED_FOR in request.headers and not proxies.believes(request.remote)

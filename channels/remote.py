"""The network address that a request counts for."""

from aiohttp import web

from conversation.proxies import Proxies, is_loopback, network_of


def remote_of(request: web.Request, proxies: Proxies) -> str | None:
    """That of whoever asks, past the proxies that the house believes; of IPv6 its /64, which one host holds whole.

    None where it tells nobody apart: a proxy on this machine that does not say for whom it asks, or a Unix socket.
    """
    found = proxies.remote_of(request.remote, ",".join(request.headers.getall("X-Forwarded-For", ())))
    return network_of(found) if found and not is_loopback(found) else None

"""The network address that a request counts for."""

from aiohttp import web

from conversation.proxies import Proxies


def remote_of(request: web.Request, proxies: Proxies) -> str:
    """That of whoever asks, past the proxies that the house believes."""
    return proxies.remote_of(request.remote, ",".join(request.headers.getall("X-Forwarded-For", ())))

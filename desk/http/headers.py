"""The headers that every answer carries, and the ones that depend on the endpoint."""

from urllib.parse import urlsplit

from aiohttp import hdrs, web

from desk.http.services import SERVICES

_CLOSED = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_CONSOLE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "media-src 'self' blob:; connect-src 'self'{sockets}; manifest-src 'self'; worker-src 'self'; frame-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)


def _console_policy(public_url: str) -> str:
    # 'self' covers the socket in current browsers; older ones want it by name
    parts = urlsplit(public_url)
    scheme = "wss" if parts.scheme == "https" else "ws"
    return _CONSOLE.format(sockets=f" {scheme}://{parts.netloc}" if parts.netloc else "")


def _policy(path: str, public_url: str) -> str | None:
    if path.startswith("/desk"):
        return _console_policy(public_url)
    if path.startswith(("/chat/", "/callback/")):
        return None  # a channel's own pages say who may frame them
    return _CLOSED


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Runs when an answer is about to leave; what a handler said itself stays."""
    headers, public_url = response.headers, request.app[SERVICES].public_url
    policy = _policy(request.path, public_url)
    if policy:
        headers.setdefault("Content-Security-Policy", policy)
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "no-referrer")
    if request.path.startswith(("/api", "/hooks")):
        headers.setdefault(hdrs.CACHE_CONTROL, "no-store")
    if request.path.startswith(("/api", "/desk")):
        headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    if request.path.startswith("/desk"):
        headers.setdefault(hdrs.CACHE_CONTROL, "no-cache")  # asked again with the ETag: a new version is seen at once
    if public_url.startswith("https:"):
        headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    headers[hdrs.SERVER] = "huntgroup"

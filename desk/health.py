"""The operators' addresses: alive, able to serve, and the numbers."""

import hmac
import ipaddress
import json

from aiohttp import hdrs, web

from desk.problems import Problem
from desk.services import SERVICES, Services

_PROXIED = ("X-Forwarded-For", "X-Real-IP", "Forwarded")


async def healthz(_request: web.Request) -> web.Response:
    """The process answers."""
    return web.json_response({"status": "ok"})


async def readyz(request: web.Request) -> web.Response:
    """Database, schema, channels: 503 names what is not well."""
    services = request.app[SERVICES]
    parts = dict(await services.ready())
    if services.draining():
        parts["draining"] = "going down"
    fine = all(word == "ok" for word in parts.values())
    body = {"status": "ok" if fine else "unready", "parts": parts}
    return web.json_response(body, status=200 if fine else 503, dumps=lambda v: json.dumps(v, ensure_ascii=False))


def _local(request: web.Request) -> bool:
    # a proxy on this host makes every stranger a loopback peer; then only the token counts
    if request.remote is None or any(name in request.headers for name in _PROXIED):
        return False
    try:
        return ipaddress.ip_address(request.remote).is_loopback
    except ValueError:
        return False


def _tokened(services: Services, request: web.Request) -> bool:
    scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    wanted = services.metrics_token
    shown = token.encode(errors="surrogateescape")  # a header may hold any bytes
    return bool(wanted) and scheme.lower() == "bearer" and hmac.compare_digest(shown, str(wanted).encode())


async def metrics(request: web.Request) -> web.Response:
    """Prometheus text, for this host or a token."""
    services = request.app[SERVICES]
    if not (_tokened(services, request) or _local(request)):
        raise Problem(403, "forbidden", "metrics are for this host, or for the configured token")
    headers = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
    return web.Response(body=services.metrics(), headers=headers)

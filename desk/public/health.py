"""The operators' addresses: alive, able to serve, and the numbers."""

import hmac
import ipaddress
import json
from dataclasses import replace

from aiohttp import hdrs, web

from desk.http.problems import Problem
from desk.http.services import SERVICES, Services

_PROXIED = ("X-Forwarded-For", "X-Real-IP", "Forwarded")


async def healthz(_request: web.Request) -> web.Response:
    """The process answers."""
    return web.json_response({"status": "ok"})


async def readyz(request: web.Request) -> web.Response:
    """200 while this node can serve, 503 naming what it lacks; accounts stand in the body and decide nothing."""
    services = request.app[SERVICES]
    ready = await services.readiness.check()
    if services.draining.is_set():
        ready = replace(ready, parts={**ready.parts, "draining": "going down"})
    body = {
        "status": ready.status,
        "parts": dict(ready.parts),
        "channels": dict(ready.channels),
        "loops": dict(ready.loops),
        "clock": ready.clock,
    }
    headers = {} if ready.serves else {"Retry-After": "5"}
    status = 200 if ready.serves else 503
    return web.json_response(body, status=status, headers=headers, dumps=lambda v: json.dumps(v, ensure_ascii=False))


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
    headers = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8", hdrs.VARY: hdrs.ACCEPT_ENCODING}
    answer = web.Response(body=services.metrics.text(), headers=headers)
    if _takes_gzip(request.headers.get(hdrs.ACCEPT_ENCODING, "")):
        answer.enable_compression(web.ContentCoding.gzip)
    return answer


def _takes_gzip(accepted: str) -> bool:
    """Whether an `Accept-Encoding` names gzip without refusing it by the weight 0."""
    for one in accepted.lower().split(","):
        coding, _, weight = one.replace(" ", "").partition(";q=")
        if coding == "gzip":
            return weight.strip("0.") != "" or weight == ""
    return False

"""The providers' endpoint: verify -> normalize -> inbox -> answer. Nothing is acknowledged before the commit."""

import asyncio
import hashlib
import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Protocol, cast

from aiohttp import web

from conversation.errors import MalformedPayload, SignatureRejected
from conversation.model.message import InboundEvent
from conversation.ports.channel import Channel, Reply, Request, Webhook
from conversation.ports.metrics import CountedEvent
from desk.http.problems import Problem, busy
from desk.http.services import SERVICES, Services

log = logging.getLogger(__name__)
_HEAVY = 64 * 1024  # bytes above which reading happens off the loop
_SECRET = frozenset({"authorization", "cookie", "proxy-authorization"})


class Hooked(Channel, Webhook, Protocol):
    """A channel whose provider calls us."""


def _hooked(services: Services, name: str) -> Hooked:
    channel = services.channels.get(name)
    if channel is None or not hasattr(channel, "normalize"):
        services.count(CountedEvent.HOOKS_UNKNOWN_CHANNEL)
        raise Problem(404, "unknown_channel", "no channel of this name takes webhooks")
    return cast("Hooked", channel)


async def hook(request: web.Request) -> web.Response:
    """One call of a provider."""
    services = request.app[SERVICES]
    channel = _hooked(services, request.match_info["channel"])
    if services.draining.is_set():
        raise busy("draining", "going down; come back", seconds=5)
    received = await _received(services, channel, request)
    _verify(services, channel, received)
    events = await _normalize(services, channel, received)
    accepted = await services.inbox.accept(events)
    services.count(CountedEvent.HOOKS_ACCEPTED)
    return _response(channel.answer(received, accepted))


async def _received(services: Services, channel: Hooked, request: web.Request) -> Request:
    try:
        body = await request.read()
    except web.HTTPRequestEntityTooLarge:
        services.count(CountedEvent.HOOKS_TOO_LARGE)
        log.warning("hook_too_large", extra={"channel": channel.name})
        raise
    return Request(
        method=request.method,
        path=request.path,
        query=dict(request.query),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=body,
        received_at=services.clock.now(),
        remote=request.remote,
    )


def _verify(services: Services, channel: Hooked, received: Request) -> None:
    try:
        channel.verify(received)
    except SignatureRejected as error:
        services.count(CountedEvent.HOOKS_SIGNATURE_REJECTED)
        log.warning("hook_signature_rejected", extra={"channel": channel.name, "reason": str(error)})
        raise Problem(401, "signature_rejected", "the signature is missing, wrong or too old") from error


async def _normalize(services: Services, channel: Hooked, received: Request) -> Sequence[InboundEvent]:
    try:
        if len(received.body) > _HEAVY:
            return await asyncio.to_thread(channel.normalize, received)
        return channel.normalize(received)
    except MalformedPayload as error:
        raise await _quarantine(services, channel, received, error.detail, error.code, status=400) from error
    except Exception as error:
        log.exception("hook_normalize_failed", extra={"channel": channel.name})
        reason = f"normalize failed: {type(error).__name__}"
        raise await _quarantine(services, channel, received, reason, "bug", status=500) from error


async def _quarantine(
    services: Services, channel: Hooked, received: Request, reason: str, code: str, *, status: int
) -> Problem:
    headers = {name: value for name, value in received.headers.items() if name not in _SECRET}
    row = await services.inbox.quarantine(channel.name, received.body, reason, code=code, headers=headers)
    services.count(CountedEvent.HOOKS_QUARANTINED)
    digest = hashlib.sha256(received.body).hexdigest()
    detail = reason if status == HTTPStatus.BAD_REQUEST else "this could not be read; it was kept"
    return Problem(status, code, detail, more={"quarantine": row, "sha256": digest})


def _response(reply: Reply) -> web.Response:
    headers = {"Content-Type": reply.type, **reply.headers}
    return web.Response(status=reply.status, body=reply.body, headers=headers)

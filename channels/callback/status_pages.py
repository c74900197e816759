"""What the holder of a signed link does with one callback: look at it, move it, cancel it."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

from aiohttp import hdrs, web

from channels.callback import normalize, render
from channels.callback.callback_site import CallbackSite
from channels.callback.problems import Problem, of
from channels.callback.request_fields import authorised_subject, link_fields_of, token_of, wants_page
from channels.callback.responses import json_response, status_response
from channels.callback.signed_links import STATUS
from conversation.errors import CallbackRefused
from conversation.model.callback import CallbackStatus


async def show_status(request: web.Request, site: CallbackSite) -> web.StreamResponse:
    """The status of this callback."""
    token = token_of(request, {})
    found = await site.ports.calls.status(authorised_subject(request, site, token, STATUS))
    if wants_page(request):
        return await status_response(request, site, found, token)
    return json_response(render.as_json(found, None))


async def cancel_callback(request: web.Request, site: CallbackSite) -> web.StreamResponse:
    """Not wanted any more."""
    given = await link_fields_of(request) if request.method == hdrs.METH_POST else {}
    token = token_of(request, given)
    callback = authorised_subject(request, site, token, STATUS)
    return await _changed_response(request, site, token, lambda: site.ports.calls.cancel(callback))


async def move_callback(request: web.Request, site: CallbackSite) -> web.StreamResponse:
    """To another slot, or as soon as possible."""
    given = await link_fields_of(request)
    token = token_of(request, given)
    callback = authorised_subject(request, site, token, STATUS)

    async def moved() -> CallbackStatus:
        return await site.ports.calls.reschedule(callback, _slot_in(given))

    return await _changed_response(request, site, token, moved)


async def _changed_response(
    request: web.Request, site: CallbackSite, token: str, change: Callable[[], Awaitable[CallbackStatus]]
) -> web.StreamResponse:
    """The status now; where it could not be changed, its page gives the reason and offers what is free."""
    try:
        found = await change()
    except (CallbackRefused, Problem) as refused:
        if not wants_page(request):
            raise
        fault, found = of(refused), await site.ports.calls.status(request.match_info["id"])
        return await status_response(request, site, found, token, status=fault.status, fault=fault.code)
    if wants_page(request):
        return await status_response(request, site, found, token)
    return json_response(render.as_json(found, None))


def _slot_in(given: Mapping[str, str]) -> datetime | None:
    try:
        return normalize.instant(given["slot"]) if given.get("slot") else None
    except (ValueError, OverflowError):
        raise Problem(422, "slot_unreadable") from None

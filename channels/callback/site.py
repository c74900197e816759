"""The customers' endpoints of calling back: the routes under `/callback/{channel}`, and what is around each handler."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from aiohttp import hdrs, web
from aiohttp.http import HttpProcessingError

from channels.callback.account import CallbackAccount
from channels.callback.callback_site import CallbackSite, site_of
from channels.callback.code_pages import check_code, show_code
from channels.callback.exchange_routes import report_call, take_call
from channels.callback.problems import Problem, of
from channels.callback.request_fields import origin_allowed
from channels.callback.request_form import accept_request, list_slots, show_form
from channels.callback.responses import problem_response
from channels.callback.status_pages import cancel_callback, move_callback, show_status
from conversation.errors import CallbackRefused, MalformedPayload, StoreError
from conversation.ports.customer_pages import CustomerPagePorts

log = logging.getLogger(__name__)

Handler = Callable[[web.Request, CallbackSite], Awaitable[web.StreamResponse]]

_FOLDER = Path(__file__).parent / "page"
_TYPES = {"callback.css": "text/css", "callback.js": "text/javascript"}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'self'",
    "Referrer-Policy": "same-origin",  # with none at all a browser hides the origin of a form, too
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_PREFLIGHT = {
    hdrs.ACCESS_CONTROL_ALLOW_METHODS: "GET, POST, DELETE",
    hdrs.ACCESS_CONTROL_ALLOW_HEADERS: "content-type, authorization, idempotency-key",
    hdrs.ACCESS_CONTROL_MAX_AGE: "600",
}

# `ValueError` is also what a form's fields, its letters and its instants raise
_UNREADABLE = (MalformedPayload, web.RequestPayloadError, HttpProcessingError, ValueError)


def routes(accounts: Mapping[str, CallbackAccount], ports: CustomerPagePorts) -> list[web.RouteDef]:
    """The addresses under `/callback/{channel}`, in the order in which they are tried."""
    sites = {name: site_of(name, account, ports) for name, account in accounts.items()}
    table: list[tuple[str, str, Handler]] = [
        (hdrs.METH_GET, "", show_form),
        (hdrs.METH_GET, "/page/{file}", send_file),
        (hdrs.METH_GET, "/slots", list_slots),
        (hdrs.METH_POST, "", accept_request),
        (hdrs.METH_POST, "/calls/{attempt}", report_call),
        (hdrs.METH_POST, "/voice", take_call),
        (hdrs.METH_GET, "/{id}", show_status),
        (hdrs.METH_DELETE, "/{id}", cancel_callback),
        (hdrs.METH_POST, "/{id}/cancel", cancel_callback),
        (hdrs.METH_POST, "/{id}/slot", move_callback),
        (hdrs.METH_OPTIONS, "{path:.*}", answer_preflight),
        (hdrs.METH_GET, "/{id}/code", show_code),
        (hdrs.METH_POST, "/{id}/code", check_code),
    ]
    return [
        web.route(method, "/callback/{channel}" + path, _answering(handler, sites, ports))
        for method, path, handler in table
    ]


def _answering(
    handler: Handler, sites: Mapping[str, CallbackSite], ports: CustomerPagePorts
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def answered(request: web.Request) -> web.StreamResponse:
        site = sites.get(request.match_info["channel"])
        if site is None:
            return problem_response(request, Problem(404, "not_found"), ports, None)
        response = await _response(handler, request, site)
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        origin = request.headers.get(hdrs.ORIGIN)
        if origin and origin in site.account.settings.origins:
            response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = origin
            response.headers[hdrs.VARY] = hdrs.ORIGIN
        return response

    return answered


async def _response(handler: Handler, request: web.Request, site: CallbackSite) -> web.StreamResponse:
    if request.method != hdrs.METH_GET and not origin_allowed(request, site):
        return problem_response(request, Problem(403, "origin"), site.ports, site)
    try:
        return await handler(request, site)
    except StoreError as error:
        log.info("callback_door", extra={"error": type(error).__name__})
        return problem_response(request, of(error), site.ports, site)
    except (Problem, CallbackRefused, *_UNREADABLE) as error:
        return problem_response(request, of(error), site.ports, site)


async def answer_preflight(request: web.Request, site: CallbackSite) -> web.StreamResponse:
    """What a browser asks before a page of another origin may send JSON. A page that is not named gets no permission."""
    if request.headers.get(hdrs.ORIGIN) not in site.account.settings.origins:
        raise Problem(403, "origin")
    return web.Response(status=204, headers=_PREFLIGHT)


async def send_file(request: web.Request, site: CallbackSite) -> web.StreamResponse:  # noqa: ARG001 one shape for all
    """The style sheet and the script of the page."""
    name = request.match_info["file"]
    if name not in _TYPES:
        raise Problem(404, "not_found")
    headers = {hdrs.CACHE_CONTROL: "public, max-age=300"}
    return web.Response(text=(_FOLDER / name).read_text("utf-8"), content_type=_TYPES[name], headers=headers)

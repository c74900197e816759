"""Where a verification code is typed: shown, checked, sent once more."""

from aiohttp import web

from channels.callback import normalize
from channels.callback.callback_site import CallbackSite
from channels.callback.problems import Problem, as_faults, of
from channels.callback.request_fields import authorised_subject, is_form, link_fields_of, token_of
from channels.callback.responses import code_response, created_response, form_response
from channels.callback.signed_links import CONFIRM, REQUEST
from conversation.errors import CallbackRefused, NotFound

_ONCE_MORE = ("code_missing", "code_wrong", "code_soon", "too_many")  # shown on the page where the code is typed


async def show_code(request: web.Request, site: CallbackSite) -> web.StreamResponse:
    """The page, or where the code went."""
    wanted = authorised_subject(request, site, token_of(request, {}), CONFIRM)
    return code_response(request, site, await site.ports.verification.code_sent(wanted))


async def check_code(request: web.Request, site: CallbackSite) -> web.StreamResponse:
    """What was typed, or a wish for another code."""
    given = await link_fields_of(request)
    wanted = authorised_subject(request, site, token_of(request, given), CONFIRM)
    verification, code = site.ports.verification, given.get("code", "").strip()
    try:
        if given.get("again"):
            return code_response(request, site, await verification.another_code(wanted), status=202)
        if code:
            return await created_response(request, site, await verification.confirm(wanted, code))
        fault = Problem(422, "code_missing")
    except CallbackRefused as refused:
        fault = of(refused)
    if not is_form(request):
        raise fault
    return await _refused_response(request, site, wanted, fault)


async def _refused_response(request: web.Request, site: CallbackSite, wanted: str, fault: Problem) -> web.Response:
    """Shown where the code is typed, while one may still come back; else on the form, filled from the request that waited."""
    try:
        sent = await site.ports.verification.code_sent(wanted)
    except NotFound:  # forgotten a day later
        raise fault from None
    if fault.code in _ONCE_MORE:
        return code_response(request, site, sent, status=fault.status, fault=fault.code)
    given = normalize.written(sent.asked, site.account.settings)
    link = site.account.callback_links.make(REQUEST, sent.asked.token) if sent.asked.token else None
    status, faults = as_faults(fault)
    return await form_response(request, site, {**given, **({"t": link} if link else {})}, status=status, faults=faults)

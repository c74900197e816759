"""What the pages and the API answer: a page where a person reads it, JSON for an application."""

import json
from collections.abc import Mapping

from aiohttp import hdrs, web

from channels.callback import normalize, render
from channels.callback.callback_site import CallbackSite
from channels.callback.normalize import Fault
from channels.callback.problems import Problem
from channels.callback.request_fields import is_form, wants_page
from channels.callback.signed_links import CONFIRM, STATUS
from conversation.id_generator import new_id
from conversation.model.callback import CallbackStatus, SlotQuery
from conversation.model.verification_code import CodeSent
from conversation.ports.customer_pages import CustomerPagePorts

SLOTS_SHOWN = 2_000  # more than 30 days have, the longest horizon, of half an hour each


def json_response(body: Mapping[str, object], *, status: int = 200) -> web.Response:
    """For an application."""
    return web.Response(status=status, text=json.dumps(body, ensure_ascii=False), content_type="application/json")


def problem_response(
    request: web.Request, problem: Problem, ports: CustomerPagePorts, site: CallbackSite | None
) -> web.Response:
    """For a browser a page in its language, for an application a problem document."""
    language = language_of(request, ports)
    headers = {hdrs.RETRY_AFTER: "60"} if problem.status in (429, 503) else {}
    if site is not None and wants_page(request):
        text, kind = render.message(site.channel, language, problem.code), "text/html"
    else:
        text, kind = json.dumps(problem.as_json(language), ensure_ascii=False), "application/problem+json"
    return web.Response(status=problem.status, text=text, content_type=kind, headers=headers)


async def form_response(
    request: web.Request,
    site: CallbackSite,
    given: Mapping[str, str],
    *,
    status: int = 200,
    faults: tuple[Fault, ...] = (),
) -> web.Response:
    """The form, with what they wrote before and every fault at its field."""
    given = {"id": new_id(), **given}  # sent twice, it is one request
    ports, settings, language = site.ports, site.account.settings, language_of(request, site.ports)
    zones = normalize.zones(given, settings)
    query = slot_query(site, given, zones, given.get("language") or language)
    form = render.Form(
        channel=site.channel,
        service=ports.service_name,
        language=language,
        languages=ports.languages,
        settings=settings,
        zone=zones[0],
        stated=normalize.stated_zone(given),
        now=ports.clock.now(),
        slots=await ports.calls.slots(query, limit=SLOTS_SHOWN),
        next_call=await ports.calls.next_call(query),
        issues=ports.issues(),
        given=given,
        faults=faults,
    )
    return web.Response(status=status, text=render.page(form), content_type="text/html")


async def created_response(request: web.Request, site: CallbackSite, found: CallbackStatus) -> web.StreamResponse:
    """The callback that was taken, with the token that changes it."""
    token = site.account.callback_links.make(STATUS, found.callback.id)
    if not is_form(request):
        return json_response(render.as_json(found, token), status=201)
    return await status_response(request, site, found, token or "", status=201)


async def status_response(
    request: web.Request,
    site: CallbackSite,
    found: CallbackStatus,
    token: str,
    *,
    status: int = 200,
    fault: str | None = None,
) -> web.Response:
    """The page of a callback: its status, the slots to which it can be moved, and why it could not be changed."""
    one = found.callback
    query = SlotQuery(channel=site.channel, zones=one.zones, language=one.language, conversation=one.conversation)
    slots = await site.ports.calls.slots(query, limit=SLOTS_SHOWN) if one.open else []
    language = language_of(request, site.ports)
    text = render.status_page(found, channel=site.channel, language=language, token=token, slots=slots, fault=fault)
    return web.Response(status=status, text=text, content_type="text/html")


def code_response(
    request: web.Request, site: CallbackSite, sent: CodeSent, *, status: int = 200, fault: str | None = None
) -> web.Response:
    """Where the verification code is typed."""
    token = site.account.callback_links.make(CONFIRM, sent.request) or ""
    if not wants_page(request):
        return json_response(render.code_json(sent, token), status=status)
    language = language_of(request, site.ports)
    text = render.code(sent, channel=site.channel, language=language, token=token, fault=fault)
    return web.Response(status=status, text=text, content_type="text/html")


def slot_query(site: CallbackSite, given: Mapping[str, str], zones: tuple[str, ...], language: str | None) -> SlotQuery:
    """What slots depend on, as far as it is known here."""
    known = language if language in site.ports.languages else None
    issue = given.get("issue") if given.get("issue") in site.ports.issues() else None
    conversation, _ = site.account.callback_links.conversation(given.get("t", "")) or (None, False)
    return SlotQuery(channel=site.channel, zones=zones, language=known, issue=issue, conversation=conversation)


def language_of(request: web.Request, ports: CustomerPagePorts) -> str:
    """The address's, else the first of the browser's that this service offers."""
    asked = [request.query.get("language", "")]
    asked += [part.partition(";")[0] for part in request.headers.get(hdrs.ACCEPT_LANGUAGE, "").split(",")[:10]]
    languages = [one.strip().lower().partition("-")[0] for one in asked]
    return next((one for one in languages if one in ports.languages), ports.default_language)

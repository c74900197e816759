"""The form and its API: free slots, and requests for a call, each taken once under its key."""

from collections.abc import Mapping

from aiohttp import web

from channels.callback import normalize, render
from channels.callback.callback_site import CallbackSite
from channels.callback.normalize import FieldsAtFault, Offered
from channels.callback.problems import IDEMPOTENCY, Problem, as_faults
from channels.callback.request_fields import fields_of, is_form
from channels.callback.responses import (
    SLOTS_SHOWN,
    code_response,
    created_response,
    form_response,
    json_response,
    language_of,
    slot_query,
)
from channels.client_address import remote_of
from conversation.errors import CallbackRefused, NotFound
from conversation.model.callback import CallbackStatus
from conversation.model.message import CallbackRequested
from conversation.model.verification_code import CodeSent


async def show_form(request: web.Request, site: CallbackSite) -> web.StreamResponse:
    """The empty form, or what the link fills in."""
    given = {name: value for name, value in request.query.items() if name in ("t", "tz", "issue", "number")}
    return await form_response(request, site, given)


async def list_slots(request: web.Request, site: CallbackSite) -> web.StreamResponse:
    """The next free slots."""
    given = normalize.fields({name: value for name, value in request.query.items() if name != "limit"})
    zones = normalize.zones(given, site.account.settings)
    free = await site.ports.calls.slots(slot_query(site, given, zones, given.get("language")), limit=SLOTS_SHOWN)
    return json_response({"items": render.slots_json(free), "timezone": zones[0]})


async def accept_request(request: web.Request, site: CallbackSite) -> web.StreamResponse:
    """A request for a call; a browser gets its form back with what is at fault."""
    given: Mapping[str, str] = {}
    try:
        given = await fields_of(request)
        if "show" in given:
            return await form_response(request, site, given)
        found = await _request_call(request, site, given)
    except (FieldsAtFault, CallbackRefused, Problem) as wrong:
        if not is_form(request):
            raise
        status, faults = as_faults(wrong)
        kept = dict(wrong.given if isinstance(wrong, FieldsAtFault) and wrong.given else given)
        if any(one.code == IDEMPOTENCY for one in faults):
            kept.pop("id", None)  # sent once more, it is a request of its own
        return await form_response(request, site, kept, status=status, faults=faults)
    if isinstance(found, CodeSent):
        return code_response(request, site, found, status=202)
    return await created_response(request, site, found)


async def _request_call(
    request: web.Request, site: CallbackSite, given: Mapping[str, str]
) -> CallbackStatus | CodeSent:
    ports = site.ports
    offered = Offered(languages=ports.languages, issues=tuple(ports.issues()))
    asked = normalize.wish(given, site.account.settings, offered)
    if ports.draining():
        raise Problem(503, "later")
    conversation, vouched = _proven_conversation(site, asked.token)
    event = normalize.request(
        asked,
        channel=site.channel,
        received_at=ports.clock.now(),
        conversation=conversation,
        locale=language_of(request, ports),
    )
    _check_address(request, site)
    known = await _find_known(site, event)
    if known is None and not is_form(request):
        await _check_waiting(site, event)
    return known or await _take(site, event, vouched=vouched)


async def _find_known(site: CallbackSite, event: CallbackRequested) -> CallbackStatus | None:
    """The status of the request that came before under the same key. Raises `Problem` 409 where that one was another."""
    try:
        found = await site.ports.calls.status(event.external_id)
    except NotFound:
        return None
    # not asked of a new one: what they wrote may overrule it
    if event.language not in (None, found.callback.language):
        raise Problem(409, IDEMPOTENCY)
    _check_same(event, found)
    return found


async def _check_waiting(site: CallbackSite, event: CallbackRequested) -> None:
    """A form may be sent anew, with another time, while its code is awaited; a key of an application is good for one body."""
    try:
        waiting = await site.ports.verification.code_sent(event.external_id)
    except NotFound:
        return
    if waiting.until > site.ports.clock.now():
        _check_same(event, waiting)


async def _take(site: CallbackSite, event: CallbackRequested, *, vouched: bool) -> CallbackStatus | CodeSent:
    if not site.per_number.allow(event.number):
        raise Problem(429, "too_many")
    try:
        found = await (site.ports.calls.request(event) if vouched else site.ports.verification.ask(event))
    except CallbackRefused as refused:
        if refused.code == "slot_taken":  # they will choose another
            site.per_number.give_back(event.number)
        raise
    _check_same(event, found)
    return found


def _check_address(request: web.Request, site: CallbackSite) -> None:
    """Against call bombing: a network address may ask so often in an hour, as a number may."""
    remote = remote_of(request, site.ports.proxies)
    if remote is not None and not site.per_address.allow(remote):
        raise Problem(429, "too_many")


def _proven_conversation(site: CallbackSite, token: str | None) -> tuple[str | None, bool]:
    """The conversation that a link proves, and whether it is an agent's."""
    if token is None:
        return None, False
    found = site.account.callback_links.conversation(token)
    if found is None:
        raise Problem(403, "link_bad")
    return found


def _check_same(event: CallbackRequested, found: CallbackStatus | CodeSent) -> None:
    """Two under one key are one request, if they ask for the same. Raises `Problem` 409."""
    if isinstance(found, CodeSent):
        same = normalize.is_repeat_of_waiting(event, found.asked)
    else:
        same = found.callback.id != event.external_id or normalize.is_repeat(event, found.callback)
    if not same:
        raise Problem(409, IDEMPOTENCY)

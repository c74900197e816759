"""The customers' door of calling back: the page, free slots, requests, and links that change them. It works without a script."""

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from pathlib import Path

from aiohttp import hdrs, web
from aiohttp.http import HttpProcessingError

from channels.callback import exchange_routes as exchange
from channels.callback import normalize, render
from channels.callback.account import CallbackAccount
from channels.callback.callback_site import CallbackSite
from channels.callback.normalize import Fault, FieldsAtFault, Offered
from channels.callback.problems import IDEMPOTENCY, Problem, as_faults, of
from channels.callback.request_fields import fields_of, is_form, link_fields_of, origin_allowed, token_of, wants_page
from channels.callback.signed_links import CONFIRM, REQUEST, STATUS
from channels.client_address import remote_of
from channels.rate_limits import Buckets
from conversation.errors import CallbackRefused, MalformedPayload, NotFound, StoreError
from conversation.id_generator import new_id
from conversation.model.callback import CallbackStatus, SlotQuery
from conversation.model.message import CallbackRequested
from conversation.model.verification_code import CodeSent
from conversation.ports.customer_pages import CustomerPagePorts

log = logging.getLogger(__name__)

_FOLDER = Path(__file__).parent / "page"
_TYPES = {"callback.css": "text/css", "callback.js": "text/javascript"}
_TOLD = 2_000  # free times: more than 30 days have, the longest horizon, of half an hour each
_HOUR = 3_600
_TRY_AGAIN = ("code_missing", "code_wrong", "code_soon", "too_many")  # said on the page where the code is typed
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


def routes(accounts: Mapping[str, CallbackAccount], doors: CustomerPagePorts) -> list[web.RouteDef]:
    """The addresses under `/callback/{channel}`."""
    return _Site(doors, {name: _place(name, account, doors) for name, account in accounts.items()}).routes()


def _place(name: str, account: CallbackAccount, doors: CustomerPagePorts) -> CallbackSite:
    written = account.settings
    return CallbackSite(
        channel=name,
        account=account,
        per_number=Buckets(doors.clock, per_second=written.per_number / _HOUR, burst=written.per_number),
        per_address=Buckets(doors.clock, per_second=written.per_address / _HOUR, burst=written.per_address),
    )


class _Site:
    def __init__(self, doors: CustomerPagePorts, places: Mapping[str, CallbackSite]) -> None:
        self._doors = doors
        self._places = places

    def routes(self) -> list[web.RouteDef]:
        """In the order in which they are tried."""
        base = "/callback/{channel}"
        table: list[exchange.Route] = [
            (hdrs.METH_GET, "", self._page),
            (hdrs.METH_GET, "/page/{file}", self._file),
            (hdrs.METH_GET, "/slots", self._slots),
            (hdrs.METH_POST, "", self._ask),
            *exchange.handlers(self._doors),
            (hdrs.METH_GET, "/{id}", self._look),
            (hdrs.METH_DELETE, "/{id}", self._cancel),
            (hdrs.METH_POST, "/{id}/cancel", self._cancel),
            (hdrs.METH_POST, "/{id}/slot", self._reschedule),
            (hdrs.METH_OPTIONS, "{path:.*}", self._preflight),
            (hdrs.METH_GET, "/{id}/code", self._code),
            (hdrs.METH_POST, "/{id}/code", self._typed),
        ]
        return [web.route(method, base + path, self._answering(handler)) for method, path, handler in table]

    # -- around every handler ------------------------------------------------------------------------------------------

    def _answering(self, handler: exchange.Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def answered(request: web.Request) -> web.StreamResponse:
            place = self._places.get(request.match_info["channel"])
            if place is None:
                return self._problem(request, None, Problem(404, "not_found"))
            response = await self._attempt(handler, request, place)
            for name, value in _HEADERS.items():
                response.headers.setdefault(name, value)
            origin = request.headers.get(hdrs.ORIGIN)
            if origin and origin in place.account.settings.origins:
                response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = origin
                response.headers[hdrs.VARY] = hdrs.ORIGIN
            return response

        return answered

    async def _attempt(
        self, handler: exchange.Handler, request: web.Request, place: CallbackSite
    ) -> web.StreamResponse:
        if request.method != hdrs.METH_GET and not origin_allowed(request, place):
            return self._problem(request, place, Problem(403, "origin"))
        try:
            return await handler(request, place)
        except StoreError as error:
            log.info("callback_door", extra={"error": type(error).__name__})
            return self._problem(request, place, of(error))
        except (Problem, CallbackRefused, *_UNREADABLE) as error:
            return self._problem(request, place, of(error))

    def _problem(self, request: web.Request, place: CallbackSite | None, problem: Problem) -> web.Response:
        """For a browser a page in its language, for an application a problem document."""
        language = self._language(request)
        headers = {hdrs.RETRY_AFTER: "60"} if problem.status in (429, 503) else {}
        if place is not None and wants_page(request):
            text, kind = render.message(place.channel, language, problem.code), "text/html"
        else:
            text, kind = json.dumps(problem.as_json(language), ensure_ascii=False), "application/problem+json"
        return web.Response(status=problem.status, text=text, content_type=kind, headers=headers)

    async def _preflight(self, request: web.Request, place: CallbackSite) -> web.StreamResponse:
        """What a browser asks before a page of another origin may send JSON. A page that is not named is told nothing."""
        if request.headers.get(hdrs.ORIGIN) not in place.account.settings.origins:
            raise Problem(403, "origin")
        return web.Response(status=204, headers=_PREFLIGHT)

    # -- the page ------------------------------------------------------------------------------------------------------

    async def _page(self, request: web.Request, place: CallbackSite) -> web.StreamResponse:
        given = {name: value for name, value in request.query.items() if name in ("t", "tz", "issue", "number")}
        return await self._form(request, place, given)

    async def _form(
        self,
        request: web.Request,
        place: CallbackSite,
        given: Mapping[str, str],
        *,
        status: int = 200,
        faults: tuple[Fault, ...] = (),
    ) -> web.Response:
        given = {"id": new_id(), **given}  # sent twice, it is one request
        language = self._language(request)
        zones = normalize.zones(given, place.account.settings)
        wish = self._wish(place, given, zones, given.get("language") or language)
        form = render.Form(
            channel=place.channel,
            service=self._doors.service_name,
            language=language,
            languages=self._doors.languages,
            settings=place.account.settings,
            zone=zones[0],
            stated=normalize.stated_zone(given),
            now=self._doors.clock.now(),
            slots=await self._doors.calls.slots(wish, limit=_TOLD),
            next_call=await self._doors.calls.next_call(wish),
            issues=self._doors.issues(),
            given=given,
            faults=faults,
        )
        return web.Response(status=status, text=render.page(form), content_type="text/html")

    async def _file(self, request: web.Request, place: CallbackSite) -> web.StreamResponse:  # noqa: ARG002 one shape for all
        name = request.match_info["file"]
        if name not in _TYPES:
            raise Problem(404, "not_found")
        headers = {hdrs.CACHE_CONTROL: "public, max-age=300"}
        return web.Response(text=(_FOLDER / name).read_text("utf-8"), content_type=_TYPES[name], headers=headers)

    # -- slots and requests --------------------------------------------------------------------------------------------

    async def _slots(self, request: web.Request, place: CallbackSite) -> web.StreamResponse:
        given = normalize.fields({name: value for name, value in request.query.items() if name != "limit"})
        zones = normalize.zones(given, place.account.settings)
        wish = self._wish(place, given, zones, given.get("language"))
        free = await self._doors.calls.slots(wish, limit=_TOLD)
        return _json({"items": render.slots_json(free), "timezone": zones[0]})

    async def _ask(self, request: web.Request, place: CallbackSite) -> web.StreamResponse:
        given: Mapping[str, str] = {}
        try:
            given = await fields_of(request)
            if "show" in given:
                return await self._form(request, place, given)
            found = await self._asked(request, place, given)
        except (FieldsAtFault, CallbackRefused, Problem) as wrong:
            if not is_form(request):
                raise
            status, faults = as_faults(wrong)
            kept = dict(wrong.given if isinstance(wrong, FieldsAtFault) and wrong.given else given)
            if any(one.code == IDEMPOTENCY for one in faults):
                kept.pop("id", None)  # sent once more, it is a request of its own
            return await self._form(request, place, kept, status=status, faults=faults)
        if isinstance(found, CodeSent):
            return self._awaited(request, place, found, status=202)
        return await self._taken(request, place, found)

    async def _taken(self, request: web.Request, place: CallbackSite, found: CallbackStatus) -> web.StreamResponse:
        token = place.account.callback_links.make(STATUS, found.callback.id)
        if not is_form(request):
            return _json(render.as_json(found, token), status=201)
        return await self._status_response(request, place, found, token or "", status=201)

    async def _asked(
        self, request: web.Request, place: CallbackSite, given: Mapping[str, str]
    ) -> CallbackStatus | CodeSent:
        offered = Offered(languages=self._doors.languages, issues=tuple(self._doors.issues()))
        asked = normalize.wish(given, place.account.settings, offered)
        if self._doors.draining():
            raise Problem(503, "later")
        conversation, vouched = self._proven(place, asked.token)
        event = normalize.request(
            asked,
            channel=place.channel,
            received_at=self._doors.clock.now(),
            conversation=conversation,
            locale=self._language(request),
        )
        self._check_address(request, place)
        known = await self._known(event)
        if known is None and not is_form(request):
            await self._must_not_change(event)
        return known or await self._new(place, event, vouched)

    async def _known(self, event: CallbackRequested) -> CallbackStatus | None:
        """How the request stands that came before under the same key. Raises `Problem` 409 where that one was another."""
        try:
            found = await self._doors.calls.status(event.external_id)
        except NotFound:
            return None
        if event.language not in (
            None,
            found.callback.language,
        ):  # not asked of a new one: what they wrote may overrule it
            raise Problem(409, IDEMPOTENCY)
        _must_be_same(event, found)
        return found

    async def _must_not_change(self, event: CallbackRequested) -> None:
        """A form may be sent anew, with another time, while its code is awaited; a key of an application is good for one body."""
        try:
            waiting = await self._doors.verification.code_sent(event.external_id)
        except NotFound:
            return
        if waiting.until > self._doors.clock.now():
            _must_be_same(event, waiting)

    async def _new(self, place: CallbackSite, event: CallbackRequested, vouched: bool) -> CallbackStatus | CodeSent:
        if not place.per_number.allow(event.number):
            raise Problem(429, "too_many")
        try:
            found = await (self._doors.calls.request(event) if vouched else self._doors.verification.ask(event))
        except CallbackRefused as refused:
            if refused.code == "slot_taken":  # they will choose another
                place.per_number.give_back(event.number)
            raise
        _must_be_same(event, found)
        return found

    def _check_address(self, request: web.Request, place: CallbackSite) -> None:
        """Against call bombing: a network address may ask so often in an hour, as a number may."""
        remote = remote_of(request, self._doors.proxies)
        if remote is not None and not place.per_address.allow(remote):
            raise Problem(429, "too_many")

    def _proven(self, place: CallbackSite, token: str | None) -> tuple[str | None, bool]:
        """The conversation that a link proves, and whether it is an agent's."""
        if token is None:
            return None, False
        found = place.account.callback_links.conversation(token)
        if found is None:
            raise Problem(403, "link_bad")
        return found

    # -- a code that was sent ------------------------------------------------------------------------------------------

    async def _code(self, request: web.Request, place: CallbackSite) -> web.StreamResponse:
        self._authorised(request, place, token_of(request, {}), CONFIRM)
        return self._awaited(request, place, await self._doors.verification.code_sent(request.match_info["id"]))

    async def _typed(self, request: web.Request, place: CallbackSite) -> web.StreamResponse:
        given = await link_fields_of(request)
        wanted = self._authorised(request, place, token_of(request, given), CONFIRM)
        verification, code = self._doors.verification, given.get("code", "").strip()
        try:
            if given.get("again"):
                return self._awaited(request, place, await verification.another_code(wanted), status=202)
            if code:
                return await self._taken(request, place, await verification.confirm(wanted, code))
            fault = Problem(422, "code_missing")
        except CallbackRefused as refused:
            fault = of(refused)
        if not is_form(request):
            raise fault
        return await self._in_vain(request, place, wanted, fault)

    async def _in_vain(self, request: web.Request, place: CallbackSite, wanted: str, fault: Problem) -> web.Response:
        """Said where the code is typed, while one may still come back; else on the form, filled from the request that waited."""
        try:
            sent = await self._doors.verification.code_sent(wanted)
        except NotFound:  # forgotten a day later
            raise fault from None
        if fault.code in _TRY_AGAIN:
            return self._awaited(request, place, sent, status=fault.status, fault=fault.code)
        given = normalize.written(sent.asked, place.account.settings)
        link = place.account.callback_links.make(REQUEST, sent.asked.token) if sent.asked.token else None
        status, faults = as_faults(fault)
        return await self._form(
            request, place, {**given, **({"t": link} if link else {})}, status=status, faults=faults
        )

    def _awaited(
        self, request: web.Request, place: CallbackSite, sent: CodeSent, *, status: int = 200, fault: str | None = None
    ) -> web.Response:
        token = place.account.callback_links.make(CONFIRM, sent.request) or ""
        if not wants_page(request):
            return _json(render.code_json(sent, token), status=status)
        text = render.code(sent, channel=place.channel, language=self._language(request), token=token, fault=fault)
        return web.Response(status=status, text=text, content_type="text/html")

    # -- what a link changes -------------------------------------------------------------------------------------------

    async def _look(self, request: web.Request, place: CallbackSite) -> web.StreamResponse:
        token = token_of(request, {})
        callback = self._authorised(request, place, token)
        found = await self._doors.calls.status(callback)
        if wants_page(request):
            return await self._status_response(request, place, found, token)
        return _json(render.as_json(found, None))

    async def _cancel(self, request: web.Request, place: CallbackSite) -> web.StreamResponse:
        given = await link_fields_of(request) if request.method == hdrs.METH_POST else {}
        token = token_of(request, given)
        callback = self._authorised(request, place, token)
        return await self._changed(request, place, token, lambda: self._doors.calls.cancel(callback))

    async def _reschedule(self, request: web.Request, place: CallbackSite) -> web.StreamResponse:
        given = await link_fields_of(request)
        token = token_of(request, given)
        callback = self._authorised(request, place, token)

        async def moved() -> CallbackStatus:
            return await self._doors.calls.reschedule(callback, _slot_in(given))

        return await self._changed(request, place, token, moved)

    async def _changed(
        self, request: web.Request, place: CallbackSite, token: str, change: Callable[[], Awaitable[CallbackStatus]]
    ) -> web.StreamResponse:
        """How the request stands now; where it could not be changed, its page says why and offers what is free."""
        try:
            found = await change()
        except (CallbackRefused, Problem) as refused:
            if not wants_page(request):
                raise
            fault, found = of(refused), await self._doors.calls.status(request.match_info["id"])
            return await self._status_response(request, place, found, token, status=fault.status, fault=fault.code)
        if wants_page(request):
            return await self._status_response(request, place, found, token)
        return _json(render.as_json(found, None))

    def _authorised(self, request: web.Request, place: CallbackSite, token: str, purpose: str = STATUS) -> str:
        subject = request.match_info["id"]
        if place.account.callback_links.subject(purpose, token) != subject:
            raise Problem(403, "link_bad")
        return subject

    async def _status_response(
        self,
        request: web.Request,
        place: CallbackSite,
        found: CallbackStatus,
        token: str,
        *,
        status: int = 200,
        fault: str | None = None,
    ) -> web.Response:
        one = found.callback
        wish = SlotQuery(channel=place.channel, zones=one.zones, language=one.language, conversation=one.conversation)
        slots = await self._doors.calls.slots(wish, limit=_TOLD) if one.open else []
        language = self._language(request)
        text = render.status_page(
            found, channel=place.channel, language=language, token=token, slots=slots, fault=fault
        )
        return web.Response(status=status, text=text, content_type="text/html")

    # -- reading -------------------------------------------------------------------------------------------------------

    def _wish(
        self, place: CallbackSite, given: Mapping[str, str], zones: tuple[str, ...], language: str | None
    ) -> SlotQuery:
        known = language if language in self._doors.languages else None
        issue = given.get("issue") if given.get("issue") in self._doors.issues() else None
        conversation, _ = place.account.callback_links.conversation(given.get("t", "")) or (None, False)
        return SlotQuery(channel=place.channel, zones=zones, language=known, issue=issue, conversation=conversation)

    def _language(self, request: web.Request) -> str:
        """What the address says, else the first of the browser's that this house speaks."""
        offered = self._doors.languages
        asked = [request.query.get("language", "")]
        asked += [part.partition(";")[0] for part in request.headers.get(hdrs.ACCEPT_LANGUAGE, "").split(",")[:10]]
        tongues = [one.strip().lower().partition("-")[0] for one in asked]
        return next((one for one in tongues if one in offered), self._doors.default_language)


def _must_be_same(event: CallbackRequested, found: CallbackStatus | CodeSent) -> None:
    """Two under one key are one request, if they ask for the same. Raises `Problem` 409."""
    if isinstance(found, CodeSent):
        same = normalize.is_repeat_of_waiting(event, found.asked)
    else:
        same = found.callback.id != event.external_id or normalize.is_repeat(event, found.callback)
    if not same:
        raise Problem(409, IDEMPOTENCY)


def _slot_in(given: Mapping[str, str]) -> datetime | None:
    try:
        return normalize.instant(given["slot"]) if given.get("slot") else None
    except (ValueError, OverflowError):
        raise Problem(422, "slot_unreadable") from None


def _json(body: Mapping[str, object], *, status: int = 200) -> web.Response:
    return web.Response(status=status, text=json.dumps(body, ensure_ascii=False), content_type="application/json")

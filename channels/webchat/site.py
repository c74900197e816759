"""The public routes of web chat: the page, the widget, sessions, messages, files and the socket.

Every answer is made here, errors too: a customer's page is on other origins than the desk, and has no cookies.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import hdrs, web
from aiohttp.http import HttpProcessingError

from channels.webchat import assets, identity, normalize, render
from channels.webchat import idempotency as repeats
from channels.webchat.account import Webchat
from channels.webchat.admission import ChatSite, Guards
from channels.webchat.chat_socket import ChatSockets
from channels.webchat.files import ChatFiles
from channels.webchat.responses import (
    Problem,
    answer,
    body_of,
    file_response,
    json_of,
    number_in,
    problem_of,
    problem_response,
)
from conversation.errors import MalformedPayload, Overloaded, SignatureRejected, StoreError
from conversation.ports.customer_pages import CustomerPagePorts, Visitor

log = logging.getLogger(__name__)

USUAL_PAGE = 50
LARGEST_PAGE = 200

Handler = Callable[[web.Request, ChatSite], Awaitable[web.StreamResponse]]


def routes(accounts: Mapping[str, Webchat], ports: CustomerPagePorts) -> list[web.RouteDef]:
    """The addresses under `/chat/{channel}`."""
    guards = Guards(ports.clock, ports.proxies)
    places = {
        name: guards.place(name, account.settings, assets.load(account.settings)) for name, account in accounts.items()
    }
    site = _Site(ports, guards, places)
    return site.routes()


class _Site:
    def __init__(self, ports: CustomerPagePorts, guards: Guards, places: Mapping[str, ChatSite]) -> None:
        self._ports = ports
        self._guards = guards
        self._places = places
        self._sockets = ChatSockets(ports, guards)
        self._files = ChatFiles(ports, guards)

    def routes(self) -> list[web.RouteDef]:
        """In the order in which they are tried."""
        base = "/chat/{channel}"
        public = [("", self._page), ("/", self._page), ("/widget.js", self._widget)]
        files = [("/assets-{version}/{file:.+}", self._file)]
        private = [
            (hdrs.METH_POST, "/sessions", self._open_session),
            (hdrs.METH_PUT, "/address", self._leave_address),
            (hdrs.METH_GET, "/call", self._call_link),
            (hdrs.METH_GET, "/messages", self._messages),
            (hdrs.METH_POST, "/messages", self._post_message),
            (hdrs.METH_POST, "/attachments", self._upload),
            (hdrs.METH_GET, "/attachments/{attachment}", self._download),
        ]
        return [
            *(web.get(base + path, self._answering(handler)) for path, handler in [*public, *files]),
            web.get(base + "/socket", self._socket, allow_head=False),
            *(web.route(method, base + path, self._answering(self._checked(h))) for method, path, h in private),
            web.options(base + "/{rest:.*}", self._answering(self._preflight)),
        ]

    # -- around every handler ------------------------------------------------------------------------------------------

    def _answering(self, handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def answered(request: web.Request) -> web.StreamResponse:
            try:
                place = self._place(request)
            except Problem as problem:
                return problem_response(problem)
            response = await self._attempt(handler, request, place)
            self._allow_origin(request, place, response)
            return response

        return answered

    def _checked(self, handler: Handler) -> Handler:
        async def guarded(request: web.Request, place: ChatSite) -> web.StreamResponse:
            if not self._guards.origin_allowed(request, place):
                raise Problem(status=403, code="origin", detail="this page may not use the chat")
            if not self._guards.request_allowed(request):
                raise Problem(status=429, code="too_many", detail="too many requests", retry_after=5)
            return await handler(request, place)

        return guarded

    async def _attempt(self, handler: Handler, request: web.Request, place: ChatSite) -> web.StreamResponse:
        try:
            return await handler(request, place)
        except Problem as problem:
            return problem_response(problem)
        except (web.RequestPayloadError, HttpProcessingError):
            return problem_response(
                problem_of(MalformedPayload("the body is not what its headers say", code="bad_body"))
            )
        except (MalformedPayload, normalize.FieldsAtFault, StoreError) as error:
            return problem_response(problem_of(error))

    def _place(self, request: web.Request) -> ChatSite:
        place = self._places.get(request.match_info["channel"])
        if place is None:
            raise Problem(status=404, code="not_found", detail="there is no such chat")
        return place

    def _allow_origin(self, request: web.Request, place: ChatSite, response: web.StreamResponse) -> None:
        response.headers.add(hdrs.VARY, hdrs.ORIGIN)
        response.headers.setdefault(hdrs.X_CONTENT_TYPE_OPTIONS, "nosniff")
        origin = request.headers.get(hdrs.ORIGIN)
        if origin and self._guards.origin_allowed(request, place):
            response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = origin
            response.headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = "Retry-After"

    async def _preflight(self, request: web.Request, place: ChatSite) -> web.StreamResponse:
        if not self._guards.origin_allowed(request, place):
            raise Problem(status=403, code="origin", detail="this page may not use the chat")
        allowed = {
            hdrs.ACCESS_CONTROL_ALLOW_METHODS: "GET, POST, PUT",
            hdrs.ACCESS_CONTROL_ALLOW_HEADERS: "Authorization, Content-Type, Idempotency-Key",
            hdrs.ACCESS_CONTROL_MAX_AGE: "600",
        }
        return web.Response(status=204, headers=allowed)

    # -- the page ------------------------------------------------------------------------------------------------------

    async def _page(self, request: web.Request, place: ChatSite) -> web.StreamResponse:
        language = self._language_of(request)
        title = place.settings.title_in(language, self._ports.service_name)
        text = assets.page(place.assets, channel=place.channel, title=title, language=language)
        headers = assets.page_headers(place.settings.origins, request.host)
        return web.Response(text=text, content_type="text/html", headers=headers)

    def _language_of(self, request: web.Request) -> str:
        asked = request.query.get("language", "").lower().partition("-")[0]
        return asked if asked in self._ports.languages else self._ports.default_language

    async def _widget(self, request: web.Request, place: ChatSite) -> web.StreamResponse:
        # any page may load the loader; where the chat then opens is decided by frame-ancestors
        loader = file_response(request, place.assets.files.get(assets.LOADER), assets.REVALIDATE)
        loader.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        return loader

    async def _file(self, request: web.Request, place: ChatSite) -> web.StreamResponse:
        current = request.match_info["version"] == place.assets.version
        found = place.assets.files.get(request.match_info["file"])
        return file_response(request, found, assets.FOREVER if current else assets.REVALIDATE)

    # -- sessions and messages -----------------------------------------------------------------------------------------

    async def _open_session(self, request: web.Request, place: ChatSite) -> web.StreamResponse:
        if not self._guards.session_allowed(request):
            raise Problem(status=429, code="too_many", detail="too many sessions", retry_after=10)
        asked = normalize.session(await json_of(request))
        proven = self._proven(asked.identity, place)
        token, visitor = await self._ports.sessions.open(
            place.channel,
            address=proven.address if proven else None,
            verified=proven is not None,
            name=(proven.name if proven else None) or asked.name,
            email=proven.email if proven else asked.email,  # a typed one must not pass for vouched for
            language=asked.language,
            claims={**({"timezone": asked.timezone} if asked.timezone else {}), **(proven.claims if proven else {})},
        )
        return answer({"token": token, "visitor": visitor.identity.id})

    def _proven(self, token: str | None, place: ChatSite) -> identity.Proven | None:
        if token is None:
            return None
        secret = place.settings.identity_secret
        if secret is None:
            raise Problem(status=422, code="no_identity", detail="this chat takes no identity tokens")
        try:
            return identity.prove(
                token, secret=secret.get_secret_value(), channel=place.channel, now=self._ports.clock.now()
            )
        except SignatureRejected as error:
            raise Problem(status=401, code="identity", detail=str(error)) from None

    async def _leave_address(self, request: web.Request, place: ChatSite) -> web.StreamResponse:
        visitor = await self._visitor(request, place)
        if place.settings.follow_up is None:
            raise Problem(status=403, code="no_follow_up", detail="this chat sends no mail")
        email = normalize.address(await json_of(request))
        await self._ports.sessions.leave_address(visitor.identity.id, email)
        return answer({"email": email})

    async def _call_link(self, request: web.Request, place: ChatSite) -> web.StreamResponse:
        """The page at which a call is asked for, signed for what is being talked about here."""
        visitor = await self._visitor(request, place)
        url = await self._ports.feed.call_link(visitor.identity.id) if place.settings.calls else None
        if url is None:
            raise Problem(status=404, code="no_call", detail="there is nothing open to be called about")
        return answer({"url": url})

    async def _visitor(self, request: web.Request, place: ChatSite) -> Visitor:
        scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
        known = scheme.lower() == "bearer" and token
        visitor = await self._ports.sessions.find(place.channel, token.strip()) if known else None
        if visitor is None:
            raise Problem(status=401, code="token", detail="a session's token is needed")
        return visitor

    async def _messages(self, request: web.Request, place: ChatSite) -> web.StreamResponse:
        visitor = await self._visitor(request, place)
        after, limit = number_in(request, "after", 0), number_in(request, "limit", USUAL_PAGE)
        size = min(max(limit, 1), LARGEST_PAGE)
        found = await self._ports.feed.after(visitor.identity.id, after, size)
        items = [render.message(one, channel=place.channel, address=visitor.identity.address) for one in found]
        return answer({"items": items, "next": found[-1].feed_seq if len(found) == size else None})

    async def _post_message(self, request: web.Request, place: ChatSite) -> web.StreamResponse:
        visitor = await self._visitor(request, place)
        if self._ports.draining():
            raise Overloaded("restarting")
        if not self._guards.message_allowed(visitor.session, place):
            wait = place.messages.wait(visitor.session)
            raise Problem(status=429, code="too_many", detail="too many messages", retry_after=wait)
        raw = await body_of(request)
        data = {"id": request.headers.get("Idempotency-Key"), **normalize.frame(raw)}
        message = normalize.chat_message(data, text_limit=place.settings.text_limit)
        locale = normalize.locale_of(request.headers.get(hdrs.ACCEPT_LANGUAGE))
        event = normalize.received(message, visitor, received_at=self._ports.clock.now(), locale=locale, raw=raw)
        accepted = await repeats.store(self._ports, visitor, message, event)
        return answer({"seq": accepted.feed_seq, "id": message.client_id, "conversation": accepted.conversation})

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        try:
            place = self._place(request)
        except Problem as problem:
            return problem_response(problem)
        if self._ports.draining():
            return problem_response(problem_of(Overloaded("restarting")))
        if not web.WebSocketResponse().can_prepare(request).ok:
            return problem_response(Problem(status=426, code="upgrade", detail="this address speaks WebSocket"))
        return await self._sockets.handle(request, place)

    # -- files ---------------------------------------------------------------------------------------------------------

    async def _upload(self, request: web.Request, place: ChatSite) -> web.StreamResponse:
        return await self._files.upload(request, place, await self._visitor(request, place))

    async def _download(self, request: web.Request, place: ChatSite) -> web.StreamResponse:
        return await self._files.download(request, await self._visitor(request, place))

"""One visitor's socket: hello, what was missed, then frames in both directions until it closes."""

import asyncio
import json
import logging
from collections.abc import Mapping
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, hdrs, web

from channels.webchat import idempotency as repeats
from channels.webchat import normalize, render
from channels.webchat.admission import ChatSite, Guards
from channels.webchat.visitors import Seat, Visitors
from channels.websocket_writer import SocketWriter
from conversation.errors import (
    AttachmentGone,
    Conflict,
    HuntgroupError,
    MalformedPayload,
    Overloaded,
    Refused,
    StoreError,
)
from conversation.ports.customer_pages import CustomerPagePorts, Visitor

log = logging.getLogger(__name__)

LARGEST_FRAME = 128 * 1024
HELLO_WITHIN = 10.0
HEARTBEAT = 25.0
MOST_SOCKETS = 10
MOST_MISSED = 2000
POLICY_TOKEN, POLICY_ORIGIN, POLICY_OLD, POLICY_MANY = 4401, 4403, 4410, 4429


class ChatSockets:
    """The sockets of all chat accounts of one process."""

    def __init__(self, ports: CustomerPagePorts, guards: Guards) -> None:
        self._ports = ports
        self._guards = guards
        self._visitors = Visitors(ports)

    async def handle(self, request: web.Request, place: ChatSite) -> web.WebSocketResponse:
        """From the upgrade to the close."""
        socket = web.WebSocketResponse(heartbeat=HEARTBEAT, compress=False, max_msg_size=LARGEST_FRAME)
        await socket.prepare(request)
        try:
            await self._serve(await self._seat(request, socket, place), socket, place)
        except _Dismissed as dismissal:
            await socket.close(code=dismissal.code, message=dismissal.reason.encode())
        except StoreError:  # after the upgrade there is no other answer; the page comes back by itself
            await socket.close(code=WSCloseCode.TRY_AGAIN_LATER, message=b"try again")
        return socket

    async def _serve(self, seat: Seat, socket: web.WebSocketResponse, place: ChatSite) -> None:
        self._visitors.join(seat)
        try:
            await self._visitors.bring(seat)
            await self._visitors.send_status(seat, always=True)
            await self._converse(socket, seat, place)
        finally:
            self._visitors.leave(seat)
            seat.writer.stop()

    async def _seat(self, request: web.Request, socket: web.WebSocketResponse, place: ChatSite) -> Seat:
        if not self._guards.origin_allowed(request, place):
            raise _Dismissed(POLICY_ORIGIN, "origin")
        hello = await _hello(socket)
        if hello is None:
            raise _Dismissed(POLICY_TOKEN, "hello with a token first")
        token, last = hello
        visitor = await self._ports.sessions.find(place.channel, token)
        if visitor is None:
            raise _Dismissed(POLICY_TOKEN, "token")
        if self._visitors.count(visitor.identity.id) >= MOST_SOCKETS:
            raise _Dismissed(POLICY_MANY, "too many sockets")
        cursor = await self._cursor(visitor, last)
        if cursor is None:
            raise _Dismissed(POLICY_OLD, "fetch again")
        transport = request.transport
        writer = SocketWriter(socket, self._ports.background, abort=transport.abort if transport else _nothing)
        return Seat(visitor, writer, cursor, normalize.locale_of(request.headers.get(hdrs.ACCEPT_LANGUAGE)))

    async def _cursor(self, visitor: Visitor, last: int) -> int | None:
        """Where to begin; None where so much was missed that the page should fetch it by pages."""
        identity = visitor.identity.id
        if await self._ports.feed.after(identity, last + MOST_MISSED, 1):
            return None
        if last and not await self._ports.feed.after(identity, last - 1, 1):
            return 0  # a cursor from another time: everything again
        return last

    async def _converse(self, socket: web.WebSocketResponse, seat: Seat, place: ChatSite) -> None:
        async for message in socket:
            if not self._guards.frame_allowed(seat.visitor.session):
                raise _Dismissed(POLICY_MANY, "too many frames")
            if message.type is not WSMsgType.TEXT:
                seat.writer.offer(_error("malformed", "text frames only"))
                continue
            await self._frame(message.data, seat, place)
            if seat.writer.done:
                return

    async def _frame(self, raw: str, seat: Seat, place: ChatSite) -> None:
        frame: Mapping[str, Any] = {}
        try:
            frame = normalize.frame(raw)
            await self._obey(frame, seat, place)
        except MalformedPayload as fault:
            seat.writer.offer(_error("malformed", fault.detail))
        except normalize.FieldsAtFault as fault:
            errors = [render.error(one) for one in fault.faults]
            seat.writer.offer(_error("invalid", str(fault), id=_id_in(frame), errors=errors))
        except AttachmentGone as fault:
            seat.writer.offer(_error("attachment_gone", str(fault), id=_id_in(frame)))
        except Conflict as fault:
            seat.writer.offer(_error(fault.code, fault.detail, id=_id_in(frame)))
        except Refused as fault:
            seat.writer.offer(_error("refused", str(fault), id=_id_in(frame)))
        except Overloaded as fault:
            seat.writer.offer(_error("overloaded", "try again", id=_id_in(frame), retry_after=fault.retry_after))
        except StoreError:
            seat.writer.offer(_error("store_unavailable", "try again", id=_id_in(frame), retry_after=2))

    async def _obey(self, frame: Mapping[str, Any], seat: Seat, place: ChatSite) -> None:
        if isinstance(what := frame.get("send"), dict):
            await self._send(what, seat, place)
        elif isinstance(seen := frame.get("seen"), dict):
            seat.read = max(seat.read, normalize.seq(seen, "seq"))
            await self._ports.feed.seen(seat.identity, seat.read)
        elif "typing" in frame:
            if self._guards.typing_allowed(seat.visitor.session):
                await self._ports.feed.typing(seat.identity)
        else:
            raise MalformedPayload("a frame is send, typing or seen", code="unknown_frame")

    async def _send(self, what: Mapping[str, Any], seat: Seat, place: ChatSite) -> None:
        message = normalize.chat_message(what, text_limit=place.settings.text_limit)
        if self._ports.draining():
            raise Overloaded("restarting")
        if not self._guards.message_allowed(seat.visitor.session, place):
            raise _Dismissed(POLICY_MANY, "too many messages")
        raw = json.dumps(what, ensure_ascii=False).encode(errors="surrogatepass")
        event = normalize.received(
            message, seat.visitor, received_at=self._ports.clock.now(), locale=seat.locale, raw=raw
        )
        accepted = await repeats.store(self._ports, seat.visitor, message, event)
        answer = {"id": message.client_id, "seq": accepted.feed_seq, "conversation": accepted.conversation}
        seat.writer.offer(render.frame("sent", answer))


async def _hello(socket: web.WebSocketResponse) -> tuple[str, int] | None:
    try:
        async with asyncio.timeout(HELLO_WITHIN):
            message = await socket.receive()
    except TimeoutError:
        return None
    if message.type is not WSMsgType.TEXT:
        return None
    try:
        hello = normalize.frame(message.data).get("hello")
        if not isinstance(hello, dict) or not isinstance(token := hello.get("token"), str):
            return None
        return token, normalize.seq({"last_seq": 0, **hello}, "last_seq")
    except (MalformedPayload, normalize.FieldsAtFault):
        return None


class _Dismissed(HuntgroupError):
    """This socket is closed with a code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def _error(code: str, detail: str, **more: object) -> str:
    return render.frame("error", {"code": code, "detail": detail, **{k: v for k, v in more.items() if v is not None}})


def _id_in(frame: Mapping[str, Any]) -> str | None:
    what = frame.get("send")
    found = what.get("id") if isinstance(what, dict) else None
    return found if isinstance(found, str) else None


def _nothing() -> None:
    pass

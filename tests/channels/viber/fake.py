"""Viber over loopback: its API checks what the real one checks, and its callbacks are signed and told again until they are answered.

Checked: the token, the webhook's address (tried at once), 30 kB a call, 7,000 characters a text, a name of 28, twelve rows of a keyboard, whether
the customer may be written to. https://developers.viber.com/docs/api/rest-bot-api/
"""

import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

from tests.contracts.fakes import answering, post_until_accepted, serving
from tests.contracts.fetching import fetched

TOKEN = "4453b6ac12345678-e02c5f12174805f9-daec9cbb5448c51f"
USER = "01kQ7zGx2mVt4cRw9sLb=="
_NEEDED = {"picture": {"text", "media"}, "video": {"media", "size"}, "file": {"media", "size", "file_name"}}
_KINDS = {"delivered", "seen", "failed", "subscribed", "unsubscribed", "conversation_started"}


def signature(raw: bytes, token: str = TOKEN) -> str:
    """X-Viber-Content-Signature."""
    return hmac.new(token.encode(), raw, hashlib.sha256).hexdigest()


class _Refusal(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(kw_only=True)
class FakeViber:
    """`delivered` is what the customer sees. `down`, `mute`, `limited` and `fail_after` (messages) make it misbehave."""

    url: str = ""
    hook: str = ""
    down: bool = False
    mute: bool = False
    limited: bool = False
    fail_after: int | None = None
    delivered: list[str] = field(default_factory=list)
    files_shown: list[bytes] = field(default_factory=list)
    keyboards: list[dict[str, Any]] = field(default_factory=list)
    subscribers: set[str] = field(default_factory=lambda: {USER})
    registered: set[str] = field(default_factory=lambda: {USER})
    _last: bytes = b""
    _sent: list[int] = field(default_factory=list)
    _count: int = 4_912_661_846_655_238_000

    # -- the customer --------------------------------------------------------------------------------------------------

    async def write(self, text: str) -> None:
        self.subscribers.add(USER)
        await self._say({"type": "text", "text": text})

    async def picture(self, data: bytes) -> None:
        del data  # it would lie at a public address; here it is at one that the house may not reach
        await self._say({"type": "picture", "media": f"{self.url}/p/1.png", "file_name": "1.png"})

    async def again(self) -> None:
        await self._post(self._last)

    async def receipt(self) -> None:
        """The newest first: a receipt may overtake another."""
        for kind in ("seen", "delivered"):
            await self._post_event({"event": kind, "message_token": self._sent[-1], "user_id": USER})

    async def leave(self) -> None:
        """The customer wants to hear no more of us."""
        self.subscribers.discard(USER)
        await self._post_event({"event": "unsubscribed", "message_token": self._number(), "user_id": USER})

    async def open(self) -> dict[str, Any]:
        """The customer opens the chat for the first time; what is answered is shown."""
        raw = self._call({"event": "conversation_started", "message_token": self._number(), "user": {"id": USER}})
        return json.loads(await self._post(raw) or "{}")  # type: ignore[no-any-return]

    async def _say(self, message: dict[str, Any]) -> None:
        sender = {"id": USER, "name": "Lin Wei", "language": "zh-Hans", "country": "CN", "api_version": 10}
        await self._post_event(
            {"event": "message", "message_token": self._number(), "sender": sender, "message": message}
        )

    def _number(self) -> int:
        self._count += 1
        return self._count

    def _call(self, event: dict[str, Any]) -> bytes:
        return json.dumps({"timestamp": int(time.time() * 1000), **event}, ensure_ascii=False).encode()

    async def _post_event(self, event: dict[str, Any]) -> None:
        self._last = self._call(event)
        await self._post(self._last)

    async def _post(self, raw: bytes) -> bytes:
        """Told until it is answered by 2xx, as Viber does for an hour."""
        headers = {"x-viber-content-signature": signature(raw), "content-type": "application/json"}
        return await post_until_accepted(lambda session: session.post(self.hook, data=raw, headers=headers))

    # -- the API -------------------------------------------------------------------------------------------------------

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if self.down:
            return web.Response(status=503)
        try:
            told = await self._routed(request.path, await request.read(), request.headers.get("x-viber-auth-token"))
        except _Refusal as no:
            return web.json_response({"status": no.status, "status_message": no.message})
        if self.mute and request.path.endswith("send_message"):
            assert request.transport is not None
            request.transport.close()
        return web.json_response({"status": 0, "status_message": "ok", **told})

    async def _routed(self, path: str, raw: bytes, token: str | None) -> dict[str, Any]:
        if token != TOKEN:
            raise _Refusal(2, "invalidAuthToken")
        if len(raw) > 30_000:
            raise _Refusal(3, "badData")
        body = json.loads(raw)
        match path:
            case "/pa/get_account_info":
                return {"id": "pa:1", "name": "Support", "subscribers_count": len(self.subscribers)}
            case "/pa/set_webhook":
                return await self._hooked(body)
            case "/pa/send_message":
                return await self._deliver(body)
            case _:
                raise _Refusal(4, "missingData")

    async def _hooked(self, body: dict[str, Any]) -> dict[str, Any]:
        """The address is tried before it is taken."""
        if not set(body["event_types"]) <= _KINDS:
            raise _Refusal(3, "badData")
        raw = self._call({"event": "webhook", "message_token": self._number()})
        headers = {"x-viber-content-signature": signature(raw)}
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.post(body["url"], data=raw, headers=headers) as answer,
            ):
                if answer.status != 200:
                    raise _Refusal(1, "invalidUrl")
        except aiohttp.ClientError:
            raise _Refusal(1, "invalidUrl") from None
        self.hook = body["url"]
        return {"event_types": body["event_types"]}

    async def _deliver(self, body: dict[str, Any]) -> dict[str, Any]:
        if self.limited:
            raise _Refusal(12, "tooManyRequests")
        if self.fail_after is not None and len(self.delivered) >= self.fail_after:
            raise _Refusal(999, "generalError")
        self._check(body)
        if body["type"] == "text":
            self.delivered.append(body["text"])
        else:
            self.files_shown.append(await self._got(body))
        if "keyboard" in body:
            self.keyboards.append(body["keyboard"])
        self._sent.append(self._number())
        return {"message_token": self._sent[-1]}

    def _check(self, body: dict[str, Any]) -> None:
        if body["receiver"] not in self.registered:
            raise _Refusal(5, "receiverNotRegistered")
        if body["receiver"] not in self.subscribers:
            raise _Refusal(6, "receiverNotSubscribed")
        if not self.hook:
            raise _Refusal(10, "webhookNotSet")
        fits = (body["type"] != "text" or 1 <= len(body["text"]) <= 7000) and 1 <= len(body["sender"]["name"]) <= 28
        buttons = body.get("keyboard", {"Buttons": [1]})["Buttons"]
        if body["type"] not in ("text", *_NEEDED) or not fits or not 1 <= len(buttons) <= 12:
            raise _Refusal(3, "badData")

    async def _got(self, body: dict[str, Any]) -> bytes:
        """The file from its address: of the size that was told, and with all that this kind of message needs."""
        if not _NEEDED[body["type"]] <= body.keys():
            raise _Refusal(4, "missingData")
        data = await fetched(body["media"], bytes_=1_000_000 if body["type"] == "picture" else 50_000_000)
        if data is None or len(data) != body.get("size", len(data)):
            raise _Refusal(3, "badData")
        return data


@asynccontextmanager
async def viber(hook: str = "") -> AsyncIterator[FakeViber]:
    """Viber, while the context is open; `hook` where no account will set it."""
    playing = FakeViber(hook=hook)
    async with serving(answering(playing.answer, method="POST")) as playing.url:
        yield playing

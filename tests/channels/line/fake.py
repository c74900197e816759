"""LINE over loopback: its API checks what the real one checks, and its webhook is signed and told again until it is answered.

Checked: the token, content types, reply tokens (known, once, young), retry keys (a UUID, push only, 409 for a repeat), 1 to 5 messages a
call, 5000 UTF-16 units a text, 13 buttons with labels of 20, recipients, a rate. https://developers.line.biz/en/reference/messaging-api/
"""

import base64
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.contracts.fakes import answering, post_until_accepted, serving
from tests.contracts.fetching import fetched

SECRET = "4b7c1d9e0f2a3b5c6d8e7f9a0b1c2d3e"
TOKEN = "kDx0Ok9fL7vQ2nZtRj5sYw8eUa3bHc6gMi1pXq4lVdTzSyWoCrNfJeBuGhKmPvA"
USER = "U4f7c0d2b9a8e4c1fa3d5b6e7c8091a2b"
TOKEN_LIVES = 60.0


def signature(raw: bytes, secret: str = SECRET) -> str:
    """X-Line-Signature."""
    return base64.b64encode(hmac.new(secret.encode(), raw, hashlib.sha256).digest()).decode()


@dataclass(frozen=True, slots=True)
class Call:
    """One call that sends."""

    path: str
    body: dict[str, Any]


class _Refusal(Exception):
    def __init__(self, status: int, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


@dataclass(kw_only=True)
class FakeLine:
    """`delivered` is what the customer sees. `down`, `mute`, `limited`, `quota_over` and `fail_after` (calls) make it misbehave."""

    hook: str = ""
    url: str = ""
    down: bool = False
    mute: bool = False
    limited: bool = False
    quota_over: bool = False
    fail_after: int | None = None
    delivered: list[str] = field(default_factory=list)
    files_shown: list[bytes] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    preparing: dict[str, list[str]] = field(default_factory=dict)
    friends: set[str] = field(default_factory=lambda: {USER})
    _tokens: dict[str, float] = field(default_factory=dict)
    _accepted: dict[str, dict[str, Any]] = field(default_factory=dict)
    _last: bytes = b""
    _count: int = 0

    # -- the customer --------------------------------------------------------------------------------------------------

    async def write(self, text: str) -> None:
        await self._post_event(self.event("message", message={"id": self._number(), "type": "text", "text": text}))

    async def picture(self, data: bytes) -> None:
        number = self._number()
        self.files[number] = data
        message = {"id": number, "type": "image", "contentProvider": {"type": "line"}}
        await self._post_event(self.event("message", message=message))

    async def again(self) -> None:
        await self._post(self._last)

    async def receipt(self) -> None:
        """LINE tells nobody what was read."""

    def event(self, kind: str, **more: Any) -> dict[str, Any]:
        """An event of the customer, with a new reply token."""
        self._count += 1
        return {
            "type": kind,
            "mode": "active",
            "timestamp": int(time.time() * 1000),
            "source": {"type": "user", "userId": USER},
            "webhookEventId": f"01KAX{self._count:021d}",
            "deliveryContext": {"isRedelivery": False},
            "replyToken": self.reply_token(),
            **more,
        }

    def reply_token(self) -> str:
        """One that was just given out."""
        token = uuid.uuid4().hex
        self._tokens[token] = time.monotonic()
        return token

    def _number(self) -> str:
        self._count += 1
        return str(588_000_000_000_000_000 + self._count)

    async def _post_event(self, event: dict[str, Any]) -> None:
        self._last = json.dumps({"destination": "Ubot", "events": [event]}, ensure_ascii=False).encode()
        await self._post(self._last)

    async def _post(self, raw: bytes) -> None:
        """Redelivery, which operators switch on: told until it is answered by 2xx."""
        headers = {"x-line-signature": signature(raw), "content-type": "application/json; charset=utf-8"}
        await post_until_accepted(lambda session: session.post(self.hook, data=raw, headers=headers))

    # -- the API -------------------------------------------------------------------------------------------------------

    async def answer(self, request: web.Request) -> web.StreamResponse:
        try:
            if self.down:
                raise _Refusal(503, "Service unavailable")
            if request.headers.get("authorization") != f"Bearer {TOKEN}":
                raise _Refusal(401, "Authentication failed due to the following reason: invalid token")
            return await self._routed(request)
        except _Refusal as no:
            if request.method == "POST" and self.down:
                self._remember(request.path.rsplit("/", 1)[-1], {})
            return web.json_response({"message": no.message}, status=no.status, headers=no.headers)

    async def _routed(self, request: web.Request) -> web.StreamResponse:
        parts = request.path.strip("/").split("/")
        match (request.method, parts):
            case ("GET", ["v2", "bot", "info"]):
                return web.json_response({"userId": "Ubot", "displayName": "Support"})
            case ("GET", ["v2", "bot", "message", number, "content", "transcoding"]):
                return web.json_response({"status": self._prepared(number)})
            case ("GET", ["v2", "bot", "message", number, "content"]):
                if number not in self.files:
                    raise _Refusal(404, "Not found")
                return web.Response(body=self.files[number], content_type="image/jpeg")
            case ("POST", ["v2", "bot", "message", "reply" | "push" as how]):
                return await self._sent(request, how)
            case _:
                raise _Refusal(404, "Not found")

    def _prepared(self, number: str) -> str:
        if number not in self.files:
            raise _Refusal(404, "Not found")
        return self.preparing[number].pop(0) if self.preparing.get(number) else "succeeded"

    def _remember(self, how: str, body: dict[str, Any]) -> None:
        self.calls.append(Call(how, body))

    async def _sent(self, request: web.Request, how: str) -> web.StreamResponse:
        if request.content_type != "application/json":
            raise _Refusal(415, "The content type is not supported")
        body = await request.json()
        self._remember(how, body)
        self._check_limits()
        key = request.headers.get("x-line-retry-key")
        if how == "reply" and key is not None:
            raise _Refusal(400, "The retry key is not supported by this API")
        if key is not None and str(uuid.UUID(key)) in self._accepted:
            return web.json_response(
                {"message": "The retry key is already accepted", **self._accepted[key]}, status=409
            )
        _check_messages(body.get("messages"))
        self._check_recipient(how, body)
        await self._get_files(body["messages"])
        told = self._deliver(body["messages"])
        if key is not None:
            self._accepted[key] = told
        if self.mute:
            assert request.transport is not None
            request.transport.close()
        return web.json_response(told)

    def _check_limits(self) -> None:
        if self.limited:
            raise _Refusal(429, "The API rate limit has been exceeded. Try again later.")
        if self.quota_over:
            raise _Refusal(429, "You have reached your monthly limit.")
        if self.fail_after is not None and len(self.calls) > self.fail_after:
            raise _Refusal(500, "Internal server error")

    def _check_recipient(self, how: str, body: dict[str, Any]) -> None:
        if how == "push" and body.get("to") not in self.friends:
            raise _Refusal(404, "Not found")
        if how == "reply":
            given = self._tokens.pop(body.get("replyToken", ""), None)
            if given is None or time.monotonic() - given > TOKEN_LIVES:
                raise _Refusal(400, "Invalid reply token")

    async def _get_files(self, messages: list[dict[str, Any]]) -> None:
        """Pictures are got from their address, which the real one wants to be https."""
        for message in messages:
            if message["type"] == "image":
                whole = await fetched(
                    message["originalContentUrl"], types=("image/png", "image/jpeg"), bytes_=10_000_000
                )
                small = await fetched(message["previewImageUrl"], types=("image/png", "image/jpeg"), bytes_=1_000_000)
                if whole is None or small is None:
                    raise _Refusal(400, "The image cannot be fetched")
                self.files_shown.append(whole)

    def _deliver(self, messages: list[dict[str, Any]]) -> dict[str, Any]:
        self.delivered += [message["text"] for message in messages if message["type"] == "text"]
        return {"sentMessages": [{"id": self._number(), "quoteToken": "q"} for _ in messages]}


def _check_messages(messages: Any) -> None:
    if not isinstance(messages, list) or not 1 <= len(messages) <= 5:
        raise _Refusal(400, "Size must be between 1 and 5")
    for message in messages:
        units = len(message.get("text", "x").encode("utf-16-le")) // 2
        if message["type"] not in ("text", "image") or not 1 <= units <= 5000:
            raise _Refusal(400, "Length must be between 0 and 5000")
        items = message.get("quickReply", {}).get("items", [])
        if len(items) > 13 or any(len(item["action"]["label"]) > 20 for item in items):
            raise _Refusal(400, "Size must be between 1 and 13")


@asynccontextmanager
async def line(hook: str = "") -> AsyncIterator[FakeLine]:
    """LINE, while the context is open."""
    playing = FakeLine(hook=hook)
    async with serving(answering(playing.answer)) as playing.url:
        yield playing

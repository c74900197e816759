"""X over loopback: its API checks what the real one checks, and what it posts is signed and told again until it is answered.

Checked: the OAuth signature, its clock and that no nonce comes twice, the recipient, 10,000 characters a message, the limit of calls; the
address is tried with a check before anything is posted. Its signatures are made here anew: nothing of the channel's own code is trusted.
"""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote

import aiohttp
from aiohttp import web

from tests.contracts.fakes import answering, post_until_accepted, serving

KEY, SECRET = "example-consumer-key", "example-consumer-secret"
TOKEN, TOKEN_SECRET = "7004-example-access-token", "example-token-secret"
US, USER = "7004", "9100200300"


def signature(raw: bytes, secret: str = SECRET) -> str:
    """X-Twitter-Webhooks-Signature."""
    return "sha256=" + base64.b64encode(hmac.new(secret.encode(), raw, hashlib.sha256).digest()).decode()


def _problem(status: int, kind: str, detail: str, **headers: str) -> web.Response:
    told = {"title": detail, "detail": detail, "type": f"https://api.twitter.com/2/problems/{kind}", "status": status}
    return web.json_response(told, status=status, headers=headers)


@dataclass(kw_only=True)
class FakeX:
    """`delivered` is what the customer sees. `down`, `mute`, `limited` (seconds) and `fail_after` (messages) make it misbehave."""

    url: str = ""
    hook: str = ""
    down: bool = False
    mute: bool = False
    limited: int = 0
    fail_after: int | None = None
    open_to_us: bool = True
    delivered: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    known: set[str] = field(default_factory=lambda: {USER})
    pictures: dict[str, bytes] = field(default_factory=dict)
    _nonces: set[str] = field(default_factory=set)
    _last: bytes = b""
    _count: int = 1_830_000_000_000_000_000

    # -- the customer --------------------------------------------------------------------------------------------------

    async def write(self, text: str) -> None:
        await self._post_event(direct_message_events=[self._message({"text": _escaped(text)})])

    async def picture(self, data: bytes) -> None:
        path = f"/1.1/ton/data/dm/{self._number()}/picture.png"
        self.pictures[path] = data
        link = "https://t.co/Ab12Cd34Ef"
        media = {"type": "photo", "url": link, "media_url_https": f"https://ton.twitter.com{path}"}
        said = {"text": link, "attachment": {"type": "media", "media": media}}
        await self._post_event(direct_message_events=[self._message(said)])

    async def mention(self, text: str) -> None:
        """In public."""
        post = {
            "id_str": self._number(),
            "text": _escaped(text),
            "user": {"id_str": USER, "name": "Lin Wei"},
            "entities": {"user_mentions": [{"id_str": US}]},
            "timestamp_ms": _now(),
        }
        await self._post_event(tweet_create_events=[post])

    async def again(self) -> None:
        await self._post(self._last)

    async def receipt(self) -> None:
        event = {"created_timestamp": _now(), "sender_id": USER, "target": {"recipient_id": US}}
        await self._post_event(direct_message_mark_read_events=[event | {"last_read_event_id": str(self._count)}])

    async def check(self) -> bool:
        """Whether the address answers the check as only a holder of the secret can."""
        token = f"9b4507b3-9040-4669-9ca3-{self._number()}"
        async with aiohttp.ClientSession() as session, session.get(self.hook, params={"crc_token": token}) as answer:
            told = await answer.json()
        return answer.status == 200 and told == {"response_token": signature(token.encode())}

    def _message(self, data: dict[str, Any]) -> dict[str, Any]:
        made = {"target": {"recipient_id": US}, "sender_id": USER, "message_data": data}
        return {"type": "message_create", "id": self._number(), "created_timestamp": _now(), "message_create": made}

    def _number(self) -> str:
        self._count += 1
        return str(self._count)

    async def _post_event(self, **lists: Any) -> None:
        users = {USER: {"id": USER, "name": "Lin Wei"}}
        self._last = json.dumps({"for_user_id": US, **lists, "users": users}, ensure_ascii=False).encode()
        await self._post(self._last)

    async def _post(self, raw: bytes) -> None:
        headers = {"x-twitter-webhooks-signature": signature(raw), "content-type": "application/json"}
        await post_until_accepted(lambda session: session.post(self.hook, data=raw, headers=headers))

    # -- the API -------------------------------------------------------------------------------------------------------

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if self.down:
            return web.Response(status=503)
        fault = self._unsigned(request)
        if fault:
            self.refused.append(fault)
            return web.json_response({"title": "Unauthorized", "detail": fault, "status": 401}, status=401)
        if request.path in self.pictures:
            return web.Response(body=self.pictures[request.path])
        if request.path == "/2/users/me":
            return web.json_response({"data": {"id": US, "name": "Example Wallet"}})
        return await self._sent(request)

    async def _sent(self, request: web.Request) -> web.StreamResponse:
        to, text = request.path.split("/")[-2], json.loads(await request.read())["text"]
        if self.limited:
            reset = str(int(time.time()) + self.limited)
            limits = {"x-rate-limit-remaining": "0", "x-rate-limit-reset": reset}
            return web.json_response({"title": "Too Many Requests"}, status=429, headers=limits)
        if to not in self.known:
            return _problem(404, "resource-not-found", "Could not find user")
        if not self.open_to_us:
            return web.json_response(
                {"detail": "You do not have permission to DM one or more participants."}, status=403
            )
        if not 1 <= len(text) <= 10_000:
            return _problem(400, "invalid-request", "text is too long")
        if self.fail_after is not None and len(self.delivered) >= self.fail_after:
            return web.Response(status=500)
        self.delivered.append(text)
        if self.mute:
            assert request.transport is not None
            request.transport.close()
        return web.json_response(
            {"data": {"dm_conversation_id": f"{US}-{to}", "dm_event_id": self._number()}}, status=201
        )

    def _unsigned(self, request: web.Request) -> str | None:
        """What is wrong with the request's OAuth header."""
        header = request.headers.get("authorization", "").removeprefix("OAuth ")
        given = dict(part.strip().split("=", 1) for part in header.split(",") if "=" in part)
        said = {name: unquote(value.strip('"')) for name, value in given.items()}
        shown = said.pop("oauth_signature", "")
        if (said.get("oauth_consumer_key"), said.get("oauth_token")) != (KEY, TOKEN):
            return "another app, or another account"
        if abs(time.time() - int(said["oauth_timestamp"])) > 300 or said["oauth_nonce"] in self._nonces:
            return "an old request"
        self._nonces.add(said["oauth_nonce"])
        fields = sorted((quote(k, safe="~"), quote(v, safe="~")) for k, v in (*said.items(), *request.query.items()))
        joined = quote("&".join(f"{k}={v}" for k, v in fields), safe="~")
        url = f"http://{request.host}{request.path}"
        signed = f"{request.method}&{quote(url, safe='~')}&{joined}".encode()
        wanted = hmac.new(f"{SECRET}&{TOKEN_SECRET}".encode(), signed, hashlib.sha1).digest()
        return None if shown == base64.b64encode(wanted).decode() else "a wrong signature"


def _now() -> str:
    return str(int(time.time() * 1000))


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


@asynccontextmanager
async def x(hook: str = "") -> AsyncIterator[FakeX]:
    """X, while the context is open."""
    playing = FakeX(hook=hook)
    async with serving(answering(playing.answer)) as playing.url:
        yield playing

"""WeChat over loopback: its API checks what the real one checks, and its calls are signed, encrypted where asked for, and made three times at most.

Checked: AppID and AppSecret, access tokens (one lives, forced ones replace it), OpenIDs, what a customer's message allows (5 in 48 hours), 2,048
bytes a text, escapes in the JSON, uploads. What is wrong is answered 200 with an errcode. https://developers.weixin.qq.com/doc/service/
"""

import json
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

from channels.wechat import encryption, xml
from tests.contracts.fakes import answering, post_until_accepted, serving

APP_ID = "wx5a1b2c3d4e5f6071"
SECRET = "9f8e7d6c5b4a39281706f5e4d3c2b1a0"
TOKEN = "huntgroup2026token"
AES_KEY = "kJ3nV8qLx2RbTz5mWc7YdHf0PgAs9uEi4oK1lNvXB6Q"
USER = "oQ2mK5vT8bXyLr0JcN7dWzEa1HsG"
ACCOUNT = "gh_3f9a1c7e5b20"
ALLOWED = 5


def signed(raw: bytes, *, at: int, aes: bool = False, nonce: str = "n0nce4711") -> tuple[dict[str, str], bytes]:
    """The query and the body of a call, as WeChat makes them of a message."""
    query = {"timestamp": str(at), "nonce": nonce, "signature": encryption.signature(TOKEN, str(at), nonce)}
    if not aes:
        return query, raw
    encrypted = encryption.encrypt(encryption.key_of(AES_KEY), APP_ID, raw, random=secrets.token_bytes(16))
    more = {"encrypt_type": "aes", "msg_signature": encryption.signature(TOKEN, str(at), nonce, encrypted)}
    return query | more, xml.document({"ToUserName": ACCOUNT, "Encrypt": encrypted})


class _Errcode(Exception):
    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.told = {"errcode": code, "errmsg": message}


@dataclass(kw_only=True)
class FakeWechat:
    """`delivered` is what the customer sees; `errcode` is answered to the next sendings; `answers` what was said to our calls."""

    hook: str = ""
    aes: bool = False
    url: str = ""
    down: bool = False
    mute: bool = False
    errcode: int = 0
    stale: int = 0
    lives: int = 7200
    delivered: list[str] = field(default_factory=list)
    sent: list[dict[str, Any]] = field(default_factory=list)
    uploads: list[bytes] = field(default_factory=list)
    answers: list[bytes] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    films: dict[str, str] = field(default_factory=dict)
    fetched_tokens: int = 0
    forced: int = 0
    allowed: int = ALLOWED
    current: str = ""
    _ends: float = 0.0
    _last: bytes = b""
    _count: int = 0

    # -- the customer --------------------------------------------------------------------------------------------------

    async def write(self, text: str) -> None:
        self.allowed = ALLOWED
        await self.post_update({"MsgType": "text", "Content": text, "MsgId": self._number()})

    async def picture(self, data: bytes) -> None:
        media = f"media_{self._number()}"
        self.files[media] = data
        self.allowed = ALLOWED
        await self.post_update(
            {"MsgType": "image", "PicUrl": "http://x.example/0", "MediaId": media, "MsgId": self._number()}
        )

    async def again(self) -> None:
        await self._post(self._last)

    async def receipt(self) -> None:
        """WeChat tells nobody what was read."""

    def _number(self) -> str:
        self._count += 1
        return str(24_700_000_000_000_000 + self._count)

    async def post_update(self, fields: Mapping[str, str]) -> None:
        """A message or an event of the customer."""
        whose = {"ToUserName": ACCOUNT, "FromUserName": USER, "CreateTime": str(int(time.time()))}
        self._last = xml.document({**whose, **fields})
        await self._post(self._last)

    async def _post(self, raw: bytes) -> None:
        """The real one gives up after three tries within a quarter of a minute; a test's house may take longer to come back."""

        def call(session: aiohttp.ClientSession) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
            query, body = signed(raw, at=int(time.time()), aes=self.aes, nonce=secrets.token_hex(5))
            return session.post(self.hook, params=query, data=body)

        self.answers.append(await post_until_accepted(call, heard={200}))

    # -- the API -------------------------------------------------------------------------------------------------------

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if self.down:
            return web.Response(status=503)
        try:
            match (request.method, request.path):
                case ("POST", "/cgi-bin/stable_token"):
                    return web.json_response(self._token(await request.json()))
                case ("POST", "/cgi-bin/message/custom/send" | "/cgi-bin/message/template/send"):
                    return await self._send(request)
                case ("POST", "/cgi-bin/media/upload"):
                    return web.json_response(await self._upload(request))
                case ("GET", "/cgi-bin/media/get"):
                    return self._media(request)
                case _:
                    return web.Response(status=404)
        except _Errcode as no:
            return web.json_response(no.told, content_type="application/json")

    def _token(self, asked: dict[str, Any]) -> dict[str, Any]:
        if asked.get("appid") != APP_ID:
            raise _Errcode(40013, "invalid appid")
        if asked.get("secret") != SECRET:
            raise _Errcode(40001, "invalid credential, access_token is invalid or not latest")
        self.fetched_tokens += 1
        self.forced += bool(asked.get("force_refresh"))
        if asked.get("force_refresh") or time.monotonic() >= self._ends:
            self.current = f"88_{secrets.token_urlsafe(60)}"
            self._ends = time.monotonic() + self.lives
        return {"access_token": self.current, "expires_in": self.lives}

    def replace_token(self) -> None:
        """As when somebody forces a new one elsewhere."""
        self.current = f"88_{secrets.token_urlsafe(60)}"

    def _check_token(self, request: web.Request) -> None:
        if self.stale:
            raise _Errcode(self.stale, "access_token expired rid: 1")
        if not self.current or request.query.get("access_token") != self.current:
            raise _Errcode(40001, f"invalid credential: {request.query.get('access_token')} rid: 2")

    async def _send(self, request: web.Request) -> web.StreamResponse:
        self._check_token(request)
        raw = await request.read()
        assert b"\\u" not in raw, "40033: escapes are shown as they stand"
        body = json.loads(raw)
        if self.errcode:
            raise _Errcode(self.errcode, f"as the test wants it, access_token={self.current}")
        if body.get("touser") != USER:
            raise _Errcode(40003, "invalid openid")
        told: dict[str, Any] = {"errcode": 0, "errmsg": "ok"}
        if "template_id" in body:
            told["msgid"] = 200_163_840
        else:
            self._check_message(body)
        self.sent.append(body)
        self.delivered.append(body["text"]["content"] if body.get("msgtype") == "text" else str(body.get("msgtype")))
        if self.mute:
            assert request.transport is not None
            request.transport.close()
        return web.json_response(told)

    def _check_message(self, body: dict[str, Any]) -> None:
        kind = body["msgtype"]
        if kind == "text" and not 1 <= len(body["text"]["content"].encode()) <= 2048:
            raise _Errcode(45002, "content size out of limit")
        if kind in ("image", "voice", "video") and body[kind]["media_id"] not in self.files:
            raise _Errcode(40007, "invalid media_id")
        if self.allowed <= 0:
            raise _Errcode(45047, "out of response count limit")
        self.allowed -= 1

    async def _upload(self, request: web.Request) -> dict[str, Any]:
        self._check_token(request)
        part = await (await request.multipart()).next()
        if not isinstance(part, aiohttp.BodyPartReader) or part.name != "media" or not part.filename:
            raise _Errcode(41005, "media data missing")
        data, media = bytes(await part.read()), f"up_{self._number()}"
        self.uploads.append(data)
        self.files[media] = data
        return {"type": request.query["type"], "media_id": media, "created_at": int(time.time())}

    def _media(self, request: web.Request) -> web.StreamResponse:
        self._check_token(request)
        media = request.query.get("media_id", "")
        if media in self.films:
            return web.json_response({"video_url": self.films[media]})
        if media not in self.files:
            raise _Errcode(40007, "invalid media_id")
        return web.Response(body=self.files[media], content_type="image/jpeg")


@asynccontextmanager
async def wechat(hook: str = "", *, aes: bool = False) -> AsyncIterator[FakeWechat]:
    """WeChat, while the context is open."""
    playing = FakeWechat(hook=hook, aes=aes)
    async with serving(answering(playing.answer)) as playing.url:
        yield playing

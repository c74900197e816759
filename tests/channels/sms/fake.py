"""Twilio over loopback: its API checks what the real one checks, and what it posts is signed and told again until it is answered.

Checked: account and token, who sends, a number that can be written to, 1,600 characters, STOP, a rate; files are led on to another host, to
which no token may go. https://www.twilio.com/docs/messaging/api/message-resource
"""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode

from aiohttp import web

from channels import twilio_signature as twilio
from tests.contracts.fakes import answering, post_until_accepted, serving
from tests.contracts.fetching import fetched

ACCOUNT = "AC0123456789abcdef0123456789abcdef"
TOKEN = "5f8a1c3e7b9d2046a8c0e4f6b1d3a597"
NUMBER = "+4930555000199"
USER = "+33199005678"


class _Refusal(Exception):
    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass(kw_only=True)
class FakeTwilio:
    """`delivered` is what the customer sees. `down`, `mute`, `limited` and `fail_after` (messages) make it misbehave. `leads_on`: files are elsewhere."""

    hook: str = ""
    url: str = ""
    down: bool = False
    mute: bool = False
    limited: bool = False
    leads_on: bool = True
    fail_after: int | None = None
    delivered: list[str] = field(default_factory=list)
    files_shown: list[bytes] = field(default_factory=list)
    stopped: set[str] = field(default_factory=set)
    files: dict[str, bytes] = field(default_factory=dict)
    elsewhere: list[str] = field(default_factory=list)
    _sent: list[tuple[str, str]] = field(default_factory=list)  # sid, where its status is told
    _last: bytes = b""
    _count: int = 0

    # -- the customer --------------------------------------------------------------------------------------------------

    async def write(self, text: str) -> None:
        await self._say("SM", Body=text)

    async def picture(self, data: bytes) -> None:
        self._count += 1
        file = f"ME{self._count:032x}"
        self.files[file] = data
        where = f"{self.url}/2010-04-01/Accounts/{ACCOUNT}/Messages/{self._sid('MM', self._count + 1)}/Media/{file}"
        await self._say("MM", Body="", NumMedia="1", MediaUrl0=where, MediaContentType0="image/png")

    async def again(self) -> None:
        await self._post(self.hook, self._last)

    async def receipt(self) -> None:
        """Out of order, as they come."""
        sid, where = self._sent[-1]
        for told in ("sent", "delivered", "sent"):
            form = {"MessageSid": sid, "MessageStatus": told, "AccountSid": ACCOUNT, "From": NUMBER, "To": USER}
            await self._post(where, urlencode(form).encode())

    async def stop(self) -> None:
        """The customer writes STOP, which Twilio obeys by itself."""
        self.stopped.add(USER)
        await self._say("SM", Body="STOP", OptOutType="STOP")

    async def _say(self, kind: str, **more: str) -> None:
        self._count += 1
        sid = self._sid(kind, self._count)
        form = {"MessageSid": sid, "SmsStatus": "received", "AccountSid": ACCOUNT, "From": USER, "To": NUMBER}
        self._last = urlencode({**form, "NumMedia": "0", **more}).encode()
        await self._post(self.hook, self._last)

    def _sid(self, kind: str, number: int) -> str:
        return f"{kind}{number:032x}"

    async def _post(self, url: str, raw: bytes) -> None:
        signed = {"x-twilio-signature": twilio.signature(TOKEN, url, parse_qsl(raw.decode(), keep_blank_values=True))}
        headers = {"content-type": "application/x-www-form-urlencoded", **signed}
        told = await post_until_accepted(lambda session: session.post(url, data=raw, headers=headers))
        assert b"<Response/>" in told

    # -- the API -------------------------------------------------------------------------------------------------------

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if self.down:
            return web.Response(status=503)
        try:
            return await self._routed(request)
        except _Refusal as no:
            body = {"code": no.code, "message": str(no), "status": no.status}
            return web.json_response(body, status=no.status)

    async def _routed(self, request: web.Request) -> web.StreamResponse:
        parts = request.path.strip("/").split("/")
        if parts[0] == "elsewhere":
            self.elsewhere.append(request.headers.get("authorization", ""))
            return web.Response(body=self.files[parts[1]], content_type="image/png")
        pair = base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {pair}":
            raise _Refusal(401, 20003, "Authenticate")
        match (request.method, parts[2:]):
            case ("GET", [account]) if account == f"{ACCOUNT}.json":
                return web.json_response({"sid": ACCOUNT, "status": "active"})
            case ("GET", [_, "Messages", _, "Media", file]):
                if file not in self.files:
                    raise _Refusal(404, 20404, "The requested resource was not found")
                if not self.leads_on:
                    return web.Response(body=self.files[file], content_type="image/png")
                return web.Response(status=307, headers={"location": f"{self._other_host()}/elsewhere/{file}"})
            case ("POST", [_, "Messages.json"]):
                return await self._sent_now(request)
            case _:
                raise _Refusal(404, 20404, "The requested resource was not found")

    def _other_host(self) -> str:
        return self.url.replace("127.0.0.1", "localhost")

    async def _sent_now(self, request: web.Request) -> web.StreamResponse:
        form = dict(parse_qsl(await request.text(), keep_blank_values=True))
        self._check(form)
        if "MediaUrl" in form:
            await self._get_file(form["MediaUrl"])
        else:
            self.delivered.append(form["Body"])
        self._count += 1
        self._sent.append((self._sid("SM", self._count), form.get("StatusCallback", "")))
        if self.mute:
            assert request.transport is not None
            request.transport.close()
        return web.json_response({"sid": self._sent[-1][0], "status": "queued", "error_code": None}, status=201)

    async def _get_file(self, url: str) -> None:
        data = await fetched(url, types=("image/png", "image/jpeg", "image/gif"), bytes_=5_000_000)
        if data is None:
            raise _Refusal(400, 21620, "Invalid media URL(s)")
        self.files_shown.append(data)

    def _check(self, form: dict[str, str]) -> None:
        if self.limited:
            raise _Refusal(429, 20429, "Too Many Requests")
        if self.fail_after is not None and len(self.delivered) >= self.fail_after:
            raise _Refusal(500, 20500, "Internal Server Error")
        if form.get("From") != NUMBER and "MessagingServiceSid" not in form:
            raise _Refusal(400, 21603, "A 'From' phone number is required")
        if form.get("To") in self.stopped:
            raise _Refusal(400, 21610, "Attempt to send to unsubscribed recipient")
        if form.get("To") != USER:
            raise _Refusal(400, 21211, "Invalid 'To' Phone Number")
        if not 1 <= len(form.get("Body", form.get("MediaUrl", ""))) <= 1600:
            raise _Refusal(400, 21617, "The concatenated message body exceeds the 1600 character limit")


@asynccontextmanager
async def fake_twilio(hook: str = "") -> AsyncIterator[FakeTwilio]:
    """Twilio, while the context is open."""
    playing = FakeTwilio(hook=hook)
    async with serving(answering(playing.answer)) as playing.url:
        yield playing

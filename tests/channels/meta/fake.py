"""A Graph API over loopback with one customer. It checks what Meta checks (token, ids, windows, lengths, sizes, pace of a pair, recipients)
and answers in its words; and it can be down, say nothing, refuse, tell things twice, or tell them in the wrong order."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from channels.meta.platforms import Platform
from tests.channels.meta.reading import INSTAGRAM, PAGE, PHONE
from tests.contracts.fakes import post_until_accepted, serving

TOKEN = "EAAtestTokenOfTheFakeGraphApi0001"
APP_SECRET = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
VERIFY = "made-up-by-the-operator"
CUSTOMER = {
    Platform.WHATSAPP: "4915550100017",
    Platform.MESSENGER: "6700000000000001",
    Platform.INSTAGRAM: "9800000000000001",
}
ACCOUNT = {Platform.WHATSAPP: PHONE, Platform.MESSENGER: PAGE, Platform.INSTAGRAM: INSTAGRAM}
BSUID = "DE.90817263544536271809"
DAY = 86_400
_BURST = 45


def signature(body: bytes, secret: str = APP_SECRET) -> dict[str, str]:
    """As Meta signs a call."""
    return {"X-Hub-Signature-256": "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}


class Refused(Exception):
    """What the Graph API answers instead of an object."""

    def __init__(self, code: int, words: str, *, status: int = 400, subcode: int | None = None) -> None:
        super().__init__(words)
        self.status = status
        self.error: dict[str, Any] = {"message": f"(#{code}) {words}", "type": "OAuthException", "code": code}
        if subcode is not None:
            self.error["error_subcode"] = subcode


@dataclass(kw_only=True)
class Got:
    """One message that reached somebody."""

    to: str
    text: str
    given: dict[str, Any]
    file: bytes = b""


@dataclass(kw_only=True)
class FakeMeta:
    """The server and its customers."""

    platform: Platform
    hook: str = ""
    url: str = ""
    down: bool = False
    mute: bool = False
    ago: float = 0.0
    """How many seconds ago the customer says what is told now."""
    refusal: Refused | None = None
    got: list[Got] = field(default_factory=list)
    called: list[tuple[str, str, bytes]] = field(default_factory=list)
    media: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    wrote: dict[str, float] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    names: dict[str, dict[str, str]] = field(default_factory=dict)
    commented: dict[str, str] = field(default_factory=dict)
    statuses: list[dict[str, Any]] = field(default_factory=list)
    _number: int = 0
    _last: bytes = b""
    _spent: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    # -- what a test makes the customer do -----------------------------------------------------------------------------

    @property
    def delivered(self) -> list[str]:
        return [one.text for one in self.got]

    @property
    def customer(self) -> str:
        return CUSTOMER[self.platform]

    def next(self) -> str:
        self._number += 1
        return f"{'wamid.' if self.platform is Platform.WHATSAPP else 'm_'}FAKE{self._number:06d}"

    async def write(self, text: str) -> None:
        self.wrote[self.customer] = time.time() - self.ago
        if self.platform is Platform.WHATSAPP:
            await self.post_update(self._whatsapp(messages=[self._message("text", {"body": text})]))
        else:
            await self.post_update(self._social({"message": {"mid": self.next(), "text": text}}))

    async def picture(self, data: bytes) -> None:
        """Only WhatsApp's pictures lie with the API; those of the others lie at public addresses, which loopback is not."""
        known = f"7000{len(self.media)}"
        self.media[known] = (data, "image/png")
        told = {
            "id": known,
            "mime_type": "image/png",
            "sha256": base64.b64encode(hashlib.sha256(data).digest()).decode(),
        }
        await self.post_update(self._whatsapp(messages=[self._message("image", told)]))

    async def comment(self, text: str) -> str:
        """Somebody says this below a post of the page; the comment's id."""
        known = f"55501_{70_000 + len(self.commented)}"
        self.commented[known] = self.customer
        value = {"from": {"id": "6709", "name": "Lin Zhou"}, "item": "comment", "verb": "add", "message": text}
        post = {"comment_id": known, "post_id": f"{PAGE}_55501", "created_time": int(time.time())}
        change = {"field": "feed", "value": {**value, **post}}
        await self.post_update(
            {"object": "page", "entry": [{"id": PAGE, "time": int(time.time()), "changes": [change]}]}
        )
        return known

    async def again(self) -> None:
        await self._post(self._last)

    async def receipt(self) -> None:
        """Read; and what comes before reading is told after it."""
        if self.platform is Platform.WHATSAPP:
            for status in ("read", "delivered"):
                await self.post_update(self._whatsapp(statuses=[self._status(status, self.statuses[-1])]))
        elif self.platform is Platform.MESSENGER:
            await self.post_update(self._social({"read": {"watermark": int(time.time() * 1000) + 1000}}))
        else:
            await self.post_update(self._social({"read": {"mid": self.statuses[-1]["id"]}}))

    def _message(self, kind: str, told: Mapping[str, Any]) -> dict[str, Any]:
        known = {"from": self.customer, "from_user_id": BSUID, "id": self.next()}
        known["timestamp"] = str(int(time.time() - self.ago))
        return {**known, "type": kind, kind: told}

    def _status(self, status: str, sent: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        known = {"status": status, "timestamp": str(int(time.time())), "recipient_id": sent["to"], "id": sent["id"]}
        return {**known, "biz_opaque_callback_data": sent["own"], **more}

    def _whatsapp(self, **value: Any) -> dict[str, Any]:
        contact = {"profile": {"name": "Lin Zhou"}, "wa_id": self.customer, "user_id": BSUID}
        whole = {
            "messaging_product": "whatsapp",
            "metadata": {"phone_number_id": PHONE},
            "contacts": [contact],
            **value,
        }
        entry = {"id": "900800700600500", "changes": [{"field": "messages", "value": whole}]}
        return {"object": "whatsapp_business_account", "entry": [entry]}

    def _social(self, event: Mapping[str, Any]) -> dict[str, Any]:
        account, now = ACCOUNT[self.platform], int(time.time() * 1000)
        told = {"sender": {"id": self.customer}, "recipient": {"id": account}, "timestamp": now, **event}
        about = "page" if self.platform is Platform.MESSENGER else "instagram"
        return {"object": about, "entry": [{"id": account, "time": now, "messaging": [told]}]}

    async def post_update(self, value: Mapping[str, Any]) -> None:
        self._last = json.dumps(value).encode()
        await self._post(self._last)

    async def _post(self, body: bytes) -> None:
        """Until the house answers 2xx, as Meta does."""
        await post_until_accepted(lambda session: session.post(self.hook, data=body, headers=signature(body)))

    # -- the server ----------------------------------------------------------------------------------------------------

    async def serve(self, request: web.Request) -> web.StreamResponse:
        uploads = request.path.endswith(("/media", "/message_attachments"))
        body = b"" if uploads else await request.read()  # a form is read as a form
        self.called.append((request.method, request.path, body))
        if self.down:
            return web.Response(status=503)
        try:
            if request.headers.get("Authorization") != f"Bearer {TOKEN}":
                raise Refused(190, "Invalid OAuth access token.", status=401)
            if self.refusal is not None:
                raise self.refusal
            return web.json_response(await self._answer(request, body))
        except Refused as refused:
            return web.json_response({"error": {**refused.error, "fbtrace_id": "Atest"}}, status=refused.status)

    async def _answer(self, request: web.Request, body: bytes) -> dict[str, Any]:
        path = request.match_info["path"]
        if request.method == "GET":
            return self._object(path)
        if path.endswith(("/media", "/message_attachments")):
            return await self._upload(request, path)
        mine = f"{PHONE}/messages" if self.platform is Platform.WHATSAPP else "me/messages"
        if path != mine:
            raise Refused(100, "Unsupported post request. Object does not exist", subcode=33)
        return await self._send(json.loads(body))

    def _object(self, path: str) -> dict[str, Any]:
        if path == ACCOUNT[self.platform]:
            return {"id": path}
        if path in self.media:
            data, kind = self.media[path]
            digest = hashlib.sha256(data).hexdigest()
            known = {"id": path, "mime_type": kind, "sha256": digest, "file_size": len(data)}
            return {"messaging_product": "whatsapp", "url": f"{self.url}/files/{path}", **known}
        if path in self.names:
            return {**self.names[path], "id": path}
        raise Refused(100, "Unsupported get request. Object does not exist", subcode=33)

    async def file(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.Response(status=401)
        found = self.media.get(request.match_info["media"])
        return web.Response(status=404) if found is None else web.Response(body=found[0], content_type=found[1])

    async def _upload(self, request: web.Request, path: str) -> dict[str, Any]:
        form = await request.post()
        whatsapp = self.platform is Platform.WHATSAPP
        if path != (f"{PHONE}/media" if whatsapp else "me/message_attachments"):
            raise Refused(100, "Unsupported post request. Object does not exist", subcode=33)
        file = form["file" if whatsapp else "filedata"]
        assert isinstance(file, web.FileField)
        if not file.filename.isascii():
            raise Refused(100, "file names must be ASCII")
        if whatsapp and (form["messaging_product"] != "whatsapp" or form["type"] != file.content_type):
            raise Refused(100, "Param type is not that of the file")
        if self.platform is Platform.INSTAGRAM and form.get("platform") != "instagram":
            raise Refused(100, "Param platform must be instagram")
        known = f"8000{len(self.media)}"
        self.media[known] = (file.file.read(), file.content_type)
        return {"id": known} if whatsapp else {"attachment_id": known}

    async def _send(self, given: dict[str, Any]) -> dict[str, Any]:
        whatsapp = self.platform is Platform.WHATSAPP
        to = self._whatsapp_checked(given) if whatsapp else self._social_checked(given)
        known = self.next()
        if whatsapp:
            self.statuses.append({"id": known, "to": to, "own": given["biz_opaque_callback_data"]})
            failed = self._failed(to, given)
            if failed is not None:
                self.statuses[-1]["failed"] = failed
                return {"messages": [{"id": known}]}
        else:
            self.statuses.append({"id": known, "to": to, "own": ""})
        self.got.append(Got(to=to, text=_words(given), given=given, file=self._attached(given)))
        while self.mute:
            await asyncio.sleep(0.05)
        if whatsapp:
            return {"contacts": [{"input": to, "wa_id": to}], "messages": [{"id": known, "message_status": "accepted"}]}
        return {"recipient_id": to, "message_id": known}

    def _failed(self, to: str, given: Mapping[str, Any]) -> int | None:
        """WhatsApp takes these, and says afterwards that they failed."""
        if to in self.gone:
            return 131026
        closed = time.time() - self.wrote.get(to, 0) > DAY
        return 131047 if closed and given["type"] != "template" else None

    async def report_failures(self) -> None:
        """The statuses of what was taken and failed."""
        for sent in [one for one in self.statuses if "failed" in one]:
            errors = [{"code": sent["failed"], "title": "Message undeliverable"}]
            await self.post_update(self._whatsapp(statuses=[self._status("failed", sent, errors=errors)]))

    def _whatsapp_checked(self, given: Mapping[str, Any]) -> str:
        if given.get("messaging_product") != "whatsapp":
            raise Refused(100, "The parameter messaging_product is required.")
        to = str(given.get("to") or given.get("recipient") or "")
        if not to or ("to" in given and not to.isdigit()):
            raise Refused(131009, "Parameter value is not valid")
        body = given[given["type"]]
        interactive = body if given["type"] == "interactive" else {}
        action = interactive.get("action", {})
        titles = [one["reply"]["title"] for one in action.get("buttons", [])]
        rows = [row["title"] for section in action.get("sections", []) for row in section["rows"]]
        fine = (
            len(body.get("body", "") if given["type"] == "text" else "") <= 4096,
            len(body.get("caption", "")) <= 1024 and not (given["type"] == "audio" and "caption" in body),
            len(interactive.get("body", {}).get("text", "")) <= 1024,
            len(titles) <= 3 and all(1 <= len(title) <= 20 for title in titles),
            len(rows) <= 10 and all(1 <= len(row) <= 24 for row in rows),
            len(action.get("button", "")) <= 20,
        )
        if not all(fine):
            raise Refused(131009, "Parameter value is not valid")
        self._paced(to)
        return to

    def _paced(self, to: str) -> None:
        """One in six seconds to the same person; a burst is let through."""
        now = time.monotonic()
        self._spent[to] = [at for at in self._spent[to] if now - at < 6 * _BURST]
        if len(self._spent[to]) >= _BURST:
            raise Refused(131056, "pair rate limit hit", status=429)
        self._spent[to].append(now)

    def _social_checked(self, given: Mapping[str, Any]) -> str:
        recipient, message = given["recipient"], given["message"]
        text = message.get("text", "")
        instagram = self.platform is Platform.INSTAGRAM
        if (len(text.encode()) > 1000) if instagram else (len(text) > 2000):
            raise Refused(100, "Length of param message[text] is too long", subcode=2018000)
        replies = message.get("quick_replies", [])
        if len(replies) > 13 or not all(1 <= len(one["title"]) <= 20 for one in replies):
            raise Refused(100, "Param quick_replies is not valid")
        if "comment_id" in recipient or "post_id" in recipient:
            return self._private(recipient.get("comment_id") or recipient["post_id"])
        to = str(recipient["id"])
        if to in self.gone or to not in self.wrote:
            raise Refused(100, "No matching user found", subcode=2018001)
        self._within(given, time.time() - self.wrote[to])
        return to

    def _within(self, given: Mapping[str, Any], since: float) -> None:
        allowed = 7 * DAY if given.get("tag") == "HUMAN_AGENT" and given["messaging_type"] == "MESSAGE_TAG" else DAY
        if since > allowed:
            raise Refused(10, "This message is sent outside of allowed window.", status=403, subcode=2018278)

    def _private(self, comment: str) -> str:
        if comment not in self.commented:
            raise Refused(100, "Invalid parameter: no such comment")
        author = self.commented[comment]
        if not author:
            raise Refused(10900, "Activity already replied to")
        self.commented[comment] = ""
        return author

    def _attached(self, given: Mapping[str, Any]) -> bytes:
        if self.platform is Platform.WHATSAPP:
            body = given[given["type"]]
            return self.media[body["id"]][0] if "id" in body else b""
        payload = given["message"].get("attachment", {}).get("payload", {})
        return self.media[payload["attachment_id"]][0] if payload else b""


def _words(given: Mapping[str, Any]) -> str:
    """What the customer reads."""
    if "message" in given:
        return str(given["message"].get("text", ""))
    body = given[given["type"]]
    if given["type"] == "template":
        told = [one["text"] for part in body["components"] for one in part["parameters"]]
        return f"{body['name']}({', '.join(told)})"
    words = body.get("body", body.get("caption", ""))
    return str(words["text"] if isinstance(words, dict) else words)


@asynccontextmanager
async def graph(platform: Platform, hook: str = "") -> AsyncIterator[FakeMeta]:
    """A Graph API that runs while the context is open."""
    playing = FakeMeta(platform=platform, hook=hook)
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_get("/files/{media}", playing.file)
    app.router.add_route("*", "/v25.0/{path:.*}", playing.serve)
    async with serving(app) as playing.url:
        try:
            yield playing
        finally:
            playing.mute = False


def settings(platform: Platform, **more: Any) -> dict[str, Any]:
    """What an operator writes for such an account."""
    known = {"platform": platform.value, "id": ACCOUNT[platform], "token": TOKEN}
    return {**known, "app_secret": APP_SECRET, "verify_token": VERIFY, **more}

"""A Bot API server over loopback. It checks what Telegram checks (token, webhook address and secret, lengths, sizes, pace, chats,
queries) and answers in its words; and it can be down, say nothing, ask for a pause, hand out updates again or lose a group's id."""

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from tests.contracts.fakes import post_until_accepted, serving

TOKEN = "123456789:TESTtoken_of-the-fake-Bot-API-0001"
SECRET = "a-secret_for-the-webhook"
CUSTOMER = 5001
GROUP = -4001
SUPERGROUP = -1004001
BEGAN = 1_795_399_200
_KINDS = ("message", "edited_message", "callback_query", "message_reaction", "my_chat_member")
_PICTURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF")
_BURST = 5


class Refused(Exception):
    """What the Bot API answers instead of a result."""

    def __init__(self, status: int, description: str, **parameters: int) -> None:
        super().__init__(description)
        self.answer = {"ok": False, "error_code": status, "description": description}
        if parameters:
            self.answer["parameters"] = parameters
        self.status = status


@dataclass(kw_only=True)
class Got:
    """One message that reached a customer."""

    method: str
    chat: int
    text: str
    given: dict[str, Any]
    file: bytes = b""
    name: str = ""


@dataclass
class FakeTelegram:
    """The server and its customers. `hook` is where the house really is; Telegram is told an address of its own."""

    hook: str = ""
    url: str = ""
    down: bool = False
    mute: bool = False
    flood: int = 0
    paced: bool = True
    got: list[Got] = field(default_factory=list)
    called: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    blocked: set[int] = field(default_factory=set)
    gone: set[int] = field(default_factory=set)
    migrated: bool = False
    files: dict[str, bytes] = field(default_factory=dict)
    webhook: dict[str, Any] = field(default_factory=dict)
    answered: list[str] = field(default_factory=list)
    queries: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.updates: list[dict[str, Any]] = []
        self.stubborn: list[dict[str, Any]] = []
        self.confirmed = 0
        self.allowed: list[str] = list(_KINDS)
        self._number = 7000
        self._message = 100
        self._news = asyncio.Event()
        self._poll = 0
        self._spent: dict[int, list[float]] = defaultdict(list)
        self._last: dict[str, Any] = {}

    # -- what a test makes the customer do -----------------------------------------------------------------------------

    @property
    def delivered(self) -> list[str]:
        return [one.text for one in self.got]

    async def write(self, text: str, **more: Any) -> None:
        await self.post_update(message=self.message(text=text, **more))

    async def picture(self, data: bytes) -> None:
        await self.post_update(message=self.message(photo=self.photo(data)))

    async def press(self, button: Mapping[str, Any], question: Got) -> None:
        query = f"q{self._number}"
        self.queries.add(query)
        below = {**self.message(text=question.text), "reply_markup": json.loads(question.given["reply_markup"])}
        person = {"id": CUSTOMER, "is_bot": False, "first_name": "Lin", "language_code": "zh-hans"}
        pressed = {"id": query, "from": person, "message": below, "chat_instance": "1", "data": button["callback_data"]}
        await self.post_update(callback_query=pressed)

    async def again(self) -> None:
        """As if the confirmation, or the answer, had been lost."""
        self.stubborn.append(self._last)
        self._wake()

    async def receipt(self) -> None:
        raise AssertionError("Telegram tells nobody what was read")

    def photo(self, data: bytes) -> list[dict[str, Any]]:
        self.files["photo-large"] = data
        small = {"file_id": "photo-small", "file_unique_id": "s", "width": 90, "height": 60, "file_size": 900}
        large = {"file_id": "photo-large", "file_unique_id": "l", "width": 1280, "height": 853, "file_size": len(data)}
        return [small, large]

    def message(self, chat: int = CUSTOMER, **more: Any) -> dict[str, Any]:
        self._message += 1
        person = {"id": CUSTOMER, "is_bot": False, "first_name": "Lin", "language_code": "zh-hans"}
        where = {"id": chat, "type": "private", "first_name": "Lin"} if chat > 0 else {"id": chat, "type": "group"}
        return {"message_id": self._message, "from": person, "chat": where, "date": BEGAN + self._message, **more}

    async def post_update(self, **update: Any) -> None:
        """Kept until it is fetched, or brought until it is taken."""
        self._number += 1
        self._last = {"update_id": self._number, **update}
        if set(update) & set(self.allowed):
            self.updates.append(self._last)
            self._wake()

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def bring(self) -> None:
        """Where there is a webhook, what waits is brought there, one after the other."""
        while True:
            news = self._news
            while self.webhook and (waiting := [*self.stubborn, *self.updates]):
                await self._bring(waiting[0])
                (self.stubborn or self.updates).remove(waiting[0])
            await news.wait()

    async def _bring(self, update: Mapping[str, Any]) -> None:
        headers = {"X-Telegram-Bot-Api-Secret-Token": self.webhook["secret_token"]}
        self._in_answer(
            await post_until_accepted(lambda session: session.post(self.hook, json=update, headers=headers))
        )

    def _in_answer(self, body: bytes) -> None:
        told = json.loads(body) if body else {}
        if told.get("method") == "answerCallbackQuery":
            self.answered.append(told["callback_query_id"])

    # -- the server ----------------------------------------------------------------------------------------------------

    async def serve(self, request: web.Request) -> web.StreamResponse:
        if self.down:
            return web.Response(status=503)
        if request.match_info["token"] != TOKEN:
            return _json({"ok": False, "error_code": 401, "description": "Unauthorized"}, 401)
        method = request.match_info["method"].lower()
        given, files = await _form(request)
        self.called.append((method, given))
        answer = getattr(self, f"do_{method}", None)
        try:
            if answer is None:
                raise Refused(404, "Not Found")
            result = await answer(given, files)
        except Refused as refused:
            return _json(refused.answer, refused.status)
        if self.mute and method.startswith("send"):
            await asyncio.sleep(3600)
        return _json({"ok": True, "result": result})

    async def file(self, request: web.Request) -> web.StreamResponse:
        if self.down:
            return web.Response(status=503)
        if request.match_info["token"] != TOKEN:
            return web.Response(status=401)
        data = self.files.get(request.match_info["path"].removeprefix("photos/"))
        return web.Response(status=404) if data is None else web.Response(body=data)

    async def do_getme(self, given: dict[str, Any], files: Any) -> Any:
        return {"id": 123456789, "is_bot": True, "first_name": "Wallet", "username": "wallet_test_bot"}

    async def do_setwebhook(self, given: dict[str, Any], files: Any) -> Any:
        where = urlsplit(given["url"])
        if where.scheme != "https":
            raise Refused(400, "Bad Request: bad webhook: An HTTPS URL must be provided for webhook")
        if (where.port or 443) not in (443, 80, 88, 8443):
            raise Refused(400, "Bad Request: bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443")
        self.webhook, self.allowed = given, json.loads(given["allowed_updates"])
        self._wake()
        return True

    async def do_getwebhookinfo(self, given: dict[str, Any], files: Any) -> Any:
        waiting = len(self.updates) + len(self.stubborn)
        fault = {"last_error_message": "Wrong response from the webhook: 503"} if waiting else {}
        return {"url": self.webhook.get("url", ""), "pending_update_count": waiting, **fault}

    async def do_deletewebhook(self, given: dict[str, Any], files: Any) -> Any:
        self.webhook = {}
        return True

    async def do_getupdates(self, given: dict[str, Any], files: Any) -> Any:
        if self.webhook:
            words = "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
            raise Refused(409, words)
        self._poll += 1
        mine = self._poll
        self._wake()
        self.allowed = json.loads(given["allowed_updates"])
        self.confirmed = max(self.confirmed, int(given.get("offset", 0)))
        self.updates = [one for one in self.updates if one["update_id"] >= self.confirmed]
        until = time.monotonic() + int(given["timeout"])
        while not (self.updates or self.stubborn) and (left := until - time.monotonic()) > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._news.wait()
            if mine != self._poll:
                raise Refused(
                    409,
                    "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
                )
        again, self.stubborn = self.stubborn, []
        return [*again, *self.updates][: int(given["limit"])]

    async def do_sendmessage(self, given: dict[str, Any], files: Any) -> Any:
        text = given.get("text", "")
        if not text.strip():
            raise Refused(400, "Bad Request: message text is empty")
        if len(text.encode("utf-16-le")) // 2 > 4096:
            raise Refused(400, "Bad Request: message is too long")
        for row in json.loads(given.get("reply_markup", "{}")).get("inline_keyboard", []):
            for button in row:
                if not 1 <= len(button["callback_data"].encode()) <= 64:
                    raise Refused(400, "Bad Request: BUTTON_DATA_INVALID")
        return self._reach(Got(method="sendMessage", chat=self._chat(given), text=text, given=given))

    async def do_sendphoto(self, given: dict[str, Any], files: dict[str, tuple[str, bytes]]) -> Any:
        name, data = files["photo"]
        if len(data) > 10_000_000:
            raise Refused(400, "Bad Request: file is too big")
        if not data.startswith(_PICTURES):
            raise Refused(400, "Bad Request: IMAGE_PROCESS_FAILED")
        return self._with_caption("sendPhoto", given, name, data)

    async def do_senddocument(self, given: dict[str, Any], files: dict[str, tuple[str, bytes]]) -> Any:
        name, data = files["document"]
        if len(data) > 50_000_000:
            raise Refused(413, "Request Entity Too Large")
        return self._with_caption("sendDocument", given, name, data)

    def _with_caption(self, method: str, given: dict[str, Any], name: str, data: bytes) -> Any:
        caption = given.get("caption", "")
        if len(caption.encode("utf-16-le")) // 2 > 1024:
            raise Refused(400, "Bad Request: message caption is too long")
        return self._reach(Got(method=method, chat=self._chat(given), text=caption, given=given, file=data, name=name))

    def _chat(self, given: dict[str, Any]) -> int:
        try:
            chat = int(given["chat_id"])
        except ValueError:
            raise Refused(400, "Bad Request: chat not found") from None
        if self.flood:
            raise Refused(429, f"Too Many Requests: retry after {self.flood}", retry_after=self.flood)
        if chat == GROUP and self.migrated:
            raise Refused(
                400, "Bad Request: group chat was upgraded to a supergroup chat", migrate_to_chat_id=SUPERGROUP
            )
        if chat in self.gone:
            raise Refused(403, "Forbidden: user is deactivated")
        if chat in self.blocked:
            raise Refused(403, "Forbidden: bot was blocked by the user")
        if chat not in (CUSTOMER, GROUP, SUPERGROUP):
            raise Refused(400, "Bad Request: chat not found")
        self._check_rate(chat)
        return chat

    def _check_rate(self, chat: int) -> None:
        """One message a second, and a few at once."""
        now = time.monotonic()
        lately = [at for at in self._spent[chat] if now - at < _BURST]
        if self.paced and len(lately) >= _BURST:
            raise Refused(429, "Too Many Requests: retry after 1", retry_after=1)
        self._spent[chat] = [*lately, now]

    def _reach(self, got: Got) -> dict[str, Any]:
        self.got.append(got)
        return {**self.message(got.chat), "text": got.text}

    async def do_answercallbackquery(self, given: dict[str, Any], files: Any) -> Any:
        if given["callback_query_id"] not in self.queries:
            raise Refused(400, "Bad Request: query is too old and response timeout expired or query ID is invalid")
        self.answered.append(given["callback_query_id"])
        return True

    async def do_getfile(self, given: dict[str, Any], files: Any) -> Any:
        data = self.files.get(given["file_id"])
        if data is None:
            raise Refused(400, "Bad Request: wrong file_id or the file is temporarily unavailable")
        if len(data) > 20_000_000:
            raise Refused(400, "Bad Request: file is too big")
        return {"file_id": given["file_id"], "file_size": len(data), "file_path": f"photos/{given['file_id']}"}


async def _form(request: web.Request) -> tuple[dict[str, Any], dict[str, tuple[str, bytes]]]:
    given: dict[str, Any] = {}
    files: dict[str, tuple[str, bytes]] = {}
    for name, value in (await request.post()).items():
        if isinstance(value, web.FileField):
            files[name] = (value.filename, value.file.read())
        else:
            given[name] = value
    return given, files


def _json(body: object, status: int = 200) -> web.Response:
    return web.json_response(body, status=status)


@asynccontextmanager
async def telegram(hook: str = "") -> AsyncIterator[FakeTelegram]:
    """A server that runs while the context is open."""
    playing = FakeTelegram(hook=hook)
    app = web.Application(client_max_size=60_000_000)
    app.router.add_route("*", "/bot{token}/{method}", playing.serve)
    app.router.add_get("/file/bot{token}/{path:.+}", playing.file)
    async with serving(app, shutdown_timeout=0.1) as playing.url:
        bringing = asyncio.create_task(playing.bring())
        try:
            yield playing
        finally:
            bringing.cancel()
            with suppress(asyncio.CancelledError):
                await bringing

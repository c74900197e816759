"""One account of the `telegram` kind: a bot that is polled or has a webhook, and sends."""

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from channels.account_files import bytes_of
from channels.base_account import BaseAccount
from channels.file_types import safe_name
from channels.rate_limits import RateLimit, RateLimits
from channels.send_segments import recording, sendable
from channels.signatures import must_match
from channels.telegram import normalize, render
from channels.telegram.client import DOWNLOAD_LIMIT, Client, Migrated
from channels.telegram.polling import LEASE, Polling
from channels.telegram.settings import Mode, Settings
from conversation.errors import (
    ChannelMisconfigured,
    PermanentFailure,
    RateLimited,
    SignatureRejected,
    StoreError,
    TransientFailure,
    Unknown,
)
from conversation.model.capabilities import Can
from conversation.model.message import PROVIDER, Accepted, Attachment, ContactChanged, InboundEvent
from conversation.model.outbound import OutboundMessage, Receipt
from conversation.model.people import Identity, WorkKind
from conversation.ports.channel import Fetched, Inbox, Reply, Request, Tools

PATIENCE = 10.0  # seconds that Telegram holds a question for updates: well within the lease
HEADER = "x-telegram-bot-api-secret-token"

_LONGEST_SENDING = (
    10.0  # seconds after which no further part is begun: the sender allows 45 for all, and one upload takes 28
)
_WATCH = 60.0
_BURST = 3
_GROUP_PER_SECOND = 20 / 60
_CHOICES = 100
_CONNECTIONS = 40


class TelegramAccount(BaseAccount):
    """Implements the ports `Channel`, `Webhook` and `Media`."""

    def __init__(self, name: str, settings: Settings, tools: Tools, *, patience: float = PATIENCE) -> None:
        can = Can(
            work=WorkKind.MESSAGE,
            attachments=True,
            attachment_bytes=render.UPLOAD,
            length=render.TEXT,
            length_unit=render.UNIT,
            choices=_CHOICES,
        )
        super().__init__(name, tools, can)
        self.settings = settings
        self._patience = patience
        self._owner = tools.owner
        self.client = Client(settings.token.get_secret_value(), settings.api, tools.http, tools.clock)
        self._rate_limit = RateLimit(tools.clock, settings.pace, burst=_BURST)
        self._chat_limits = RateLimits(tools.clock, 1.0, burst=_BURST)
        self._group_limits = RateLimits(tools.clock, _GROUP_PER_SECOND, burst=_BURST)
        self._inbox: Inbox | None = None
        self._holds = False
        self._detail = ""
        self._nothing_waited: float | None = tools.clock.monotonic()

    def status_text(self) -> str:
        """The progress of reading."""
        return self._detail

    def set_status(self, detail: str) -> None:
        """Set what `status_text` returns from now on."""
        self._detail = detail

    def lag(self) -> float | None:
        """Seconds since nothing waited at Telegram; None where it brings updates itself, or another node reads."""
        since = self._nothing_waited
        return None if since is None or self._is_brought else self.tools.clock.monotonic() - since

    def caught_up(self) -> None:
        """Nothing waits at Telegram now."""
        self._nothing_waited = self.tools.clock.monotonic()

    # -- life ----------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Check the token, and choose how updates come."""
        await self.prove()
        try:
            if self._is_brought:
                await self.client.call("setWebhook", self._hook())
            else:
                await self.client.call("deleteWebhook", {"drop_pending_updates": False})
        except PermanentFailure as error:
            raise ChannelMisconfigured(error.detail) from None

    async def prove(self) -> str:
        """Whose token it is."""
        try:
            me = await self.client.call("getMe", {})
        except PermanentFailure as error:
            raise ChannelMisconfigured(error.detail) from None
        name = me.get("username") if isinstance(me, dict) else None
        return f"Telegram takes the token of @{name or 'the bot'}"

    @property
    def _is_brought(self) -> bool:
        return self.settings.mode is Mode.WEBHOOK

    def _hook(self) -> dict[str, Any]:
        secret = self.settings.secret
        return {
            "url": self.settings.hook_url or self.hook_url,
            "secret_token": secret.get_secret_value() if secret else "",
            "allowed_updates": list(normalize.ASKED_FOR),
            "max_connections": _CONNECTIONS,
            "drop_pending_updates": False,
        }

    async def listen(self, inbox: Inbox) -> None:
        """Until cancelled; of several nodes one polls, the others wait for its end."""
        self._inbox = inbox
        while self._is_brought:
            await self._watch()
            await asyncio.sleep(_WATCH)
        while not await self.holds():
            self.set_status("another node reads this bot's updates")
            self._nothing_waited = None
            await asyncio.sleep(LEASE.total_seconds() / 6)
        if self._nothing_waited is None:
            self.caught_up()  # whoever read before us had; from here on it is ours
        await Polling(self, inbox, patience=self._patience).read()

    async def _watch(self) -> None:
        """Another holder of the token may have removed the webhook: the next start registers it."""
        info = await self.client.call("getWebhookInfo", {})
        if not isinstance(info, dict) or info.get("url") != self._hook()["url"]:
            raise TransientFailure("the webhook was taken away, or leads elsewhere")
        fault = info.get("last_error_message")
        words = f"; Telegram met last: {str(fault)[:200]}" if fault else ""
        self.set_status(f"{info.get('pending_update_count', 0)} updates wait at Telegram{words}")

    async def holds(self) -> bool:
        """Whether this node is the one that polls; renews the lease."""
        self._holds = await self.tools.state.lease("updates", self._owner, LEASE) is not None
        return self._holds

    async def stop(self) -> None:
        """Give the lease back. The webhook stays: what comes meanwhile waits at Telegram."""
        if self._holds:
            with suppress(StoreError):  # it runs out by itself
                await self.tools.state.release("updates", self._owner)
            self._holds = False

    # -- in ------------------------------------------------------------------------------------------------------------

    def verify(self, request: Request) -> None:
        """Telegram shows the secret that it was given with the webhook. It signs nothing."""
        secret = self.settings.secret
        if secret is None or not self._is_brought:
            raise SignatureRejected("this account has no webhook")
        must_match(request.headers.get(HEADER, ""), secret.get_secret_value(), what="the secret token")

    def normalize(self, request: Request) -> Sequence[InboundEvent]:
        """The events of one update."""
        return self._events(request.body, request.received_at)

    def read(self, raw: bytes) -> Sequence[InboundEvent]:
        """The same, of an update that was fetched."""
        return self._events(raw, self.tools.clock.now())

    def _events(self, raw: bytes, at: datetime) -> Sequence[InboundEvent]:
        settings = self.settings
        return normalize.events(raw, channel=self._name, received_at=at, groups=settings.groups, key=settings.key())

    def answer(self, request: Request, accepted: Sequence[Accepted]) -> Reply:  # noqa: ARG002 the port names it
        """Always 200: what cannot be read is quarantined, and Telegram would repeat it otherwise. A pressed button stops spinning."""
        pressed = [one.external_id for one in accepted if one.external_id.startswith(normalize.PRESSED)]
        if not pressed:
            return Reply()
        query = pressed[0].removeprefix(normalize.PRESSED)
        return Reply(body=json.dumps({"method": "answerCallbackQuery", "callback_query_id": query}).encode())

    async def fetch(self, attachment: Attachment) -> Fetched:
        """The bytes of a file that a customer sent."""
        file_id = (attachment.url or "").removeprefix(PROVIDER)
        if attachment.size > DOWNLOAD_LIMIT or not file_id:
            raise PermanentFailure("Telegram does not hand out files of this size", code="too_large")
        return await self.client.fetch(file_id)

    # -- out -----------------------------------------------------------------------------------------------------------

    async def send(self, message: OutboundMessage) -> Receipt:
        """Each part once; a try after a failure begins behind what had left."""
        sent, chat = list(message.sent), message.to.address
        began = self.tools.clock.monotonic()
        with recording(sent):
            for call in sendable(render.calls(message))[len(sent) :]:
                self._in_time(began)
                chat = await self._delivered(call, chat, message.to, sent)
        return Receipt(external_ids=tuple(sent))

    def _in_time(self, began: float) -> None:
        """A very long answer goes on in another try, so that what has left is never forgotten."""
        if self.tools.clock.monotonic() - began > _LONGEST_SENDING:
            raise RateLimited("the rest follows", retry_after=timedelta(seconds=1), whole_account=False)

    async def _delivered(self, call: render.BotApiCall, chat: str, to: Identity, sent: list[str]) -> str:
        """The chat that took it: a group may have got another id."""
        try:
            number = await self._one(call, chat)
        except Migrated as moved:
            await self._report_new_address(to, moved.chat)
            chat = moved.chat
            number = await self._retry(call, chat)
        sent.append(f"{chat}:{number}")
        return chat

    async def _retry(self, call: render.BotApiCall, chat: str) -> int:
        try:
            return await self._one(call, chat)
        except Migrated:
            raise TransientFailure("the group's new id has another new id") from None

    async def _one(self, call: render.BotApiCall, chat: str) -> int:
        given = {"chat_id": chat, **call.given}
        data = await bytes_of(self.tools, call.file, limit=render.UPLOAD) if call.file is not None else b""
        await (self._group_limits if chat.startswith("-") else self._chat_limits).turn(chat)
        await self._rate_limit.turn()
        if call.file is None:
            return _number(await self.client.call(call.method, given))
        name = safe_name(call.file.name)
        try:
            return _number(await self.client.upload(call.method, given, call.field, name, data))
        except PermanentFailure as error:
            if call.field != "photo" or error.code not in ("refused", "too_large"):
                raise
        plain = call.as_document()  # a picture that Telegram cannot show is still a file
        return _number(await self.client.upload(plain.method, given, plain.field, name, data))

    async def _report_new_address(self, sender: Identity, chat: str) -> None:
        """The next message goes there at once. Where the store cannot hear it, the next one meets the same answer."""
        if self._inbox is None:
            return
        moved = ContactChanged(
            channel=self._name,
            external_id=f"moved:{sender.address}:{chat}",
            sender=sender,
            received_at=self.tools.clock.now(),
            new_address=chat,
        )
        with suppress(StoreError):
            await self._inbox.accept([moved])


def _number(result: Any) -> int:
    number = result.get("message_id") if isinstance(result, dict) else None
    if not isinstance(number, int):
        raise Unknown("Telegram took it, but its answer names no message")
    return number

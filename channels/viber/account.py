"""One account of the `viber` kind: registers the webhook, verifies and reads what Viber posts, sends answers."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any

from channels.base_account import BaseAccount
from channels.public_files import BYTES, can_share, shared
from channels.rate_limits import RateLimit
from channels.send_segments import in_turn
from channels.signatures import must_match
from channels.viber import normalize, render
from channels.viber.errors import status_of
from channels.viber.settings import Settings
from conversation.model.capabilities import Can
from conversation.model.message import Accepted, InboundEvent
from conversation.model.outbound import OutboundMessage, Receipt
from conversation.model.people import WorkKind
from conversation.ports.channel import Inbox, Reply, Request, Tools

HEADER = "x-viber-content-signature"
TIMEOUT = 15.0


class ViberAccount(BaseAccount):
    """Implements the ports `Channel` and `Webhook`. The webhook stays after `stop`: Viber repeats its calls for an hour."""

    def __init__(self, name: str, settings: Settings, tools: Tools) -> None:
        can = Can(
            work=WorkKind.MESSAGE,
            receipts=True,
            length=render.TEXT,
            choices=render.CHOICES,
            attachments=can_share(tools.public_url),
            attachment_bytes=BYTES,
        )
        super().__init__(name, tools, can)
        self._settings = settings
        self._rate_limit = RateLimit(tools.clock, settings.pace, burst=10)
        self._sender = {"name": settings.sender} | ({"avatar": settings.avatar} if settings.avatar else {})

    async def prove(self) -> str:
        """Whose token it is."""
        answer = await self._ask("get_account_info", b"{}")
        return f"Viber takes the token of {answer.get('name', 'the bot')}"

    async def listen(self, inbox: Inbox) -> None:
        """Register the webhook, which Viber calls at once; then run until cancelled."""
        await self._ask("set_webhook", render.webhook(self.hook_url))
        await super().listen(inbox)

    # -- in ------------------------------------------------------------------------------------------------------------

    def verify(self, request: Request) -> None:
        """HMAC-SHA256 in hex over the raw bytes: https://developers.viber.com/docs/api/rest-bot-api/#callbacks."""
        wanted = hmac.new(self._token.encode(), request.body, hashlib.sha256).hexdigest()
        must_match(request.headers.get(HEADER, "").lower(), wanted)

    def normalize(self, request: Request) -> Sequence[InboundEvent]:
        """The events of this call."""
        return normalize.events(request.body, channel=self._name, received_at=request.received_at)

    def answer(self, request: Request, accepted: Sequence[Accepted]) -> Reply:  # noqa: ARG002 the port names them
        """200. Whoever opens the chat is welcomed in this very answer: they may not be written to before they write."""
        if self._settings.welcome is not None and normalize.opened(request.body):
            return Reply(body=render.welcome(self._settings.welcome, self._sender))
        return Reply()

    # -- out -----------------------------------------------------------------------------------------------------------

    async def send(self, message: OutboundMessage) -> Receipt:
        """One call for each part; a try after a failure begins behind what had left. Viber knows no idempotency key."""
        bodies = render.messages(message, self._sender, await shared(self.tools, message.attachments))
        return await in_turn(message, bodies, self._delivered)

    async def _delivered(self, body: bytes) -> str | None:
        await self._rate_limit.turn()
        answer = await self._ask("send_message", body)
        return str(answer["message_token"]) if "message_token" in answer else None

    async def _ask(self, what: str, body: bytes) -> Mapping[str, Any]:
        headers = {"content-type": "application/json", "x-viber-auth-token": self._token}
        answer = await self.tools.http.request(
            "POST", f"{self._settings.api}/pa/{what}", body=body, headers=headers, timeout=TIMEOUT, trusted=True
        )
        return status_of(answer, self.tools.clock)

    @property
    def _token(self) -> str:
        return self._settings.token.get_secret_value()

"""One account of the `viber` kind: verifies and reads what Viber posts, tells Viber where to post it, sends answers."""

import asyncio
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any

from channels.public_files import BYTES, can_share, shared
from channels.rate_limits import Pace
from channels.send_segments import in_turn
from channels.viber import normalize, render
from channels.viber.errors import status_of
from channels.viber.settings import Settings
from conversation.errors import PermanentFailure, SignatureRejected
from conversation.model.capabilities import Can
from conversation.model.message import Accepted, InboundEvent
from conversation.model.outbound import OutboundMessage, Receipt
from conversation.model.people import WorkKind
from conversation.ports.channel import Inbox, Reply, Request, Tools

HEADER = "x-viber-content-signature"
TIMEOUT = 15.0


class ViberAccount:
    """Implements the ports `Channel` and `Webhook`."""

    def __init__(self, name: str, settings: Settings, tools: Tools) -> None:
        self._name = name
        self._settings = settings
        self._tools = tools
        self._pace = Pace(tools.clock, settings.pace, burst=10)
        self._sender = {"name": settings.sender} | ({"avatar": settings.avatar} if settings.avatar else {})
        self._can = Can(
            work=WorkKind.MESSAGE,
            receipts=True,
            length=render.TEXT,
            choices=render.CHOICES,
            attachments=can_share(tools.public_url),
            attachment_bytes=BYTES,
        )

    def __repr__(self) -> str:
        return f"ViberAccount({self._name!r})"

    @property
    def name(self) -> str:
        """The account's name in the configuration."""
        return self._name

    @property
    def can(self) -> Can:
        """Texts, buttons, receipts and files. Viber takes files by public address only."""
        return self._can

    async def start(self) -> None:
        """Prove the token."""
        await self.prove()

    async def prove(self) -> str:
        """Whose token it is."""
        answer = await self._ask("get_account_info", b"{}")
        return f"Viber takes the token of {answer.get('name', 'the bot')}"

    async def listen(self, inbox: Inbox) -> None:  # noqa: ARG002 what arrives comes through the hooks
        """Tell Viber where to post, which it tries at once; then stay until cancelled."""
        await self._ask("set_webhook", render.webhook(f"{self._tools.public_url}/hooks/{self._name}"))
        await asyncio.Event().wait()

    async def stop(self) -> None:
        """Nothing to let go of. The webhook stays: what is said meanwhile is told for an hour."""

    # -- in ------------------------------------------------------------------------------------------------------------

    def verify(self, request: Request) -> None:
        """HMAC-SHA256 in hex over the raw bytes: https://developers.viber.com/docs/api/rest-bot-api/#callbacks."""
        wanted = hmac.new(self._token.encode(), request.body, hashlib.sha256).hexdigest()
        shown = request.headers.get(HEADER, "").lower().encode(errors="surrogateescape")
        if not hmac.compare_digest(shown, wanted.encode()):
            raise SignatureRejected("the signature is missing or wrong")

    def normalize(self, request: Request) -> Sequence[InboundEvent]:
        """What this call tells."""
        return normalize.events(request.body, channel=self._name, received_at=request.received_at)

    def answer(self, request: Request, accepted: Sequence[Accepted]) -> Reply:  # noqa: ARG002 the port names them
        """200. Whoever opens the chat is welcomed in this very answer: they may not be written to before they write."""
        if self._settings.welcome is not None and normalize.opened(request.body):
            return Reply(body=render.welcome(self._settings.welcome, self._sender))
        return Reply()

    # -- out -----------------------------------------------------------------------------------------------------------

    async def send(self, message: OutboundMessage) -> Receipt:
        """One call for each part; a try after a failure begins behind what had left. Viber knows no idempotency key."""
        bodies = render.messages(message, self._sender, await shared(self._tools, message.attachments))
        if not bodies:
            raise PermanentFailure("there is nothing to send", code="unsupported")
        return await in_turn(message, bodies, self._delivered)

    async def _delivered(self, body: bytes) -> str | None:
        await self._pace.turn()
        answer = await self._ask("send_message", body)
        return str(answer["message_token"]) if "message_token" in answer else None

    async def _ask(self, what: str, body: bytes) -> Mapping[str, Any]:
        headers = {"content-type": "application/json", "x-viber-auth-token": self._token}
        answer = await self._tools.http.request(
            "POST", f"{self._settings.api}/pa/{what}", body=body, headers=headers, timeout=TIMEOUT, trusted=True
        )
        return status_of(answer, self._tools.clock)

    @property
    def _token(self) -> str:
        return self._settings.token.get_secret_value()

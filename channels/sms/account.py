"""One account of the `sms` kind: verifies and reads what Twilio posts, sends answers, fetches pictures."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from channels import twilio_signature as twilio
from channels.account_files import provider_name
from channels.base_account import BaseAccount
from channels.public_files import BYTES, can_share, shared
from channels.rate_limits import RateLimit
from channels.reply_window import must_be_lawful
from channels.send_segments import in_turn
from channels.sms import normalize, render
from channels.sms.errors import success_of
from channels.sms.settings import Settings
from conversation.model.capabilities import Can
from conversation.model.message import Accepted, Attachment, InboundEvent
from conversation.model.outbound import OutboundMessage, Receipt
from conversation.model.people import WorkKind
from conversation.ports.channel import Fetched, Reply, Request, Tools

TIMEOUT = 15.0
FETCH_TIMEOUT = 60.0
FETCH_LIMIT = 20_000_000

_EMPTY_RESPONSE = b'<?xml version="1.0" encoding="UTF-8"?><Response/>'


class SmsAccount(BaseAccount):
    """Implements the ports `Channel`, `Webhook` and `Media`."""

    def __init__(self, name: str, settings: Settings, tools: Tools) -> None:
        by_whatsapp = (settings.number or "").startswith(normalize.WHATSAPP)
        can = Can(
            work=WorkKind.MESSAGE,
            receipts=settings.receipts,
            length=render.TEXT,
            reply_window=normalize.WINDOW if by_whatsapp else None,
            attachments=can_share(tools.public_url),
            attachment_bytes=BYTES,
            forgeable=not by_whatsapp,
        )
        super().__init__(name, tools, can)
        self._settings = settings
        self._rate_limit = RateLimit(tools.clock, settings.pace, burst=5)
        self._mms = settings.mms or by_whatsapp

    async def prove(self) -> str:
        """By asking for the account itself."""
        await self._ask("GET", f"/2010-04-01/Accounts/{self._settings.account}.json")
        return f"Twilio takes the token of {self._settings.account}"

    # -- in ------------------------------------------------------------------------------------------------------------

    def verify(self, request: Request) -> None:
        """Over the address that Twilio knows, not the one that a proxy passes on."""
        twilio.verify(self._token, request.headers.get(twilio.HEADER, ""), self.hook_url, request.body)

    def normalize(self, request: Request) -> Sequence[InboundEvent]:
        """The events of this call."""
        return normalize.events(request.body, channel=self._name, received_at=request.received_at)

    def answer(self, request: Request, accepted: Sequence[Accepted]) -> Reply:  # noqa: ARG002 the port names them
        """An empty TwiML document: answers leave by the outbox."""
        return Reply(body=_EMPTY_RESPONSE, type="text/xml")

    async def fetch(self, attachment: Attachment) -> Fetched:
        """The bytes of a picture. Twilio redirects to where it lies; only Twilio itself gets the token."""
        path = provider_name(attachment, lambda path: path.startswith("/2010-04-01/Accounts/"))
        return await self.tools.http.fetch(
            self._settings.api + path, headers=self._headers(), timeout=FETCH_TIMEOUT, trusted=True, limit=FETCH_LIMIT
        )

    # -- out -----------------------------------------------------------------------------------------------------------

    async def send(self, message: OutboundMessage) -> Receipt:
        """One call for each part; a try after a failure begins behind what had left. Twilio knows no idempotency key."""
        must_be_lawful(self._can, message, now=self.tools.clock.now())
        sender = render.sender(self._settings.number, self._settings.service)
        files = await shared(self.tools, message.attachments)
        callback = self.hook_url if self._settings.receipts else None
        forms = render.forms(message, sender, callback, files, mms=self._mms)
        return await in_turn(message, forms, self._delivered)

    async def _delivered(self, form: bytes) -> str | None:
        await self._rate_limit.turn()
        answer = await self._ask("POST", f"/2010-04-01/Accounts/{self._settings.account}/Messages.json", form)
        return str(answer["sid"]) if "sid" in answer else None

    async def _ask(self, method: str, path: str, body: bytes = b"") -> Mapping[str, Any]:
        more = {"content-type": "application/x-www-form-urlencoded"} if body else {}
        answer = await self.tools.http.request(
            method,
            self._settings.api + path,
            body=body,
            headers=self._headers() | more,
            timeout=TIMEOUT,
            trusted=True,
        )
        return success_of(answer, self.tools.clock)

    def _headers(self) -> dict[str, str]:
        pair = f"{self._settings.account}:{self._token}"
        return {"authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}

    @property
    def _token(self) -> str:
        return self._settings.token.get_secret_value()

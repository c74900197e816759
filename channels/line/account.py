"""One account of the `line` kind: verifies and reads what LINE posts, answers with reply tokens, else pushes."""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from channels.account_files import provider_name
from channels.base_account import BaseAccount
from channels.http_client import json_of
from channels.line import normalize, render, tokens
from channels.line.errors import ACCEPTED_BEFORE, INVALID_REPLY_TOKEN, error_of, words_of
from channels.line.settings import Settings
from channels.public_files import BYTES, can_share, shared
from channels.rate_limits import RateLimit
from channels.send_segments import recording, sendable
from channels.signatures import must_match
from conversation.errors import (
    PermanentFailure,
    TransientFailure,
    Unknown,
)
from conversation.model.capabilities import Can
from conversation.model.message import Accepted, Attachment, InboundEvent
from conversation.model.outbound import OutboundMessage, Receipt
from conversation.model.people import WorkKind
from conversation.ports.channel import Answer, Fetched, Reply, Request, Tools

HEADER = "x-line-signature"
TIMEOUT = 15.0
FETCH_TIMEOUT = 120.0
FETCH_LIMIT = 50_000_000  # LINE lets customers send more; nothing larger is taken into memory
KEY_LIVES = timedelta(hours=23)  # LINE knows a retry key for 24 hours
PREPARING = (
    1.0,
    2.0,
    4.0,
)  # seconds between looks at a film that LINE still makes ready; then it waits for another try

_OK = 200
_SERVER = 500


class LineAccount(BaseAccount):
    """Implements the ports `Channel`, `Webhook` and `Media`."""

    def __init__(self, name: str, settings: Settings, tools: Tools, *, preparing: Sequence[float] = PREPARING) -> None:
        can = Can(
            work=WorkKind.MESSAGE,
            idempotent=True,
            length=render.TEXT,
            length_unit=render.UNIT,
            choices=render.CHOICES,
            attachments=can_share(tools.public_url),
            attachment_bytes=BYTES,
        )
        super().__init__(name, tools, can)
        self._settings = settings
        self._preparing = preparing
        self._rate_limit = RateLimit(tools.clock, settings.pace, burst=10)

    async def prove(self) -> str:
        """Whose token it is."""
        answer = await self._ask("GET", f"{self._settings.api}/v2/bot/info")
        if answer.status != _OK:
            raise error_of(answer, self.tools.clock)
        return f"LINE takes the token of {json_of(answer).get('basicId', 'the bot')}"

    # -- in ------------------------------------------------------------------------------------------------------------

    def verify(self, request: Request) -> None:
        """HMAC-SHA256 over the raw bytes, as https://developers.line.biz/en/docs/messaging-api/verify-webhook-signature/ has it."""
        key = self._settings.secret.get_secret_value().encode()
        wanted = base64.b64encode(hmac.new(key, request.body, hashlib.sha256).digest())
        must_match(request.headers.get(HEADER, ""), wanted.decode())

    def normalize(self, request: Request) -> Sequence[InboundEvent]:
        """All events of the call."""
        return normalize.events(
            request.body, channel=self._name, received_at=request.received_at, groups=self._settings.groups
        )

    def answer(self, request: Request, accepted: Sequence[Accepted]) -> Reply:  # noqa: ARG002 the port names them
        """200: LINE wants to know nothing more."""
        return Reply()

    async def fetch(self, attachment: Attachment) -> Fetched:
        """The bytes of a file that a customer sent. Films and recordings are made ready first, which takes a while."""
        number = provider_name(attachment, str.isalnum)
        url = f"{self._settings.data_api}/v2/bot/message/{number}/content"
        if attachment.type.startswith(("video/", "audio/")):
            await self._prepared(f"{url}/transcoding")
        return await self.tools.http.fetch(
            url, headers=self._headers(), timeout=FETCH_TIMEOUT, trusted=True, limit=FETCH_LIMIT
        )

    async def _prepared(self, url: str) -> None:
        for pause in (*self._preparing, None):
            answer = await self._ask("GET", url)
            if answer.status != _OK:
                raise _lost(answer) or error_of(answer, self.tools.clock)
            status = json_of(answer).get("status")
            if status == "succeeded":
                return
            if status == "failed":
                raise PermanentFailure("LINE could not make this file ready", code="expired")
            if pause is not None:
                await asyncio.sleep(pause)
        raise TransientFailure("LINE still makes this file ready")

    # -- out -----------------------------------------------------------------------------------------------------------

    async def send(self, message: OutboundMessage) -> Receipt:
        """At most five parts a call; a try after a failure begins behind what had left."""
        found = sendable(render.messages(message, await shared(self.tools, message.attachments)))
        sent = list(message.sent)
        with recording(sent):
            while len(sent) < len(found):
                await self._rate_limit.turn()
                batch = found[len(sent) : len(sent) + render.IN_ONE_CALL]
                sent += await self._delivered(message, len(sent), batch)
        return Receipt(external_ids=tuple(sent))

    async def _delivered(self, message: OutboundMessage, first: int, batch: Sequence[Mapping[str, Any]]) -> list[str]:
        """The ids that LINE gave them."""
        token = tokens.fresh(message.reply_token, self.tools.clock.now())
        answer = None
        if token is not None and first == 0 and self._settings.reply_tokens:
            answer = await self._reply(token, batch)
        if answer is None:
            answer = await self._push(message, first, batch)
        return _ids(answer, message.id, first, len(batch))

    async def _reply(self, token: str, batch: Sequence[Mapping[str, Any]]) -> Answer | None:
        """None where LINE takes this token no more: then it must be pushed. A reply cannot be repeated safely."""
        answer = await self._ask("POST", f"{self._settings.api}/v2/bot/message/reply", render.reply(token, batch))
        if answer.status == _OK:
            return answer
        if answer.status >= _SERVER:
            raise Unknown(f"LINE answered {answer.status}: the reply may have been delivered", repeatable=False)
        if INVALID_REPLY_TOKEN in words_of(answer).lower():
            return None
        raise error_of(answer, self.tools.clock)

    async def _push(self, message: OutboundMessage, first: int, batch: Sequence[Mapping[str, Any]]) -> Answer:
        """With a retry key: what LINE took before is answered by 409."""
        url = f"{self._settings.api}/v2/bot/message/push"
        key = {"x-line-retry-key": render.retry_key(message.id, first)}
        try:
            answer = await self._ask("POST", url, render.push(message.to.address, batch), key)
        except Unknown as error:
            raise Unknown(error.detail, repeatable=self._is_known(message)) from None
        if answer.status in (_OK, ACCEPTED_BEFORE):
            return answer
        raise error_of(answer, self.tools.clock)

    def _is_known(self, message: OutboundMessage) -> bool:
        """Whether LINE would still recognise a repeat of this message by its key."""
        return message.created_at is None or self.tools.clock.now() - message.created_at < KEY_LIVES

    async def _ask(self, method: str, url: str, body: bytes = b"", more: Mapping[str, str] | None = None) -> Answer:
        headers = self._headers() | ({"content-type": "application/json"} if body else {}) | dict(more or {})
        return await self.tools.http.request(method, url, body=body, headers=headers, timeout=TIMEOUT, trusted=True)

    def _headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self._settings.token.get_secret_value()}"}


def _lost(answer: Answer) -> PermanentFailure | None:
    gone = answer.status in (404, 410)
    return PermanentFailure("LINE keeps this file no longer", code="expired") if gone else None


def _ids(answer: Answer, message_id: str, first: int, count: int) -> list[str]:
    """One id for each message; our own where LINE took them in an earlier try and returns none."""
    rows = json_of(answer).get("sentMessages")
    sent = [str(row["id"]) for row in rows if isinstance(row, dict) and "id" in row] if isinstance(rows, list) else []
    own = [f"{message_id}/{first + at}" if first + at else message_id for at in range(count)]
    return sent if len(sent) == count else own

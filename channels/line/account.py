"""One account of the `line` kind: verifies and reads what LINE posts, answers with reply tokens, else pushes."""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from channels.http_client import json_of
from channels.line import normalize, render, tokens
from channels.line.errors import ACCEPTED_BEFORE, INVALID_REPLY_TOKEN, error_of, told_by
from channels.line.settings import Settings
from channels.public_files import BYTES, can_share, shared
from channels.rate_limits import Pace
from conversation.errors import (
    ChannelError,
    PermanentFailure,
    SignatureRejected,
    TransientFailure,
    Unknown,
)
from conversation.model.capabilities import Can
from conversation.model.message import PROVIDER, Accepted, Attachment, InboundEvent
from conversation.model.outbound import OutboundMessage, Receipt
from conversation.model.people import WorkKind
from conversation.ports.channel import Answer, Fetched, Inbox, Reply, Request, Tools

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


class LineAccount:
    """Implements the ports `Channel`, `Webhook` and `Media`."""

    def __init__(self, name: str, settings: Settings, tools: Tools, *, preparing: Sequence[float] = PREPARING) -> None:
        self._name = name
        self._settings = settings
        self._tools = tools
        self._preparing = preparing
        self._pace = Pace(tools.clock, settings.pace, burst=10)
        self._can = Can(
            work=WorkKind.MESSAGE,
            idempotent=True,
            length=render.TEXT,
            length_unit=render.UNIT,
            choices=render.CHOICES,
            attachments=can_share(tools.public_url),
            attachment_bytes=BYTES,
        )

    def __repr__(self) -> str:
        return f"LineAccount({self._name!r})"

    @property
    def name(self) -> str:
        """The account's name in the configuration."""
        return self._name

    @property
    def can(self) -> Can:
        """Texts, buttons and files. LINE tells nobody what was read; it takes files by public address only."""
        return self._can

    async def start(self) -> None:
        """Prove the token."""
        await self.prove()

    async def prove(self) -> str:
        """Whose token it is."""
        answer = await self._ask("GET", f"{self._settings.api}/v2/bot/info")
        if answer.status != _OK:
            raise error_of(answer, self._tools.clock)
        return f"LINE takes the token of {json_of(answer).get('basicId', 'the bot')}"

    async def listen(self, inbox: Inbox) -> None:  # noqa: ARG002 what arrives comes through the hooks
        """Stay until cancelled."""
        await asyncio.Event().wait()

    async def stop(self) -> None:
        """Nothing to let go of."""

    # -- in ------------------------------------------------------------------------------------------------------------

    def verify(self, request: Request) -> None:
        """HMAC-SHA256 over the raw bytes, as https://developers.line.biz/en/docs/messaging-api/verify-webhook-signature/ has it."""
        key = self._settings.secret.get_secret_value().encode()
        wanted = base64.b64encode(hmac.new(key, request.body, hashlib.sha256).digest())
        if not hmac.compare_digest(request.headers.get(HEADER, "").encode(errors="surrogateescape"), wanted):
            raise SignatureRejected("the signature is missing or wrong")

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
        number = (attachment.url or "").removeprefix(PROVIDER)
        if not number.isalnum():
            raise PermanentFailure("not a file that LINE keeps", code="bad_url")
        url = f"{self._settings.data_api}/v2/bot/message/{number}/content"
        if attachment.type.startswith(("video/", "audio/")):
            await self._prepared(f"{url}/transcoding")
        return await self._tools.http.fetch(
            url, headers=self._headers(), timeout=FETCH_TIMEOUT, trusted=True, limit=FETCH_LIMIT
        )

    async def _prepared(self, url: str) -> None:
        for pause in (*self._preparing, None):
            answer = await self._ask("GET", url)
            if answer.status != _OK:
                raise _lost(answer) or error_of(answer, self._tools.clock)
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
        found = render.messages(message, await shared(self._tools, message.attachments))
        if not found:
            raise PermanentFailure("there is nothing to send", code="unsupported")
        sent = list(message.sent)
        while len(sent) < len(found):
            batch = found[len(sent) : len(sent) + render.IN_ONE_CALL]
            try:
                await self._pace.turn()
                sent += await self._delivered(message, len(sent), batch)
            except ChannelError as error:
                error.sent = tuple(sent)
                raise
        return Receipt(external_ids=tuple(sent))

    async def _delivered(self, message: OutboundMessage, first: int, batch: Sequence[Mapping[str, Any]]) -> list[str]:
        """The ids that LINE gave them."""
        token = tokens.fresh(message.reply_token, self._tools.clock.now())
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
        if INVALID_REPLY_TOKEN in told_by(answer).lower():
            return None
        raise error_of(answer, self._tools.clock)

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
        raise error_of(answer, self._tools.clock)

    def _is_known(self, message: OutboundMessage) -> bool:
        """Whether LINE would still tell a repeat of this message by its key."""
        return message.created_at is None or self._tools.clock.now() - message.created_at < KEY_LIVES

    async def _ask(self, method: str, url: str, body: bytes = b"", more: Mapping[str, str] | None = None) -> Answer:
        headers = self._headers() | ({"content-type": "application/json"} if body else {}) | dict(more or {})
        return await self._tools.http.request(method, url, body=body, headers=headers, timeout=TIMEOUT, trusted=True)

    def _headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self._settings.token.get_secret_value()}"}


def _lost(answer: Answer) -> PermanentFailure | None:
    gone = answer.status in (404, 410)
    return PermanentFailure("LINE keeps this file no longer", code="expired") if gone else None


def _ids(answer: Answer, message_id: str, first: int, count: int) -> list[str]:
    """One id for each message; our own where LINE, which took them in an earlier try, tells none."""
    rows = json_of(answer).get("sentMessages")
    sent = [str(row["id"]) for row in rows if isinstance(row, dict) and "id" in row] if isinstance(rows, list) else []
    own = [f"{message_id}/{first + at}" if first + at else message_id for at in range(count)]
    return sent if len(sent) == count else own

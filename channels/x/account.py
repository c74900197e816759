"""One account of the `x` kind: answers X's checks, verifies and reads what X posts, sends answers as direct messages."""

import base64
import hashlib
import hmac
import json
import secrets
import string
from collections.abc import Mapping, Sequence
from typing import Any

from channels.account_files import provider_name
from channels.base_account import BaseAccount
from channels.public_files import BYTES, can_share, shared
from channels.rate_limits import RateLimit
from channels.send_segments import in_turn
from channels.signatures import must_match
from channels.x import normalize, oauth, render
from channels.x.errors import body_of
from channels.x.settings import Settings
from conversation.errors import ChannelMisconfigured, PermanentFailure, SignatureRejected
from conversation.model.capabilities import Can
from conversation.model.message import Accepted, Attachment, InboundEvent
from conversation.model.outbound import OutboundMessage, Receipt
from conversation.model.people import WorkKind
from conversation.ports.channel import Fetched, Reply, Request, Tools

HEADER = "x-twitter-webhooks-signature"
TIMEOUT = 15.0
FETCH_TIMEOUT = 60.0
FETCH_LIMIT = 20_000_000  # pictures; films lie at public addresses

_LONGEST_TOKEN = 500
# no JSON object is made of these alone: who asks us to answer a check never gets the signature of a call
_OF_TOKENS = frozenset(string.ascii_letters + string.digits + "-_=+/.")


class XAccount(BaseAccount):
    """Implements the ports `Channel`, `Webhook` and `Media`."""

    def __init__(self, name: str, settings: Settings, tools: Tools) -> None:
        can = Can(
            work=WorkKind.MESSAGE,
            receipts=True,
            length=render.TEXT,
            attachments=can_share(tools.public_url),
            attachment_bytes=BYTES,
        )
        super().__init__(name, tools, can)
        self._settings = settings
        self._rate_limit = RateLimit(tools.clock, settings.pace, burst=10)

    async def prove(self) -> str:
        """Whose keys they are."""
        answer = await self._ask("GET", "/2/users/me")
        mine = answer.get("data")
        if isinstance(mine, dict) and mine.get("id") not in (None, self._settings.id):
            raise ChannelMisconfigured("the access token is that of another account than 'id' names")
        return f"X takes the keys of account {self._settings.id}"

    # -- in ------------------------------------------------------------------------------------------------------------

    def verify(self, request: Request) -> None:
        """HMAC-SHA256 over the raw bytes: https://docs.x.com/x-api/webhooks/quickstart. A check needs a token to answer."""
        if request.method == "GET":
            token = request.query.get("crc_token", "")
            if not 0 < len(token) <= _LONGEST_TOKEN or not _OF_TOKENS.issuperset(token):
                raise SignatureRejected("no check, or one that X would not make")
            return
        must_match(request.headers.get(HEADER, ""), self._signed(request.body))

    def normalize(self, request: Request) -> Sequence[InboundEvent]:
        """All events of the call; a check has none."""
        if request.method == "GET":
            return ()
        return normalize.events(
            request.body,
            channel=self._name,
            received_at=request.received_at,
            account=self._settings.id,
            mentions=self._settings.mentions,
        )

    def answer(self, request: Request, accepted: Sequence[Accepted]) -> Reply:  # noqa: ARG002 the port names them
        """200, or what a check wants to see."""
        if request.method != "GET":
            return Reply()
        return Reply(body=json.dumps({"response_token": self._signed(request.query["crc_token"].encode())}).encode())

    def _signed(self, body: bytes) -> str:
        key = self._settings.consumer_secret.get_secret_value().encode()
        return "sha256=" + base64.b64encode(hmac.new(key, body, hashlib.sha256).digest()).decode()

    async def fetch(self, attachment: Attachment) -> Fetched:
        """A picture of a direct message, which X shows to its sender and to us only."""
        url = self._settings.media + provider_name(attachment, lambda path: path.startswith("/"))
        headers = {"authorization": self._authorization("GET", url)}
        return await self.tools.http.fetch(
            url, headers=headers, timeout=FETCH_TIMEOUT, trusted=True, limit=FETCH_LIMIT, redirects=0
        )

    # -- out -----------------------------------------------------------------------------------------------------------

    async def send(self, message: OutboundMessage) -> Receipt:
        """One call for each part; a try after a failure begins behind what had left. X knows no idempotency key."""
        bodies = render.messages(message, await shared(self.tools, message.attachments))
        if not (message.to.address.isascii() and message.to.address.isdigit()):
            raise PermanentFailure("not a user id of X", code="unknown_recipient")
        path = f"/2/dm_conversations/with/{message.to.address}/messages"
        return await in_turn(message, bodies, lambda body: self._delivered(path, body))

    async def _delivered(self, path: str, body: bytes) -> str | None:
        await self._rate_limit.turn()
        return _id(await self._ask("POST", path, body))

    async def _ask(self, method: str, path: str, body: bytes = b"") -> Mapping[str, Any]:
        url = self._settings.api + path
        headers = {"authorization": self._authorization(method, url), "content-type": "application/json"}
        answer = await self.tools.http.request(method, url, body=body, headers=headers, timeout=TIMEOUT, trusted=True)
        return body_of(answer, self.tools.clock)

    def _authorization(self, method: str, url: str) -> str:
        now = int(self.tools.clock.now().timestamp())
        nonce = secrets.token_hex(16)
        return oauth.authorization(method, url, self._settings.credentials(), nonce=nonce, timestamp=now)


def _id(answer: Mapping[str, Any]) -> str | None:
    data = answer.get("data")
    found = data.get("dm_event_id") if isinstance(data, dict) else None
    return found if isinstance(found, str) else None

"""One account of the `meta` kind: a WhatsApp number, a page or an Instagram account. Verifies, reads, sends and fetches."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from channels.account_files import bytes_of, provider_name
from channels.base_account import BaseAccount
from channels.meta import normalize, render
from channels.meta.graph import Graph
from channels.meta.platforms import DAY, LIMITS, WEEK, Platform
from channels.meta.profiles import Profiles
from channels.meta.settings import Settings
from channels.rate_limits import RateLimit, RateLimits
from channels.reply_window import must_be_lawful, must_tag
from channels.send_segments import in_turn, sendable
from channels.signatures import must_match
from conversation.errors import (
    ChannelMisconfigured,
    PermanentFailure,
    SignatureRejected,
    StoreError,
    Unknown,
)
from conversation.model.capabilities import Can
from conversation.model.message import Accepted, Attachment, ContactChanged, InboundEvent
from conversation.model.outbound import OutboundMessage, Receipt
from conversation.model.people import Identity, WorkKind
from conversation.ports.channel import Fetched, Inbox, Reply, Request, Tools

HEADER = "x-hub-signature-256"

_LONGEST_CHALLENGE = 200
_PREFIX = "sha256="


class MetaAccount(BaseAccount):
    """Implements the ports `Channel`, `Webhook` and `Media`."""

    def __init__(self, name: str, settings: Settings, tools: Tools) -> None:
        limits = LIMITS[settings.platform]
        can = Can(
            work=WorkKind.MESSAGE,
            attachments=True,
            attachment_bytes=max(limits.files.values()),
            receipts=True,
            length=limits.text,
            length_unit=limits.unit,
            reply_window=DAY,
            human_window=WEEK if settings.human_agent else None,
            templates=tuple(settings.templates),
            choices=limits.choices,
        )
        super().__init__(name, tools, can)
        self._settings = settings
        self._platform = settings.platform
        self._graph = Graph(settings, tools.http, tools.clock)
        self._profiles = Profiles(name, settings.platform, self._graph, tools.clock)
        self._inbox: Inbox | None = None
        self._rate_limit = RateLimit(tools.clock, settings.pace or limits.per_second, burst=limits.burst)
        self._chat_limits = RateLimits(tools.clock, limits.pair, burst=limits.burst)

    # -- life ----------------------------------------------------------------------------------------------------------

    async def prove(self) -> str:
        """By asking for the account itself."""
        try:
            await self._graph.get(f"{self._settings.id}?fields=id")
        except PermanentFailure as error:
            raise ChannelMisconfigured(error.detail) from None
        return f"Meta takes the token, and it may see account {self._settings.id}"

    async def listen(self, inbox: Inbox) -> None:
        """Until cancelled: what arrives comes through the hooks; only names are asked for here."""
        self._inbox = inbox
        await self._profiles.report_names(inbox)

    # -- in ------------------------------------------------------------------------------------------------------------

    def verify(self, request: Request) -> None:
        """A call is signed over its raw bytes; the handshake shows the token that was made up for it."""
        if request.method != "POST":
            self._verify_handshake(request.query)
            return
        wanted = [_PREFIX + hmac.new(key, request.body, hashlib.sha256).hexdigest() for key in self._settings.signers()]
        must_match(request.headers.get(HEADER, ""), *wanted)

    def _verify_handshake(self, query: Mapping[str, str]) -> None:
        wanted = self._settings.verify_token.get_secret_value()
        must_match(query.get("hub.verify_token", ""), wanted, what="the verify token")
        challenge = query.get("hub.challenge", "")
        is_printable = challenge.isascii() and challenge.isprintable()
        if query.get("hub.mode") != "subscribe" or not is_printable or not 0 < len(challenge) <= _LONGEST_CHALLENGE:
            raise SignatureRejected("a handshake without a challenge")

    def normalize(self, request: Request) -> Sequence[InboundEvent]:
        """All events of the call; a handshake has none."""
        if request.method != "POST":
            return ()
        return normalize.events(
            request.body,
            channel=self._name,
            received_at=request.received_at,
            account=self._settings.id,
            others=self._settings.others,
        )

    def answer(self, request: Request, accepted: Sequence[Accepted]) -> Reply:
        """The challenge, or 200: what cannot be read is kept, and would come again for hours otherwise."""
        if request.method != "POST":
            return Reply(body=request.query["hub.challenge"].encode(), type="text/plain")
        if self._platform is not Platform.WHATSAPP and any(one.conversation for one in accepted):
            self._profiles.meet(self.normalize(request))
        return Reply()

    async def fetch(self, attachment: Attachment) -> Fetched:
        """The bytes of a file that a WhatsApp customer sent; those of the other platforms lie at public addresses."""
        return await self._graph.fetch(provider_name(attachment, lambda media: media.isascii() and media.isalnum()))

    # -- out -----------------------------------------------------------------------------------------------------------

    async def send(self, message: OutboundMessage) -> Receipt:
        """Each part once; a try after a failure begins behind what had left."""
        found = render.messages(self._platform, message, self._settings.templates)
        self._must_be_possible(message, found)
        tag = not render.private(message) and must_tag(self._can, message, now=self.tools.clock.now())

        async def deliver(part: render.Part) -> str:
            body = await self._written(message, part, first=part is found[0], tag=tag)
            return await self._delivered(message, body)

        return await in_turn(message, found, deliver)

    def _must_be_possible(self, message: OutboundMessage, found: Sequence[render.Part]) -> None:
        """Return, or raise `PermanentFailure`."""
        for part in sendable(found):
            self._must_be_carried(part)
        now = self.tools.clock.now()
        if not render.private(message):
            must_be_lawful(self._can, message, now=now)
        elif message.reply_until is not None and now >= message.reply_until:
            raise PermanentFailure("what is said in public can be answered for seven days", code="window_closed")
        elif len(found) > 1:
            raise PermanentFailure("what is said in public can be answered by one message only", code="too_long")

    def _must_be_carried(self, part: render.Part) -> None:
        if part.file is None:
            return
        limit = LIMITS[self._platform].files.get(part.kind)
        if limit is None:
            raise PermanentFailure(f"'{part.file.name}' is of no kind that is carried here", code="unsupported")
        if part.file.size > limit:
            raise PermanentFailure(f"'{part.file.name}' is too large for {self._platform.value}", code="too_large")

    async def _written(self, message: OutboundMessage, part: render.Part, *, first: bool, tag: bool) -> bytes:
        given = part.given
        if part.file is not None:
            data = await bytes_of(self.tools, part.file)
            uploaded = await self._graph.upload(*render.upload(self._platform, part.file, part.kind, data))
            given = render.with_file(self._platform, part, uploaded)
        return render.request(self._platform, message, given, first=first, tag=tag)

    async def _delivered(self, message: OutboundMessage, body: bytes) -> str:
        """Meta's id of what it took."""
        await self._chat_limits.turn(message.to.address)
        await self._rate_limit.turn()
        answer = await self._graph.send(body)
        if render.private(message):
            await self._report_new_address(message.to, answer)
        return _id_of(answer)

    async def _report_new_address(self, sender: Identity, answer: Mapping[str, Any]) -> None:
        """Who wrote in public has an id of their own once they are written to. Where the store cannot hear it, they are met anew."""
        known = answer.get("recipient_id")
        if self._inbox is None or not isinstance(known, str) or not known:
            return
        moved = ContactChanged(
            channel=self._name,
            external_id=f"known:{sender.address}",
            sender=sender,
            received_at=self.tools.clock.now(),
            new_address=known,
        )
        with suppress(StoreError):
            await self._inbox.accept([moved])


def _id_of(answer: Mapping[str, Any]) -> str:
    rows = answer.get("messages")
    first = rows[0] if isinstance(rows, list) and rows and isinstance(rows[0], dict) else {}
    found = answer.get("message_id") or first.get("id")
    if not isinstance(found, str) or not found:
        raise Unknown("Meta took it, but its answer names no message")
    return found

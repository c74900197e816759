"""One account of the `wechat` kind: reads what WeChat posts, answers in time, sends customer-service messages."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from channels.account_files import bytes_of, provider_name
from channels.base_account import BaseAccount
from channels.rate_limits import RateLimit
from channels.reply_window import must_be_lawful
from channels.send_segments import recording, sendable
from channels.wechat import encryption, normalize, render, xml
from channels.wechat.client import Client
from channels.wechat.settings import Settings
from conversation.errors import (
    MalformedPayload,
    PermanentFailure,
    SignatureRejected,
    TransientFailure,
    Unknown,
)
from conversation.model.capabilities import Can
from conversation.model.message import Accepted, Attachment, InboundEvent
from conversation.model.outbound import OutboundMessage, Receipt
from conversation.model.people import WorkKind
from conversation.ports.channel import Fetched, Reply, Request, Tools

TOLERANCE = timedelta(minutes=5)
UPLOAD_TIMEOUT = 30.0

_LONGEST_ECHO = 200
_LONGEST_TIMESTAMP = 12


class WechatAccount(BaseAccount):
    """Implements the ports `Channel`, `Webhook` and `Media`."""

    def __init__(self, name: str, settings: Settings, tools: Tools) -> None:
        can = Can(
            work=WorkKind.MESSAGE,
            attachments=True,
            attachment_bytes=render.UPLOAD,
            attachment_types=tuple(render.UPLOADS),
            length=render.TEXT,
            length_unit=render.UNIT,
            reply_window=normalize.WINDOW,
            templates=tuple(settings.templates),
            choices=render.CHOICES,
        )
        super().__init__(name, tools, can)
        self._settings = settings
        self._key = encryption.key_of(settings.aes_key.get_secret_value()) if settings.aes_key is not None else None
        self._client = Client(settings, tools)
        self._rate_limit = RateLimit(tools.clock, settings.pace, burst=5)

    async def start(self) -> None:
        """Prove the AppSecret."""
        await self._client.access.get()

    async def prove(self) -> str:
        """The same, and nothing is kept."""
        await self._client.access.prove()
        return f"WeChat takes the AppSecret of {self._settings.app_id}"

    # -- in ------------------------------------------------------------------------------------------------------------

    def verify(self, request: Request) -> None:
        """SHA-1 over token, time and nonce; with an AES key over the encrypted message as well, and nothing else is taken."""
        asked = request.query
        timestamp, nonce = asked.get("timestamp", ""), asked.get("nonce", "")
        if not _is_recent(timestamp, request.received_at):
            raise SignatureRejected("the timestamp is missing, or too far from now")
        encrypted = () if self._key is None or request.method == "GET" else (_encrypted_in(request.body),)
        given = asked.get("msg_signature" if encrypted else "signature", "")
        if not encryption.signed(given, self._settings.token.get_secret_value(), timestamp, nonce, *encrypted):
            raise SignatureRejected("the signature is missing or wrong")

    def normalize(self, request: Request) -> Sequence[InboundEvent]:
        """The events of the call; none in the one by which WeChat tries the address."""
        if request.method == "GET":
            return []
        return normalize.events(self._decrypted(request.body), channel=self._name, received_at=request.received_at)

    def answer(self, request: Request, accepted: Sequence[Accepted]) -> Reply:  # noqa: ARG002 the port names it
        """The word that WeChat wants within five seconds, after the commit; whoever subscribes may be greeted in it."""
        if request.method == "GET":
            return Reply(body=request.query.get("echostr", "")[:_LONGEST_ECHO].encode(), type="text/plain")
        greeting = self._greeting(request) if self._settings.greeting else None
        if greeting is None:
            return Reply(body=b"success", type="text/plain")
        return Reply(body=greeting, type="text/xml")

    def _decrypted(self, body: bytes) -> bytes:
        """Calls are encrypted where there is a key, else `verify` refuses them. A replay from quarantine reads what was kept."""
        encrypted = xml.fields(body).get("Encrypt", "").strip() if self._key is not None else ""
        if self._key is None or not encrypted:
            return body
        return encryption.decrypt(self._key, self._settings.app_id, encrypted)

    def _greeting(self, request: Request) -> bytes | None:
        """A passive reply to a subscription, encrypted where messages are."""
        fields = xml.fields(self._decrypted(request.body))
        if fields.get("Event", "").strip() != "subscribe":
            return None
        at, text = int(request.received_at.timestamp()), self._settings.greeting or ""
        plain = render.passive(text, to=fields["FromUserName"], sender=fields.get("ToUserName", ""), at=at)
        if self._key is None:
            return plain
        encrypted = encryption.encrypt(
            self._key, self._settings.app_id, plain, random=secrets.token_bytes(encryption.RANDOM)
        )
        return render.encrypted(encrypted, self._settings.token.get_secret_value(), at=at, nonce=secrets.token_hex(8))

    async def fetch(self, attachment: Attachment) -> Fetched:
        """The bytes of a file that a customer sent: WeChat keeps them for three days."""
        return await self._client.fetch(provider_name(attachment, bool))

    # -- out -----------------------------------------------------------------------------------------------------------

    async def send(self, message: OutboundMessage) -> Receipt:
        """Each part once; a try after a failure begins behind what had left."""
        must_be_lawful(self._can, message, now=self.tools.clock.now())
        sent = list(message.sent)
        with recording(sent):
            for call in sendable(self._calls(message))[len(sent) :]:
                await self._rate_limit.turn()
                answer = await self._delivered(call)
                own_id = f"{message.id}/{len(sent)}" if sent else message.id
                sent.append(str(answer.get("msgid") or own_id))  # WeChat gives ids to templates only
        return Receipt(external_ids=tuple(sent))

    def _calls(self, message: OutboundMessage) -> Sequence[render.ApiCall]:
        if message.template is not None:
            template = self._settings.templates[message.template]
            return [render.template(message, template.id, template.fields)]
        for attachment in message.attachments:
            _must_be_taken(attachment)
        return render.calls(message, menus=self._settings.menus)

    async def _delivered(self, call: render.ApiCall) -> Mapping[str, object]:
        if call.file is not None:
            call = call.with_media(await self._uploaded(call.file, call.kind))
        return await self._client.post(call.path, render.body(call))

    async def _uploaded(self, attachment: Attachment, kind: str) -> str:
        data = await bytes_of(self.tools, attachment)
        boundary = secrets.token_hex(16)
        body = render.upload(attachment.name, attachment.type, data, boundary=boundary)
        headers = {"content-type": f"multipart/form-data; boundary={boundary}"}
        try:
            answer = await self._client.post(
                "cgi-bin/media/upload", body, headers, query=f"&type={kind}", timeout=UPLOAD_TIMEOUT
            )
        except Unknown as error:  # an upload reaches nobody: it may be made again
            raise TransientFailure(f"the file did not get through: {error.detail}") from None
        return str(answer.get("media_id", ""))


def _must_be_taken(attachment: Attachment) -> None:
    kind, most = render.UPLOADS.get(attachment.type, ("", 0))
    if not kind:
        raise PermanentFailure(f"WeChat takes no files of type {attachment.type[:100]}", code="unsupported")
    if attachment.size > most:
        raise PermanentFailure(f"WeChat takes a {kind} of at most {most} bytes", code="too_large")


def _is_recent(timestamp: str, now: datetime) -> bool:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= _LONGEST_TIMESTAMP):
        return False
    return abs(now.timestamp() - int(timestamp)) <= TOLERANCE.total_seconds()


def _encrypted_in(body: bytes) -> str:
    """The encrypted part. Without it the signature would cover the query alone."""
    try:
        encrypted = xml.fields(body).get("Encrypt", "").strip()
    except MalformedPayload:
        encrypted = ""
    if not encrypted:
        raise SignatureRejected("there is nothing encrypted in it")
    return encrypted

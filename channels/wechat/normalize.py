"""One message or event of WeChat, decrypted -> events. Pure.

`external_id` is the MsgId; events have none and are known by sender, time and name. What they open: 48 hours for what a customer writes, a minute for
a pressed menu or a scanned code. https://developers.weixin.qq.com/doc/service/guide/product/message/Receiving_standard_messages.html
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256

from channels import json_fields as fields
from channels.deep_links import Scene, chosen
from channels.file_types import file_id, safe_name
from channels.payload_source import Source
from channels.wechat import xml
from conversation.errors import MalformedPayload
from conversation.model.message import (
    PROVIDER,
    Attachment,
    ContactChanged,
    DeliveryReported,
    InboundEvent,
    Malformed,
    MessageReceived,
    Status,
)
from conversation.model.people import Identity

WINDOW = timedelta(hours=48)
SHORT_WINDOW = timedelta(minutes=1)

_LONGEST_ID = 200
_SCENE = "qrscene_"
_FILES: Mapping[str, tuple[str, str]] = {
    "image": ("image.jpg", "image/jpeg"),
    "voice": ("voice.amr", "audio/amr"),
    "video": ("video.mp4", "video/mp4"),
    "shortvideo": ("video.mp4", "video/mp4"),
}
_TEMPLATE_STATUS: Mapping[str, Status] = {"success": Status.DELIVERED}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Document(Source):
    """One document, and what every part of its reading needs to know."""

    fields: Mapping[str, str]
    raw: bytes

    def get(self, name: str) -> str:
        return self.fields.get(name, "").strip()

    def needed(self, name: str) -> str:
        return fields.identifier({name: self.get(name)}, name, longest=_LONGEST_ID)

    @property
    def sender(self) -> Identity:
        return Identity(channel=self.channel, address=self.needed("FromUserName"))

    @property
    def at(self) -> datetime:
        return fields.epoch({"CreateTime": self.needed("CreateTime")}, "CreateTime") or self.received_at

    @property
    def own_id(self) -> str:
        if self.get("MsgId"):
            return self.needed("MsgId")
        named = (self.needed("FromUserName"), self.needed("CreateTime"), self.get("Event"), self.get("EventKey"))
        return "-".join(part for part in named if part)[:_LONGEST_ID]


def events(body: bytes, *, channel: str, received_at: datetime) -> Sequence[InboundEvent]:
    """The events in this document, mostly one; none for what is only noise. Raises `MalformedPayload`."""
    document = _Document(channel=channel, received_at=received_at, fields=xml.fields(body), raw=body)
    if document.get("Encrypt") and not document.get("MsgType"):
        raise MalformedPayload("sealed: it can be read with its account's key only", code="sealed")
    try:
        return _read(document)
    except MalformedPayload as fault:  # refused, it would be repeated, and WeChat would show the customer a failure
        return [_malformed(document, fault)]


def _read(document: _Document) -> Sequence[InboundEvent]:
    kind = document.get("MsgType")[:_LONGEST_ID]
    if not kind:
        raise MalformedPayload("no message: there is no 'MsgType'", code="unsupported")
    if kind == "event":
        return _EVENTS.get(document.get("Event").lower(), _unsupported)(document)
    read = _MESSAGES.get(kind)
    return [read(document) if read else replace(_received(document), unsupported=kind)]


def _received(document: _Document, text: str = "", *, window: timedelta = WINDOW) -> MessageReceived:
    return MessageReceived(
        channel=document.channel,
        external_id=document.own_id,
        sender=document.sender,
        text=text,
        received_at=document.received_at,
        sent_at=document.at,
        reply_until=document.at + window,
        raw=document.raw,
    )


# -- messages ----------------------------------------------------------------------------------------------------------


def _text(document: _Document) -> MessageReceived:
    """A tapped menu comes as a text as well, but opens a minute only."""
    if "Content" not in document.fields:
        raise MalformedPayload("a text message without 'Content'", code="missing")
    window = SHORT_WINDOW if document.get("bizmsgmenuid") else WINDOW
    return _received(document, document.fields["Content"], window=window)


def _file(document: _Document) -> MessageReceived:
    """A file. WeChat transcribes recordings, where the account has switched that on."""
    name, kind = _FILES[document.get("MsgType")]
    found = _received(document, document.get("Recognition"))
    attachment = Attachment(
        id=file_id(f"{document.channel}/{found.external_id}"),
        name=safe_name(_of_format(name, document.get("Format"))),
        type=_audio_type(kind, document.get("Format")),
        url=PROVIDER + document.needed("MediaId"),
    )
    return replace(found, attachments=(attachment,))


def _of_format(name: str, encoding: str) -> str:
    return f"voice.{encoding.lower()[:10]}" if encoding.isalnum() else name


def _audio_type(kind: str, encoding: str) -> str:
    return "audio/speex" if encoding.lower() == "speex" else kind


def _location(document: _Document) -> MessageReceived:
    place = f"{_number(document, 'Location_X')}, {_number(document, 'Location_Y')}"
    return _received(
        document, "\n".join(part for part in (f"\N{ROUND PUSHPIN} {place}", document.get("Label")) if part)
    )


def _number(document: _Document, name: str) -> str:
    text = document.needed(name)
    try:
        float(text)
    except ValueError:
        raise MalformedPayload(f"'{name}' is not a number", code="wrong_type") from None
    return text


def _link(document: _Document) -> MessageReceived:
    value = (document.get(name) for name in ("Title", "Description", "Url"))
    return _received(document, "\n".join(dict.fromkeys(part for part in value if part)))


_MESSAGES: Mapping[str, Callable[[_Document], MessageReceived]] = {
    "text": _text,
    "location": _location,
    "link": _link,
    **dict.fromkeys(_FILES, _file),
}

# -- events ------------------------------------------------------------------------------------------------------------


def _unsupported(document: _Document) -> Sequence[InboundEvent]:
    raise MalformedPayload(f"an event {document.get('Event')[:50]!r}", code="unsupported")


def _malformed(document: _Document, fault: MalformedPayload) -> Malformed:
    try:
        own_id = document.own_id
    except MalformedPayload:
        own_id = sha256(document.raw).hexdigest()[:32]
    return document.malformed(fault, external_id=own_id, raw=document.raw)


def _subscribed(document: _Document) -> Sequence[InboundEvent]:
    """A new follower. One who came by a QR code of ours that names an issue or a language wrote a message by it."""
    key = document.get("EventKey")
    scene = chosen(key.removeprefix(_SCENE)) if key.startswith(_SCENE) else Scene(text="")
    contact = _contact(document, reachable=True)
    return [contact, _scanned(document, scene)] if scene.issue or scene.language else [contact]


def _unsubscribed(document: _Document) -> Sequence[InboundEvent]:
    return [_contact(document, reachable=False)]


def _contact(document: _Document, *, reachable: bool) -> ContactChanged:
    return ContactChanged(
        channel=document.channel,
        external_id=document.own_id,
        sender=document.sender,
        received_at=document.received_at,
        reachable=reachable,
    )


def _scanned(document: _Document, scene: Scene) -> MessageReceived:
    found = _received(document, scene.text, window=SHORT_WINDOW)
    return replace(found, issue=scene.issue, language=scene.language)


def _scan(document: _Document) -> Sequence[InboundEvent]:
    scene = chosen(document.get("EventKey"))
    if scene.issue or scene.language:
        return [_scanned(document, scene)]
    raise MalformedPayload("a scanned code that says nothing", code="unsupported")


def _click(document: _Document) -> Sequence[InboundEvent]:
    """A button of the account's menu: its key are the words."""
    return [_scanned(document, chosen(document.needed("EventKey")))]


def _scan_by_menu(document: _Document) -> Sequence[InboundEvent]:
    found = document.get("ScanCodeInfo/ScanResult")
    if not found:
        raise MalformedPayload("a scan without a result", code="unsupported")
    return [_received(document, found, window=SHORT_WINDOW)]


def _template(document: _Document) -> Sequence[InboundEvent]:
    value = document.get("Status")
    status = _TEMPLATE_STATUS.get(value, Status.FAILED)
    return [
        DeliveryReported(
            channel=document.channel,
            external_id=fields.identifier({"MsgID": document.get("MsgID")}, "MsgID"),
            status=status,
            received_at=document.received_at,
            error=value[:_LONGEST_ID] if status is Status.FAILED else None,
        )
    ]


def _nothing(_: _Document) -> Sequence[InboundEvent]:
    """Viewed pages and shared positions: no message, and where people are is none of our business."""
    return []


_EVENTS: Mapping[str, Callable[[_Document], Sequence[InboundEvent]]] = {
    "subscribe": _subscribed,
    "unsubscribe": _unsubscribed,
    "scan": _scan,
    "click": _click,
    "scancode_push": _scan_by_menu,
    "scancode_waitmsg": _scan_by_menu,
    "templatesendjobfinish": _template,
    "view": _nothing,
    "view_miniprogram": _nothing,
    "location": _nothing,
}

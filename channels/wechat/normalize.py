"""One message or event of WeChat, unsealed -> events. Pure.

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
from channels.wechat import xml as papers
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
class _Paper(Source):
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
    """The events in this document, mostly one; none for what says nothing. Raises `MalformedPayload`."""
    paper = _Paper(channel=channel, received_at=received_at, fields=papers.fields(body), raw=body)
    if paper.get("Encrypt") and not paper.get("MsgType"):
        raise MalformedPayload("sealed: it can be read with its account's key only", code="sealed")
    try:
        return _read(paper)
    except MalformedPayload as fault:  # refused, it would come again, and WeChat would tell the customer of a failure
        return [_aside(paper, fault)]


def _read(paper: _Paper) -> Sequence[InboundEvent]:
    kind = paper.get("MsgType")[:_LONGEST_ID]
    if not kind:
        raise MalformedPayload("no message: there is no 'MsgType'", code="unsupported")
    if kind == "event":
        return _EVENTS.get(paper.get("Event").lower(), _unsupported)(paper)
    read = _MESSAGES.get(kind)
    return [read(paper) if read else replace(_received(paper), unsupported=kind)]


def _received(paper: _Paper, text: str = "", *, window: timedelta = WINDOW) -> MessageReceived:
    return MessageReceived(
        channel=paper.channel,
        external_id=paper.own_id,
        sender=paper.sender,
        text=text,
        received_at=paper.received_at,
        sent_at=paper.at,
        reply_until=paper.at + window,
        raw=paper.raw,
    )


# -- messages ----------------------------------------------------------------------------------------------------------


def _text(paper: _Paper) -> MessageReceived:
    """A tapped menu comes as a text as well, but opens a minute only."""
    if "Content" not in paper.fields:
        raise MalformedPayload("a text message without 'Content'", code="missing")
    window = SHORT_WINDOW if paper.get("bizmsgmenuid") else WINDOW
    return _received(paper, paper.fields["Content"], window=window)


def _file(paper: _Paper) -> MessageReceived:
    """WeChat hears what is said, where the account has switched that on."""
    name, kind = _FILES[paper.get("MsgType")]
    found = _received(paper, paper.get("Recognition"))
    attachment = Attachment(
        id=file_id(f"{paper.channel}/{found.external_id}"),
        name=safe_name(_of_format(name, paper.get("Format"))),
        type=_spoken(kind, paper.get("Format")),
        url=PROVIDER + paper.needed("MediaId"),
    )
    return replace(found, attachments=(attachment,))


def _of_format(name: str, spoken: str) -> str:
    return f"voice.{spoken.lower()[:10]}" if spoken.isalnum() else name


def _spoken(kind: str, spoken: str) -> str:
    return "audio/speex" if spoken.lower() == "speex" else kind


def _location(paper: _Paper) -> MessageReceived:
    place = f"{_number(paper, 'Location_X')}, {_number(paper, 'Location_Y')}"
    return _received(paper, "\n".join(part for part in (f"\N{ROUND PUSHPIN} {place}", paper.get("Label")) if part))


def _number(paper: _Paper, name: str) -> str:
    text = paper.needed(name)
    try:
        float(text)
    except ValueError:
        raise MalformedPayload(f"'{name}' is not a number", code="wrong_type") from None
    return text


def _link(paper: _Paper) -> MessageReceived:
    value = (paper.get(name) for name in ("Title", "Description", "Url"))
    return _received(paper, "\n".join(dict.fromkeys(part for part in value if part)))


_MESSAGES: Mapping[str, Callable[[_Paper], MessageReceived]] = {
    "text": _text,
    "location": _location,
    "link": _link,
    **dict.fromkeys(_FILES, _file),
}

# -- events ------------------------------------------------------------------------------------------------------------


def _unsupported(paper: _Paper) -> Sequence[InboundEvent]:
    raise MalformedPayload(f"an event {paper.get('Event')[:50]!r}", code="unsupported")


def _aside(paper: _Paper, fault: MalformedPayload) -> Malformed:
    try:
        own_id = paper.own_id
    except MalformedPayload:
        own_id = sha256(paper.raw).hexdigest()[:32]
    return paper.malformed(fault, external_id=own_id, raw=paper.raw)


def _subscribed(paper: _Paper) -> Sequence[InboundEvent]:
    """Whoever came by a code of ours that says what it is about has told us so."""
    key = paper.get("EventKey")
    scene = chosen(key.removeprefix(_SCENE)) if key.startswith(_SCENE) else Scene(text="")
    contact = _contact(paper, reachable=True)
    return [contact, _scanned(paper, scene)] if scene.issue or scene.language else [contact]


def _unsubscribed(paper: _Paper) -> Sequence[InboundEvent]:
    return [_contact(paper, reachable=False)]


def _contact(paper: _Paper, *, reachable: bool) -> ContactChanged:
    return ContactChanged(
        channel=paper.channel,
        external_id=paper.own_id,
        sender=paper.sender,
        received_at=paper.received_at,
        reachable=reachable,
    )


def _scanned(paper: _Paper, scene: Scene) -> MessageReceived:
    said = _received(paper, scene.text, window=SHORT_WINDOW)
    return replace(said, issue=scene.issue, language=scene.language)


def _scan(paper: _Paper) -> Sequence[InboundEvent]:
    scene = chosen(paper.get("EventKey"))
    if scene.issue or scene.language:
        return [_scanned(paper, scene)]
    raise MalformedPayload("a scanned code that says nothing", code="unsupported")


def _click(paper: _Paper) -> Sequence[InboundEvent]:
    """A button of the account's menu: its key are the words."""
    return [_scanned(paper, chosen(paper.needed("EventKey")))]


def _scan_by_menu(paper: _Paper) -> Sequence[InboundEvent]:
    found = paper.get("ScanCodeInfo/ScanResult")
    if not found:
        raise MalformedPayload("a scan without a result", code="unsupported")
    return [_received(paper, found, window=SHORT_WINDOW)]


def _template(paper: _Paper) -> Sequence[InboundEvent]:
    value = paper.get("Status")
    status = _TEMPLATE_STATUS.get(value, Status.FAILED)
    return [
        DeliveryReported(
            channel=paper.channel,
            external_id=fields.identifier({"MsgID": paper.get("MsgID")}, "MsgID"),
            status=status,
            received_at=paper.received_at,
            error=value[:_LONGEST_ID] if status is Status.FAILED else None,
        )
    ]


def _nothing(_: _Paper) -> Sequence[InboundEvent]:
    """Pages looked at and places passed: nobody said anything, and where people are is none of our business."""
    return []


_EVENTS: Mapping[str, Callable[[_Paper], Sequence[InboundEvent]]] = {
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

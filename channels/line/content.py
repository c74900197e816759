"""What one LINE message holds: its words, its files, or the name of what is not understood. Pure.

Fields and kinds: https://developers.line.biz/en/reference/messaging-api/#message-event
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from channels import json_fields as fields
from channels.address_guard import http_url
from channels.file_types import file_id, safe_name
from conversation.errors import MalformedPayload
from conversation.model.message import PROVIDER, Attachment

_LONGEST_NAME = 1000
_MOST_KEYWORDS = 100
_KEYWORDS_SHOWN = 3
_FILES: Mapping[str, tuple[str, str]] = {
    "image": ("image.jpg", "image/jpeg"),
    "video": ("video.mp4", "video/mp4"),
    "audio": ("audio.m4a", "audio/mp4"),
    "file": ("file", "application/octet-stream"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """`unsupported` is LINE's own word for what we cannot show."""

    text: str = ""
    attachments: tuple[Attachment, ...] = ()
    album: str | None = None
    unsupported: str | None = None


def content(message: Mapping[str, Any], owner: str) -> Content:
    """The content of a message. `owner` makes the file's id: the same bytes make the same event, whenever they are read."""
    kind = fields.text(message, "type", longest=64) or ""
    read = _READERS.get(kind)
    return read(message, owner) if read else Content(unsupported=kind or "message")


def _text(message: Mapping[str, Any], _: str) -> Content:
    text = fields.text(message, "text")
    if text is None:
        raise MalformedPayload("a text message without text", code="missing")
    return Content(text=text)


def _file(message: Mapping[str, Any], owner: str) -> Content:
    named, kind = _FILES[message["type"]]
    name = fields.text(message, "fileName", longest=_LONGEST_NAME) or named
    attachment = Attachment(
        id=file_id(owner),
        name=safe_name(name),
        type=kind,
        size=max(0, fields.integer(message, "fileSize") or 0),
        url=_url(message),
    )
    return Content(attachments=(attachment,), album=_album(message))


def _url(message: Mapping[str, Any]) -> str:
    """LINE keeps the file under the message's id, unless a page of somebody's (LIFF) sent it from elsewhere."""
    provider = fields.table(message, "contentProvider") or {}
    if provider.get("type") != "external":
        return PROVIDER + fields.identifier(message, "id")
    url = fields.text(provider, "originalContentUrl") or ""
    try:
        return http_url(url)
    except ValueError as error:
        raise MalformedPayload(f"'originalContentUrl' is {error}", code="bad_url") from None


def _album(message: Mapping[str, Any]) -> str | None:
    pictures = fields.table(message, "imageSet")
    return fields.text(pictures, "id", longest=200) if pictures else None


def _location(message: Mapping[str, Any], _: str) -> Content:
    place = (message.get("latitude"), message.get("longitude"))
    if not all(isinstance(number, int | float) and not isinstance(number, bool) for number in place):
        raise MalformedPayload("a location without latitude or longitude", code="missing")
    named = [fields.text(message, key, longest=_LONGEST_NAME) for key in ("title", "address")]
    return Content(text="\n".join([f"\N{ROUND PUSHPIN} {place[0]}, {place[1]}", *(name for name in named if name)]))


def _sticker(message: Mapping[str, Any], _: str) -> Content:
    """What the customer wrote on the sticker, else the keywords that LINE gives for it."""
    written = fields.text(message, "text", longest=_LONGEST_NAME)
    keywords = [word for word in fields.rows(message, "keywords", most=_MOST_KEYWORDS) if isinstance(word, str)]
    words = written or ", ".join(keywords[:_KEYWORDS_SHOWN])
    return Content(text=f"[{words}]") if words else Content(unsupported="sticker")


_READERS: Mapping[str, Callable[[Mapping[str, Any], str], Content]] = {
    "text": _text,
    "location": _location,
    "sticker": _sticker,
    **dict.fromkeys(_FILES, _file),
}

"""What one Viber message holds: its words, its file, or the name of what is not understood. Pure.

Fields and kinds: https://developers.viber.com/docs/api/rest-bot-api/#receive-message-from-user
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from channels import json_fields as fields
from channels.address_guard import http_url
from channels.file_types import file_id, safe_name
from conversation.errors import MalformedPayload
from conversation.model.message import Attachment

_LONGEST_NAME = 1000
_FILES: Mapping[str, tuple[str, str]] = {
    "picture": ("picture.jpg", "image/jpeg"),
    "video": ("video.mp4", "video/mp4"),
    "file": ("file", "application/octet-stream"),
    "sticker": ("sticker.png", "image/png"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """`unsupported` is Viber's own word for what we cannot show."""

    text: str = ""
    attachments: tuple[Attachment, ...] = ()
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
    url = fields.text(message, "media") or ""
    try:
        http_url(url)
    except ValueError as error:
        raise MalformedPayload(f"'media' is {error}", code="bad_url") from None
    attachment = Attachment(
        id=file_id(owner),
        name=safe_name(fields.text(message, "file_name", longest=_LONGEST_NAME) or named),
        type=kind,
        size=_size(message),
        url=url,
    )
    return Content(text=fields.text(message, "text") or "", attachments=(attachment,))


def _size(message: Mapping[str, Any]) -> int:
    """Files have `file_size`, videos `size`."""
    size = fields.integer(message, "file_size") or fields.integer(message, "size") or 0
    return max(size, 0)


def _sticker(message: Mapping[str, Any], owner: str) -> Content:
    """Its picture, where Viber gives the address."""
    named = fields.text(message, "media")
    return _file(message, owner) if named else Content(unsupported="sticker")


def _link(message: Mapping[str, Any], _: str) -> Content:
    """A web page: words, never fetched."""
    words = [fields.text(message, "text"), fields.text(message, "media")]
    return Content(text="\n".join(part for part in words if part))


def _location(message: Mapping[str, Any], _: str) -> Content:
    place = fields.table(message, "location")
    if place is None:
        raise MalformedPayload("a location without a place", code="missing")
    latitude, longitude = _degrees(place, "lat"), _degrees(place, "lon")
    return Content(text=f"\N{ROUND PUSHPIN} {latitude}, {longitude}")


def _degrees(place: Mapping[str, Any], key: str) -> float:
    """Viber writes numbers, its examples strings."""
    value = place.get(key)
    if not isinstance(value, int | float | str) or isinstance(value, bool):
        raise MalformedPayload(f"'{key}' is not a number", code="wrong_type")
    try:
        degrees = float(value)
    except (ValueError, OverflowError):
        raise MalformedPayload(f"'{key}' is not a number", code="wrong_type") from None
    if not -180 <= degrees <= 180:  # noqa: PLR2004 - nor is NaN
        raise MalformedPayload(f"'{key}' is nowhere on earth", code="wrong_type")
    return degrees


def _contact(message: Mapping[str, Any], _: str) -> Content:
    card = fields.table(message, "contact") or {}
    words = [fields.text(card, key, longest=_LONGEST_NAME) for key in ("name", "phone_number")]
    text = ", ".join(part for part in words if part)
    return Content(text=text) if text else Content(unsupported="contact")


_READERS: Mapping[str, Callable[[Mapping[str, Any], str], Content]] = {
    "text": _text,
    "picture": _file,
    "video": _file,
    "file": _file,
    "sticker": _sticker,
    "url": _link,
    "location": _location,
    "contact": _contact,
}

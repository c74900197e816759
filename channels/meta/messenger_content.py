"""What one message of Messenger or Instagram holds: its words, its files, or the name of what is not understood. Pure.

Source: developers.facebook.com/docs/messenger-platform/webhooks/webhook-events/messages.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from channels import json_fields as fields
from channels.meta.common_fields import attachment, inner, lines, named, place, url_of
from conversation.errors import MalformedPayload
from conversation.model.message import Attachment

_MOST_FILES = 50
_FILES: Mapping[str, str] = {
    "image": "image/jpeg",
    "video": "video/mp4",
    "audio": "audio/mp4",
    "file": "application/octet-stream",
    "story_mention": "application/octet-stream",
}
# what leads elsewhere: a post, a reel, a page that was shared
_LINKS = frozenset(("fallback", "share", "post", "reel", "ig_reel", "ig_post", "ig_story"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """`unsupported` is Meta's own word for what is not understood."""

    text: str = ""
    attachments: tuple[Attachment, ...] = ()
    unsupported: str | None = None


def content(message: Mapping[str, Any], owner: str) -> Content:
    """The content of a message. `owner` makes the files' ids. Raises `MalformedPayload`."""
    rows = fields.rows(message, "attachments", most=_MOST_FILES)
    text, more, files, strange = fields.text(message, "text") or "", [], [*_story(message, owner)], None
    for at, row in enumerate(rows):
        if not isinstance(row, dict):
            raise MalformedPayload("an attachment is not an object", code="wrong_type")
        kind = named(row, "type") or "unknown"
        file, words = _file(row, kind, f"{owner}/{at}"), _words(row, kind)
        files += [file] if file else []
        more += [word for word in words if word not in text]
        strange = strange or (None if file or words else kind)
    whole = lines(text, *more)
    unsupported = None if whole or files else strange or _unnamed(message)
    return Content(text=whole, attachments=tuple(files), unsupported=unsupported)


def _unnamed(message: Mapping[str, Any]) -> str:
    return "unsupported" if fields.truth(message, "is_unsupported") else named(message, "unsupported_type") or "empty"


def _file(row: Mapping[str, Any], kind: str, owner: str) -> Attachment | None:
    payload = inner(row, "payload")
    url = url_of(payload)
    if kind not in _FILES or url is None:
        return None
    name = "sticker" if payload.get("sticker_id") else "story" if kind == "story_mention" else kind
    return attachment(owner, name=name, media_type=_FILES[kind], url=url)


def _words(row: Mapping[str, Any], kind: str) -> list[str]:
    """The text of an attachment, line by line."""
    payload = inner(row, "payload")
    title = named(row, "title") or named(payload, "title")
    if kind == "location":
        where = inner(payload, "coordinates")
        return [one for one in (place(where.get("lat"), where.get("long")), title) if one]
    if kind in _LINKS:
        return [one for one in (title, url_of(payload) or url_of(row)) if one]
    return []


def _story(message: Mapping[str, Any], owner: str) -> list[Attachment]:
    """The story of ours that is answered. It vanishes within a day; our copy does not."""
    url = url_of(inner(inner(message, "reply_to"), "story"))
    if url is None:
        return []
    return [attachment(f"{owner}/story", name="story", media_type=_FILES["story_mention"], url=url)]

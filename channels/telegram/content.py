"""What one Telegram message holds: its words, its files, or the name of what is not understood. Pure.

Names of fields and kinds: https://core.telegram.org/bots/api#message.
"""

import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from channels import json_fields as fields
from channels.file_types import file_id, safe_name
from conversation.errors import MalformedPayload
from conversation.model.message import PROVIDER, Attachment

_LONGEST_NAME = 1000
_LONGEST_FILE_ID = 500
_MOST_ENTITIES = 200
_MOST_SIZES = 100

# the first that is there counts: an animation also comes as a document, for old programs
_FILES: Mapping[str, tuple[str, str]] = {
    "animation": ("animation", "video/mp4"),
    "video": ("video", "video/mp4"),
    "video_note": ("video-note", "video/mp4"),
    "voice": ("voice", "audio/ogg"),
    "audio": ("audio", "audio/mpeg"),
    "sticker": ("sticker", "image/webp"),
    "document": ("file", "application/octet-stream"),
}
_ENDINGS: Mapping[str, str] = {
    "audio/ogg": ".ogg",
    "audio/mpeg": ".mp3",
    "image/webp": ".webp",
    "application/octet-stream": "",
}
# customers send these, and we cannot show them: agents see the kind's name
_NOT_UNDERSTOOD = (
    "live_photo", "paid_media", "poll", "dice", "game", "story", "checklist", "invoice", "gift", "unique_gift", "giveaway",
    "giveaway_winners", "successful_payment", "refunded_payment", "passport_data", "web_app_data", "users_shared", "chat_shared",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """`unsupported` is Telegram's own word for what we do not understand."""

    text: str = ""
    attachments: tuple[Attachment, ...] = ()
    unsupported: str | None = None


def content(message: Mapping[str, Any], owner: str) -> Content | None:
    """The content of a message; None for what Telegram itself reports in a chat (a pin, a new title). `owner` makes the files' ids."""
    attachments = _attachments(message, owner)
    words = _words(message)
    if attachments or words:
        return Content(text=(_quoted(message) + _forwarded(message) + words).rstrip("\n"), attachments=attachments)
    unsupported = next((kind for kind in _NOT_UNDERSTOOD if kind in message), None)
    return None if unsupported is None else Content(unsupported=unsupported)


def own_words(message: Mapping[str, Any]) -> str:
    """The text without its quotation, and without where it was forwarded from."""
    return _words(message)


# -- words -------------------------------------------------------------------------------------------------------------


def _words(message: Mapping[str, Any]) -> str:
    for words, marked in (("text", "entities"), ("caption", "caption_entities")):
        text = fields.text(message, words)
        if text:
            return with_links(text, fields.rows(message, marked, most=_MOST_ENTITIES))
    for kind, read in (("venue", _venue), ("location", _location), ("contact", _contact), ("sticker", _sticker)):
        inner = fields.table(message, kind)
        if inner is not None:
            return read(inner)
    return ""


def with_links(text: str, entities: list[Any]) -> str:
    """The text, and behind words that lead somewhere where they lead to. Offsets count UTF-16 units."""
    units = text.encode("utf-16-le", "surrogatepass")
    ends = sorted((end, url) for end, url in map(_link, entities) if url and 2 * end <= len(units))
    for end, url in reversed(ends):
        units = units[: 2 * end] + f" <{url}>".encode("utf-16-le", "surrogatepass") + units[2 * end :]
    return units.decode("utf-16-le", "replace")


def _link(entity: Any) -> tuple[int, str | None]:
    if not isinstance(entity, dict) or entity.get("type") != "text_link":
        return 0, None
    end = (fields.integer(entity, "offset") or 0) + (fields.integer(entity, "length") or 0)
    return (end, fields.text(entity, "url", longest=2048)) if end > 0 else (0, None)


def _quoted(message: Mapping[str, Any]) -> str:
    """What a customer picked out of what they answer, as mail programs write it; a whole message is only named."""
    quote = fields.table(message, "quote")
    if quote is None or not fields.truth(quote, "is_manual"):
        return ""
    lines = (fields.text(quote, "text") or "").splitlines()
    return "".join(f"> {line}\n" for line in lines)


def _forwarded(message: Mapping[str, Any]) -> str:
    """Whose words these are, where they are not the customer's own."""
    origin = fields.table(message, "forward_origin")
    if origin is None:
        return ""
    chat = fields.table(origin, "sender_chat") or fields.table(origin, "chat") or {}
    known = (
        fields.text(origin, "sender_user_name"),
        name_of(fields.table(origin, "sender_user") or {}),
        fields.text(chat, "title"),
    )
    return f"\N{RIGHTWARDS ARROW WITH HOOK} {next((name for name in known if name), '?')}\n"


def name_of(user: Mapping[str, Any]) -> str | None:
    """A person's name, as they wrote it."""
    both = (
        fields.text(user, "first_name", longest=_LONGEST_NAME),
        fields.text(user, "last_name", longest=_LONGEST_NAME),
    )
    return " ".join(name for name in both if name) or None


def _location(location: Mapping[str, Any]) -> str:
    place = (location.get("latitude"), location.get("longitude"))
    if not all(isinstance(number, int | float) and not isinstance(number, bool) for number in place):
        raise MalformedPayload("a location without latitude or longitude", code="missing")
    return f"\N{ROUND PUSHPIN} {place[0]}, {place[1]}"


def _venue(venue: Mapping[str, Any]) -> str:
    named = [fields.text(venue, key, longest=_LONGEST_NAME) for key in ("title", "address")]
    where = fields.table(venue, "location")
    place = _location(where) if where is not None else "\N{ROUND PUSHPIN}"
    return "\n".join([place, *(name for name in named if name)])


def _contact(contact: Mapping[str, Any]) -> str:
    number = fields.text(contact, "phone_number", longest=64)
    return " ".join(part for part in ("\N{BUST IN SILHOUETTE}", name_of(contact), number) if part)


def _sticker(sticker: Mapping[str, Any]) -> str:
    return fields.text(sticker, "emoji", longest=64) or ""


# -- files -------------------------------------------------------------------------------------------------------------


def _attachments(message: Mapping[str, Any], owner: str) -> tuple[Attachment, ...]:
    """At most one: Telegram sends albums as messages of their own."""
    sizes = fields.rows(message, "photo", most=_MOST_SIZES)
    if sizes:
        return (_attachment(_largest(sizes), ("photo", "image/jpeg"), owner),)
    for kind, usual in _FILES.items():
        file = fields.table(message, kind)
        if file is not None:
            return (_attachment(file, _sticker_as(file) if kind == "sticker" else usual, owner),)
    return ()


def _largest(sizes: list[Any]) -> Mapping[str, Any]:
    if not all(isinstance(size, dict) for size in sizes):
        raise MalformedPayload("a size of a photo is not an object", code="wrong_type")
    largest: Mapping[str, Any] = max(
        sizes, key=lambda size: (fields.integer(size, "width") or 0) * (fields.integer(size, "height") or 0)
    )
    return largest


def _sticker_as(sticker: Mapping[str, Any]) -> tuple[str, str]:
    if fields.truth(sticker, "is_animated"):
        return "sticker.tgs", "application/gzip"
    return ("sticker", "video/webm") if fields.truth(sticker, "is_video") else _FILES["sticker"]


def _attachment(file: Mapping[str, Any], usual: tuple[str, str], owner: str) -> Attachment:
    handle = fields.identifier(file, "file_id", longest=_LONGEST_FILE_ID)
    kind = fields.text(file, "mime_type", longest=127) or usual[1]
    named = fields.text(file, "file_name", longest=_LONGEST_NAME)
    return Attachment(
        id=file_id(owner),
        name=safe_name(named or usual[0] + _ending(usual[0], kind)),
        type=kind,
        size=max(0, fields.integer(file, "file_size") or 0),
        url=PROVIDER + handle,
    )


def _ending(stem: str, kind: str) -> str:
    if "." in stem:
        return ""
    return _ENDINGS.get(kind) or mimetypes.guess_extension(kind, strict=False) or ""

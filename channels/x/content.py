"""What one direct message or post holds: its words, its files, or the name of what is not understood. Pure.

Fields: https://developer.x.com/en/docs/x-api/v1/direct-messages/sending-and-receiving/guides/message-create-object
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from channels import json_fields as fields
from channels.file_types import file_id, safe_name
from conversation.errors import MalformedPayload
from conversation.model.message import PROVIDER, Attachment

_PRIVATE = "https://ton.twitter.com"  # asks for a signature
_MOST = 500
_LONGEST_URL = 2000
_TYPES: Mapping[str, tuple[str, str]] = {
    "photo": ("picture.jpg", "image/jpeg"),
    "animated_gif": ("film.mp4", "video/mp4"),
    "video": ("film.mp4", "video/mp4"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """`unsupported` is X's own word for what we cannot show."""

    text: str = ""
    attachments: tuple[Attachment, ...] = ()
    unsupported: str | None = None


def of_direct_message(data: Mapping[str, Any], owner: str) -> Content:
    """The content of a direct message. `owner` makes the file's id: the same bytes make the same event, whenever they are read."""
    text = _words(data, "text", _links(data))
    attachment = fields.table(data, "attachment")
    if attachment is None:
        return Content(text=text)
    kind = fields.text(attachment, "type", longest=64) or "attachment"
    if kind == "location":
        return Content(text=_lines(text, _place(attachment)))
    media = fields.table(attachment, "media")
    if kind != "media" or media is None:
        return Content(text=text, unsupported=kind)
    return _with_files(text, [media], owner)


def of_post(post: Mapping[str, Any], owner: str) -> Content:
    """The content of a post. Long posts have their whole text in `extended_tweet`."""
    whole = fields.table(post, "extended_tweet")
    data = post if whole is None else whole
    text = _words(data, "text" if whole is None else "full_text", _links(data))
    more = fields.table(data, "extended_entities")
    return _with_files(text, _rows(more, "media"), owner)


def mentioned(post: Mapping[str, Any]) -> set[str]:
    """The ids of all who are named in a post."""
    whole = fields.table(post, "extended_tweet")
    entities = fields.table(post if whole is None else whole, "entities")
    return {fields.text(one, "id_str") or "" for one in _rows(entities, "user_mentions")}


def _with_files(text: str, found: Sequence[Mapping[str, Any]], owner: str) -> Content:
    """A file's own link stands at the end of the text: it leads nobody but its sender anywhere."""
    files = []
    for place, media in enumerate(found):
        kind = fields.text(media, "type", longest=64) or "media"
        if kind not in _TYPES:
            return Content(text=text, unsupported=kind)
        link = fields.text(media, "url")
        text = text.replace(link, "").strip() if link else text
        files.append(_file(kind, media, f"{owner}/{place}"))
    return Content(text=text, attachments=tuple(files))


def _file(kind: str, media: Mapping[str, Any], owner: str) -> Attachment:
    name, media_type = _TYPES[kind]
    url = _film(media) if media_type.startswith("video/") else fields.text(media, "media_url_https")
    if not url or len(url) > _LONGEST_URL or not url.startswith("https://"):
        raise MalformedPayload("a file without an address", code="bad_url")
    private = url.startswith(_PRIVATE + "/")
    return Attachment(
        id=file_id(owner),
        name=safe_name(name),
        type=media_type,
        url=PROVIDER + url.removeprefix(_PRIVATE) if private else url,
    )


def _film(media: Mapping[str, Any]) -> str | None:
    """The best of those that a browser plays."""
    variants = _rows(fields.table(media, "video_info"), "variants")
    played = [one for one in variants if one.get("content_type") == "video/mp4"]
    best = max(played, key=lambda one: fields.integer(one, "bitrate") or 0, default=None)
    return fields.text(best, "url") if best else None


def _words(data: Mapping[str, Any], key: str, links: Mapping[str, str]) -> str:
    """X escapes three characters, and shortens links: people are shown where those lead."""
    text = fields.text(data, key) or ""
    for short, whole in links.items():
        text = text.replace(short, whole)
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _links(data: Mapping[str, Any]) -> Mapping[str, str]:
    found = {}
    for one in _rows(fields.table(data, "entities"), "urls"):
        short, whole = fields.text(one, "url"), fields.text(one, "expanded_url", longest=_LONGEST_URL)
        # the link of a file is no link of theirs
        if short and whole and short.startswith("https://t.co/") and "/messages/media/" not in whole:
            found[short] = whole
    return found


def _place(attachment: Mapping[str, Any]) -> str:
    location = fields.table(attachment, "location") or {}
    shared = fields.table(location, "shared_coordinate") or {}
    pair = (fields.table(shared, "coordinates") or {}).get("coordinates")
    named = fields.table(fields.table(location, "shared_place") or {}, "place") or {}
    name = fields.text(named, "full_name", longest=_LONGEST_URL)
    if isinstance(pair, list) and len(pair) == 2 and all(isinstance(one, int | float) for one in pair):  # noqa: PLR2004
        return f"\N{ROUND PUSHPIN} {pair[1]}, {pair[0]}"  # GeoJSON says the longitude first
    if name:
        return f"\N{ROUND PUSHPIN} {name}"
    raise MalformedPayload("a location without a place", code="missing")


def _lines(*parts: str) -> str:
    return "\n".join(part for part in parts if part)


def _rows(data: Mapping[str, Any] | None, key: str) -> list[Mapping[str, Any]]:
    found = fields.rows(data or {}, key, most=_MOST)
    if not all(isinstance(one, dict) for one in found):
        raise MalformedPayload(f"'{key}' holds something else than objects", code="wrong_type")
    return found

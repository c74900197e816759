"""What one WhatsApp message holds: its words, its files, or the name of what is not understood. Pure.

Source: developers.facebook.com/docs/whatsapp/cloud-api/webhooks/payload-examples.
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from channels import json_fields as fields
from channels.meta.common_fields import attachment, inner, lines, named, number, place
from conversation.errors import MalformedPayload
from conversation.model.message import PROVIDER, Attachment

_LONGEST_MEDIA_ID = 200
_MOST_CARDS = 50
_MOST_ANSWERS = 100
_SHA256 = 32
FORWARDED = "\N{RIGHTWARDS ARROW WITH HOOK}\n"
_USUAL: Mapping[str, str] = {
    "image": "image/jpeg",
    "video": "video/mp4",
    "audio": "audio/ogg",
    "sticker": "image/webp",
    "document": "application/octet-stream",
}
# answers of our own forms hold this token of ours; it is no answer
_NO_ANSWER = "flow_token"


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """`unsupported` is WhatsApp's own word for what is not understood."""

    text: str = ""
    attachments: tuple[Attachment, ...] = ()
    unsupported: str | None = None


def content(message: Mapping[str, Any], kind: str, owner: str) -> Content:
    """The content of a message. `owner` makes the files' ids. Raises `MalformedPayload`."""
    if kind in _USUAL:
        found = _file(inner(message, kind), kind, owner)
    elif kind in _WORDS:
        found = _WORDS[kind](message)
    else:
        return Content(unsupported=named(inner(message, "unsupported"), "type") or kind)
    forwarded = inner(message, "context")
    if found.unsupported is None and (forwarded.get("forwarded") or forwarded.get("frequently_forwarded")):
        return replace(found, text=FORWARDED + found.text)
    return found


# -- words -------------------------------------------------------------------------------------------------------------


def _text(message: Mapping[str, Any]) -> Content:
    body = fields.text(inner(message, "text"), "body")
    if body is None:
        raise MalformedPayload("'text.body' is missing", code="missing")
    return Content(text=body)


def _button(message: Mapping[str, Any]) -> Content:
    """A template's own button."""
    button = inner(message, "button")
    return Content(text=named(button, "text") or named(button, "payload") or "")


def _interactive(message: Mapping[str, Any]) -> Content:
    interactive = inner(message, "interactive")
    kind = named(interactive, "type") or "interactive"
    if kind in ("button_reply", "list_reply"):
        return Content(text=named(inner(interactive, kind), "title") or "")
    answers = _form(inner(interactive, kind)) if kind == "nfm_reply" else ""
    if answers:
        return Content(text=answers)
    return Content(unsupported=kind)


def _form(reply: Mapping[str, Any]) -> str:
    """The answers of a form, one a line; nothing where they cannot be read."""
    try:
        answers = json.loads(fields.text(reply, "response_json", longest=100_000) or "{}")
    except (ValueError, RecursionError):
        return ""
    if not isinstance(answers, dict) or len(answers) > _MOST_ANSWERS:
        return ""
    shown = (f"{key}: {_answer(value)}" for key, value in answers.items() if key != _NO_ANSWER)
    return lines(*shown)


def _answer(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _location(message: Mapping[str, Any]) -> Content:
    location = inner(message, "location")
    where = place(location.get("latitude"), location.get("longitude"))
    return Content(text=lines(where, named(location, "name"), named(location, "address")))


def _contacts(message: Mapping[str, Any]) -> Content:
    cards = fields.rows(message, "contacts", most=_MOST_CARDS)
    shown = lines(*(_card(card) for card in cards if isinstance(card, dict)))
    return Content(text=shown) if shown else Content(unsupported="contacts")


def _card(card: Mapping[str, Any]) -> str:
    phones = [one for one in fields.rows(card, "phones", most=_MOST_CARDS) if isinstance(one, dict)]
    numbers = ", ".join(phone for one in phones if (phone := named(one, "phone")))
    shown = ("\N{BUST IN SILHOUETTE}", named(inner(card, "name"), "formatted_name"), numbers)
    return " ".join(part for part in shown if part)


_WORDS: Mapping[str, Callable[[Mapping[str, Any]], Content]] = {
    "text": _text,
    "button": _button,
    "interactive": _interactive,
    "location": _location,
    "contacts": _contacts,
}


# -- files -------------------------------------------------------------------------------------------------------------


def _file(media: Mapping[str, Any], kind: str, owner: str) -> Content:
    media_type = named(media, "mime_type") or _USUAL[kind]
    name = named(media, "filename") or ("voice" if media.get("voice") is True else kind)
    known = number(media, "id", longest=_LONGEST_MEDIA_ID)
    if not known.isascii() or not known.isalnum():
        raise MalformedPayload("a file's 'id' is not a media id", code="bad_id")
    digest = _digest(named(media, "sha256"))
    file = attachment(owner, name=name, media_type=media_type, url=PROVIDER + known, digest=digest)
    return Content(text=fields.text(media, "caption") or "", attachments=(file,))


def _digest(shown: str | None) -> str | None:
    """In hexadecimal, as it is stored; events hold it in base64."""
    try:
        data = base64.b64decode(shown or "", validate=True)
    except (binascii.Error, ValueError):
        return None
    return data.hex() if len(data) == _SHA256 else None

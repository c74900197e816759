"""An agent's reply -> requests of the Graph API, one part for each message that the customer gets. Pure.

Sources: developers.facebook.com/docs/whatsapp/cloud-api/guides/send-messages, developers.facebook.com/docs/messenger-platform/reference/send-api.
"""

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from channels import strict_json
from channels.file_types import safe_name
from channels.meta.comments import COMMENT, POST
from channels.meta.platforms import LIMITS, Platform, kind_of
from channels.text_splitting import length, parts
from conversation.model.choices import choices_of, numbered_lines
from conversation.model.message import Attachment
from conversation.model.outbound import OutboundMessage
from conversation.wording import CATALOGUE

_BUTTONS = 3
_BUTTON_TITLE = 20
_LONGEST_PARAMETER = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One message. Where there is a `file`, it is uploaded first, as a `kind`; `given` is then what goes with it."""

    given: Mapping[str, Any]
    file: Attachment | None = None
    kind: str = ""


def private(message: OutboundMessage) -> bool:
    """Whether this answers a public comment: one message is allowed."""
    return message.to.address.startswith((COMMENT, POST))


def messages(platform: Platform, message: OutboundMessage, templates: Mapping[str, Sequence[str]]) -> list[Part]:
    """In order: the text in parts of the medium's length, then the files. On WhatsApp a short text is a single file's caption."""
    if message.template is not None:
        return [_template(message, templates.get(message.template, ()))]
    limits = LIMITS[platform]
    question, choices = _asked(platform, message)
    whatsapp = platform is Platform.WHATSAPP
    files = [_file(platform, attachment) for attachment in message.attachments]
    if whatsapp and len(files) == 1 and not choices and _is_caption(platform, files[0], question):
        return [Part(given={"caption": question}, file=files[0].file, kind=files[0].kind)]
    texts = parts(question, limits.body if choices else limits.text, limits.unit)
    found: list[Part] = [Part(given=_text(platform, text)) for text in texts]
    if choices and texts:
        buttons = _interactive(message, texts[-1], choices) if whatsapp else _quick(texts[-1], choices)
        found[-1] = Part(given=buttons)
    return [*found, *files]


def with_file(platform: Platform, part: Part, identifier: str) -> Mapping[str, Any]:
    """The message once its file has an id."""
    if part.file is None:
        return part.given
    if platform is not Platform.WHATSAPP:
        return {"attachment": {"type": part.kind, "payload": {"attachment_id": identifier}}}
    named = {"filename": safe_name(part.file.name)} if part.kind == "document" else {}
    return {"type": part.kind, part.kind: {"id": identifier, **part.given, **named}}


def request(platform: Platform, message: OutboundMessage, given: Mapping[str, Any], *, first: bool, tag: bool) -> bytes:
    """The body of one call. The first part names what is answered, where that is a message of the same medium."""
    answered = message.reply_to if first and not private(message) else None
    if platform is Platform.WHATSAPP:
        address = message.to.address
        to = {"to": address} if address.isascii() and address.isdigit() else {"recipient": address}
        known = {"context": {"message_id": answered}} if answered and answered.startswith("wamid.") else {}
        return strict_json.compact(
            {"messaging_product": "whatsapp", **to, **known, **given, "biz_opaque_callback_data": message.id}
        )
    kind = {"messaging_type": "MESSAGE_TAG", "tag": "HUMAN_AGENT"} if tag else {"messaging_type": "RESPONSE"}
    quoted = {"reply_to": {"mid": answered}} if answered and answered.startswith(("m_", "aWdf")) else {}
    return strict_json.compact({"recipient": _recipient(message.to.address), **kind, **quoted, "message": given})


def upload(platform: Platform, file: Attachment, kind: str, data: bytes) -> tuple[str, bytes]:
    """(content type, body) of a file, as a form. Meta takes no names beyond ASCII here; WhatsApp shows the one in the message."""
    name = safe_name(file.name).encode("ascii", "replace").decode().replace("?", "_")
    if platform is Platform.WHATSAPP:
        fields = {"messaging_product": "whatsapp", "type": file.type}
        return _form(fields, "file", name, file.type, data)
    described = {"attachment": {"type": kind, "payload": {"is_reusable": False}}}
    fields = {"message": json.dumps(described)}
    if platform is Platform.INSTAGRAM:
        fields["platform"] = "instagram"
    return _form(fields, "filedata", name, file.type, data)


# -- parts -------------------------------------------------------------------------------------------------------------


def _asked(platform: Platform, message: OutboundMessage) -> tuple[str, tuple[str, ...]]:
    """The question and its choices where they can be buttons; else all of it as text, numbered."""
    question, choices = choices_of(message.text) if message.automatic else (message.text, ())
    limits = LIMITS[platform]
    fits = len(choices) <= limits.choices and all(0 < len(one) <= limits.title for one in choices)
    if choices and fits and question.strip() and len(set(choices)) == len(choices):
        return question, choices
    return numbered_lines(message.text) if message.automatic else message.text, ()


def _text(platform: Platform, text: str) -> Mapping[str, Any]:
    if platform is Platform.WHATSAPP:
        return {"type": "text", "text": {"body": text, "preview_url": False}}
    return {"text": text}


def _interactive(message: OutboundMessage, body: str, choices: Sequence[str]) -> Mapping[str, Any]:
    """Up to three buttons, else a list. Each returns its number and its label."""
    if len(choices) <= _BUTTONS and all(len(one) <= _BUTTON_TITLE for one in choices):
        buttons = [{"type": "reply", "reply": {"id": f"{at}", "title": one}} for at, one in enumerate(choices, start=1)]
        interactive: Mapping[str, Any] = {"type": "button", "body": {"text": body}, "action": {"buttons": buttons}}
        return {"type": "interactive", "interactive": interactive}
    rows = [{"id": f"{at}", "title": one} for at, one in enumerate(choices, start=1)]
    label = CATALOGUE.texts("choices", message.language)("open_list")
    interactive = {"type": "list", "body": {"text": body}, "action": {"button": label, "sections": [{"rows": rows}]}}
    return {"type": "interactive", "interactive": interactive}


def _quick(text: str, choices: Sequence[str]) -> Mapping[str, Any]:
    replies = [{"content_type": "text", "title": one, "payload": f"{at}"} for at, one in enumerate(choices, start=1)]
    return {"text": text, "quick_replies": replies}


def _file(platform: Platform, attachment: Attachment) -> Part:
    return Part(given={}, file=attachment, kind=kind_of(platform, attachment.type, attachment.size) or "")


def _is_caption(platform: Platform, part: Part, text: str) -> bool:
    limits = LIMITS[platform]
    return bool(text.strip()) and part.kind != "audio" and length(text, limits.unit) <= limits.caption


def _template(message: OutboundMessage, languages: Sequence[str]) -> Part:
    """In the customer's language where it was approved in that, else in the first."""
    wanted = (message.language or "").replace("-", "_").lower()
    ranks: tuple[Callable[[str], bool], ...] = (
        lambda one: one.lower() == wanted,
        lambda one: one.lower().partition("_")[0] == wanted.partition("_")[0],
        lambda _: True,
    )
    language = next((one for fits in ranks for one in languages if fits(one)), "en")
    texts = [" ".join(one.split())[:_LONGEST_PARAMETER] or "-" for one in message.parameters]
    body = [{"type": "body", "parameters": [{"type": "text", "text": text} for text in texts]}] if texts else []
    return Part(
        given={
            "type": "template",
            "template": {"name": message.template, "language": {"code": language}, "components": body},
        }
    )


# -- bytes -------------------------------------------------------------------------------------------------------------


def _recipient(address: str) -> Mapping[str, str]:
    for prefix, key in ((COMMENT, "comment_id"), (POST, "post_id")):
        if address.startswith(prefix):
            return {key: address.removeprefix(prefix)}
    return {"id": address}


def _form(fields: Mapping[str, str], key: str, name: str, media_type: str, data: bytes) -> tuple[str, bytes]:
    border = secrets.token_hex(16)
    rows = [f'--{border}\r\nContent-Disposition: form-data; name="{one}"\r\n\r\n{fields[one]}\r\n' for one in fields]
    head = f'--{border}\r\nContent-Disposition: form-data; name="{key}"; filename="{name}"\r\nContent-Type: {media_type}\r\n\r\n'
    body = "".join(rows).encode() + head.encode() + data + f"\r\n--{border}--\r\n".encode()
    return f"multipart/form-data; boundary={border}", body

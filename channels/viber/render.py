"""An agent's reply -> the bodies of the calls that carry it. Pure.

https://developers.viber.com/docs/api/rest-bot-api/#send-message, and https://developers.viber.com/docs/tools/keyboards/ for the buttons.
"""

import html
from collections.abc import Mapping, Sequence
from typing import Any

from channels import strict_json
from channels.public_files import Shared
from channels.text_splitting import parts
from conversation.model.choices import choices_of, numbered_lines
from conversation.model.outbound import OutboundMessage

TEXT = 7000
CHOICES = 12  # rows of a keyboard on a telephone held upright

# https://developers.viber.com/docs/api/rest-bot-api/#picture-message, #video-message, #file-message
PICTURES = ("image/jpeg", "image/png", "image/gif")
PICTURE_BYTES = 1_000_000
FILMS = ("video/mp4",)
FILM_BYTES = 26_000_000
NOT_TAKEN = (".exe", ".bat", ".cmd", ".com", ".js", ".jar", ".msi", ".scr", ".vbs", ".app", ".apk")
_FILE_NAME = 256

_WHOLE_CALL = 30_000  # bytes that Viber takes in one call, of which the text may be that much less
_AROUND = 6_000
_ACTION = 250
_MIN_VERSION = 1


def messages(message: OutboundMessage, sender: Mapping[str, str], files: Sequence[Shared] = ()) -> list[bytes]:
    """One call for each part of the text, in order, then the files; the last one bears the buttons of a question.

    The numbered lines stay above them: a computer shows no keyboard.
    """
    texts = [
        piece
        for part in parts(numbered_lines(message.text), TEXT)
        for piece in parts(part, _WHOLE_CALL - _AROUND, "bytes")
    ]
    choices = choices_of(message.text)[1] if message.automatic else ()
    given: list[Mapping[str, Any]] = [{"type": "text", "text": text} for text in texts]
    bodies = [_body(message, sender, one) for one in (*given, *(_file(file) for file in files))]
    if bodies and 0 < len(choices) <= CHOICES:
        bodies[-1]["keyboard"] = keyboard(choices)
    return [strict_json.compact(body) for body in bodies]


def keyboard(choices: Sequence[str]) -> dict[str, Any]:
    """One button a row. Pressing it sends the choice, as if it had been typed."""
    return {"Type": "keyboard", "DefaultHeight": False, "Buttons": [_button(choice) for choice in choices]}


def _button(choice: str) -> dict[str, Any]:
    # its label is read as HTML, the text that it sends is not
    face = html.escape(choice[:_ACTION], quote=False)
    return {"Columns": 6, "Rows": 1, "ActionType": "reply", "ActionBody": choice[:_ACTION], "Text": face}


def welcome(text: str, sender: Mapping[str, str]) -> bytes:
    """The greeting for whoever opens the chat: it is sent in the response to that call, and nowhere else."""
    return strict_json.compact({"sender": dict(sender), "type": "text", "text": text})


def webhook(url: str) -> bytes:
    """The registration of the webhook: which events go to which address, with customers' names where they allow it."""
    kinds = ("delivered", "seen", "failed", "subscribed", "unsubscribed", "conversation_started")
    return strict_json.compact({"url": url, "event_types": list(kinds), "send_name": True, "send_photo": False})


def _file(file: Shared) -> Mapping[str, Any]:
    """A picture and a film as such, with what Viber wants to know of them; all else as a file."""
    name, size = file.attachment.name, file.attachment.size
    if file.is_one_of(PICTURES, bytes_=PICTURE_BYTES):
        return {"type": "picture", "text": "", "media": file.url}
    if file.is_one_of(FILMS, bytes_=FILM_BYTES):
        return {"type": "video", "media": file.url, "size": size}
    if name.casefold().endswith(NOT_TAKEN):
        return {"type": "text", "text": file.line}
    return {"type": "file", "media": file.url, "size": size, "file_name": name[-_FILE_NAME:]}


def _body(message: OutboundMessage, sender: Mapping[str, str], given: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "receiver": message.to.address,
        "min_api_version": _MIN_VERSION,
        "sender": dict(sender),
        "tracking_data": message.id,
        **given,
    }

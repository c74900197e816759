"""An agent's reply -> LINE's message objects, and the bodies of the calls that carry them. Pure.

https://developers.line.biz/en/reference/messaging-api/#message-objects, and #quick-reply for the buttons.
"""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from channels import strict_json
from channels.public_files import Shared
from channels.text_splitting import parts
from conversation.model.choices import choices_of, numbered_lines
from conversation.model.outbound import OutboundMessage

TEXT = 5000
UNIT = "utf16"
IN_ONE_CALL = 5
CHOICES = 13
PICTURES = ("image/jpeg", "image/png")
PREVIEW_BYTES = 1_000_000  # a larger picture would need a smaller twin, which we do not make

_LABEL = 20
_BUTTON_TEXT = 300
_RETRY_KEYS = uuid.UUID("9d1e1a52-8f0f-5d6c-9a57-6c696e652121")


def messages(message: OutboundMessage, files: Sequence[Shared] = ()) -> list[Mapping[str, Any]]:
    """The text in parts of the medium's length, then the files, in order; the last one bears the buttons of a question.

    The numbered lines stay below the question: LINE shows buttons on telephones only.
    """
    found: list[Mapping[str, Any]] = [
        {"type": "text", "text": part} for part in parts(numbered_lines(message.text), TEXT, UNIT)
    ]
    found += [_file(file) for file in files]
    choices = choices_of(message.text)[1] if message.automatic else ()
    if found and 0 < len(choices) <= CHOICES:
        found[-1] = {**found[-1], "quickReply": {"items": [_button(choice) for choice in choices]}}
    return found


def _file(file: Shared) -> Mapping[str, Any]:
    """A picture as such; a film needs a still and a recording its length, so these and all else go by their address."""
    if file.is_one_of(PICTURES, bytes_=PREVIEW_BYTES):
        return {"type": "image", "originalContentUrl": file.url, "previewImageUrl": file.url}
    return {"type": "text", "text": file.line}


def _button(choice: str) -> Mapping[str, Any]:
    label = choice if len(choice) <= _LABEL else choice[: _LABEL - 1] + "…"
    return {"type": "action", "action": {"type": "message", "label": label, "text": choice[:_BUTTON_TEXT]}}


def reply(token: str, batch: Sequence[Mapping[str, Any]]) -> bytes:
    """The body of `message/reply`."""
    return strict_json.compact({"replyToken": token, "messages": list(batch)})


def push(to: str, batch: Sequence[Mapping[str, Any]]) -> bytes:
    """The body of `message/push`."""
    return strict_json.compact({"to": to, "messages": list(batch)})


def retry_key(message_id: str, first: int) -> str:
    """The same for the same messages, so that LINE takes them once; `first` is the place of the call's first message."""
    return str(uuid.uuid5(_RETRY_KEYS, f"{message_id}/{first}"))

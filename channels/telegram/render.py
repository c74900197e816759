"""An agent's reply -> calls of the Bot API, one for each message that the customer gets. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from channels.text_splitting import length, parts
from conversation.model.choices import choices_of
from conversation.model.message import Attachment
from conversation.model.outbound import OutboundMessage

# https://core.telegram.org/bots/api#sendmessage, #sendphoto and #senddocument; texts are counted in UTF-16 units
TEXT = 4096
CAPTION = 1024
UPLOAD = 50_000_000
PHOTO = 10_000_000
UNIT = "utf16"

_PHOTOS = frozenset({"image/jpeg", "image/png", "image/webp"})
_ONE_ROW = 3
_SHORT = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class BotApiCall:
    """One message. `given` lacks the chat; the bytes of `file` go under `field`."""

    method: str
    given: Mapping[str, Any]
    field: str = ""
    file: Attachment | None = None

    def as_document(self) -> "BotApiCall":
        """The same file, sent as it is: for pictures that Telegram cannot show."""
        return BotApiCall(method="sendDocument", given=self.given, field="document", file=self.file)


def calls(message: OutboundMessage) -> list[BotApiCall]:
    """In order: the text in parts of the medium's length, then the files. A short text stands below a single file instead."""
    question, choices = choices_of(message.text) if message.automatic else (message.text, ())
    if len(message.attachments) == 1 and not choices and length(question, UNIT) <= CAPTION:
        caption = {"caption": question} if question.strip() else {}
        return [_file(message.attachments[0], {**_answering(message), **caption})]
    texts = [_text(part) for part in parts(question, TEXT, UNIT)]
    found = [*texts, *(_file(attachment, {}) for attachment in message.attachments)]
    if choices and texts:
        found[len(texts) - 1] = _text(texts[-1].given["text"], {"reply_markup": keyboard(choices)})
    return [_first(found[0], _answering(message)), *found[1:]] if found else []


def keyboard(choices: Sequence[str]) -> Mapping[str, Any]:
    """Buttons below the question. Each returns its number and its label."""
    buttons = [{"text": choice, "callback_data": str(number)} for number, choice in enumerate(choices, start=1)]
    if len(buttons) <= _ONE_ROW and all(len(choice) <= _SHORT for choice in choices):
        return {"inline_keyboard": [buttons]}
    return {"inline_keyboard": [[button] for button in buttons]}


def _text(text: str, more: Mapping[str, Any] | None = None) -> BotApiCall:
    return BotApiCall(method="sendMessage", given={"text": text, **(more or {})})


def _file(attachment: Attachment, given: Mapping[str, Any]) -> BotApiCall:
    if attachment.type in _PHOTOS and attachment.size <= PHOTO:
        return BotApiCall(method="sendPhoto", given=given, field="photo", file=attachment)
    return BotApiCall(method="sendDocument", given=given, field="document", file=attachment)


def _first(call: BotApiCall, more: Mapping[str, Any]) -> BotApiCall:
    return BotApiCall(method=call.method, given={**call.given, **more}, field=call.field, file=call.file)


def _answering(message: OutboundMessage) -> Mapping[str, Any]:
    """In a group, what is answered: one that was deleted meanwhile keeps nothing back. Between two, it would quote every line."""
    chat, _, number = (message.reply_to or "").partition(":")
    if not chat.startswith("-") or chat != message.to.address or not (number.isascii() and number.isdigit()):
        return {}
    return {"reply_parameters": {"message_id": int(number), "allow_sending_without_reply": True}}

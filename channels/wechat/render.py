"""An agent's reply -> the bodies of customer-service messages, template messages and passive replies. Pure.

https://developers.weixin.qq.com/doc/service/api/customer/message/api_sendcustommessage
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from channels import strict_json
from channels.text_splitting import length, parts
from channels.wechat import encryption, xml
from conversation.model.choices import choices_of, numbered_lines
from conversation.model.message import Attachment
from conversation.model.outbound import OutboundMessage

TEXT = 2048
UNIT = "bytes"
CHOICES = 9
UPLOADS: Mapping[str, tuple[str, int]] = {  # type -> WeChat's word for it, and its largest file in bytes
    "image/jpeg": ("image", 10_000_000),
    "image/png": ("image", 10_000_000),
    "image/gif": ("image", 10_000_000),
    "audio/amr": ("voice", 2_000_000),
    "audio/mpeg": ("voice", 2_000_000),
    "video/mp4": ("video", 10_000_000),
}
UPLOAD = 10_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiCall:
    """One message. Where `file` is set, its media id is still missing below `body[kind]`."""

    kind: str
    body: Mapping[str, Any]
    file: Attachment | None = None
    path: str = "cgi-bin/message/custom/send"

    def with_media(self, media_id: str) -> "ApiCall":
        """The same, with the file that was uploaded."""
        return ApiCall(kind=self.kind, body={**self.body, self.kind: {"media_id": media_id}}, path=self.path)


def calls(message: OutboundMessage, *, menus: bool = False) -> list[ApiCall]:
    """In order: the text in parts of the medium's length, then the files."""
    to = {"touser": message.to.address}
    question, choices = choices_of(message.text) if message.automatic else (message.text, ())
    if menus and 0 < len(choices) <= CHOICES and length(question, UNIT) <= TEXT:
        return [_menu(to, question, choices)]
    texts = parts(numbered_lines(message.text), TEXT, UNIT)
    calls = [ApiCall(kind="text", body={**to, "msgtype": "text", "text": {"content": text}}) for text in texts]
    return [*calls, *(_file(to, attachment) for attachment in message.attachments)]


def _menu(to: Mapping[str, str], question: str, choices: Sequence[str]) -> ApiCall:
    """A tapped item comes back as a text, which is the choice."""
    items = [{"id": str(number), "content": choice} for number, choice in enumerate(choices, start=1)]
    menu = {"head_content": question, "list": items, "tail_content": ""}
    return ApiCall(kind="msgmenu", body={**to, "msgtype": "msgmenu", "msgmenu": menu})


def _file(to: Mapping[str, str], attachment: Attachment) -> ApiCall:
    kind, _ = UPLOADS.get(attachment.type, ("", 0))
    return ApiCall(kind=kind, body={**to, "msgtype": kind}, file=attachment)


def template(message: OutboundMessage, template_id: str, names: Sequence[str]) -> ApiCall:
    """A template message: the parameters in the order of its fields."""
    data = {name: {"value": value} for name, value in zip(names, message.parameters, strict=False)}
    body = {"touser": message.to.address, "template_id": template_id, "data": data}
    return ApiCall(kind="template", body=body, path="cgi-bin/message/template/send")


def body(call: ApiCall) -> bytes:
    """The JSON. WeChat shows escapes of characters as they stand: there must be none."""
    return strict_json.compact(call.body)


def upload(name: str, kind: str, data: bytes, *, boundary: str) -> bytes:
    """The multipart body of `cgi-bin/media/upload`. `boundary` must not occur in the data."""
    quoted = "".join(c if (c.isascii() and c.isalnum()) or c in "._-" else "_" for c in name)
    head = f'--{boundary}\r\ncontent-disposition: form-data; name="media"; filename="{quoted}"\r\ncontent-type: {kind}\r\n\r\n'
    return head.encode() + data + f"\r\n--{boundary}--\r\n".encode()


def passive(text: str, *, to: str, sender: str, at: int) -> bytes:
    """A passive reply, which is the response to WeChat's own call."""
    return xml.document(
        {"ToUserName": to, "FromUserName": sender, "CreateTime": str(at), "MsgType": "text", "Content": text}
    )


def encrypted(text: str, token: str, *, at: int, nonce: str) -> bytes:
    """An encrypted passive reply in its envelope."""
    signed = encryption.signature(token, str(at), nonce, text)
    return xml.document({"Encrypt": text, "MsgSignature": signed, "TimeStamp": str(at), "Nonce": nonce})

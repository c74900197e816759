"""A letter as JSON, as `parse email` prints it. Pure."""

from collections.abc import Mapping
from typing import Any

from channels.email import normalize
from channels.email.mime import automatic_mail as machine
from channels.email.mime.parsed_mail import UNPARSABLE, File, Letter
from conversation.errors import MalformedPayload


def to_dict(raw: bytes) -> dict[str, Any]:
    """The letter as JSON, as `parse email` prints it."""
    try:
        read = normalize.letter(raw)
    except MalformedPayload as fault:
        return {**_NOTHING, "malformed": f"{fault.code}: {fault.detail}"}
    return {
        "from": read.sender.address if read.sender else UNPARSABLE,
        "from_name": read.sender.name if read.sender else None,
        "to": [one.address for one in read.to],
        "cc": [one.address for one in read.cc],
        "subject": read.subject,
        "message_id": read.message_id,
        "in_reply_to": " ".join(read.in_reply_to) or None,
        "references": list(read.references),
        "date": read.date.isoformat() if read.date else None,
        "text": read.text,
        "reply": read.reply,
        "html": read.html,
        "attachments": [_file_to_dict(one) for one in read.attachments],
        "machine": read.machine,
        "bounce": [_bounce_to_dict(read, at) for at in range(len(read.bounces))]
        if read.machine == machine.BOUNCE
        else None,
        "authentication": [{"server": one.server, "results": dict(one.results)} for one in read.authentication],
        "encrypted": read.encrypted,
        "cut": read.cut,
        "malformed": None,
    }


_NOTHING: Mapping[str, Any] = {
    "from": None, "from_name": None, "to": [], "cc": [], "subject": None, "message_id": None, "in_reply_to": None, "references": [],
    "date": None, "text": None, "reply": None, "html": None, "attachments": [], "machine": None, "bounce": None, "authentication": [],
    "encrypted": False, "cut": None,
}  # fmt: skip


def _file_to_dict(file: File) -> dict[str, Any]:
    return {"name": file.name, "type": file.type, "size": file.size, "inline": file.inline, "cid": file.cid}


def _bounce_to_dict(read: Letter, at: int) -> dict[str, Any]:
    row = read.bounces[at]
    return {
        "address": row.address,
        "status": row.status,
        "hard": row.hard,
        "gone": row.gone,
        "action": row.action,
        "reason": row.reason,
        "original_message_id": row.original_id,
    }

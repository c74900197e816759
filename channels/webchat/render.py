"""Messages and states -> the JSON that a visitor's page gets. Pure.

Notes never come here; of agents a visitor learns the name alone.
"""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from channels.webchat.normalize import FieldFault, external_id
from conversation.model.choices import choices_of
from conversation.model.message import Attachment, AuthorKind, Direction, Message
from conversation.model.people import public_name
from conversation.ports.customer_pages import Availability


def message(one: Message, *, channel: str, address: str) -> dict[str, Any]:
    """One message as the page shows it."""
    body: dict[str, Any] = {
        "seq": one.feed_seq,
        "id": one.id,
        "conversation": one.conversation,
        "direction": one.direction.value,
        "author": _author(one),
        "text": one.text,
        "attachments": [_attachment(file, channel) for file in one.attachments],
        "status": one.status.value,
        "sent_at": (one.sent_at or one.created_at).isoformat(),
    }
    choices = choices_of(one.text)[1] if one.author.kind is AuthorKind.SYSTEM else ()
    if choices:
        body["choices"] = list(choices)
    own = external_id(address, "")
    if one.direction is Direction.IN and one.external_id and one.external_id.startswith(own):
        body["client_id"] = one.external_id.removeprefix(own)
    return body


def status(availability: Availability) -> dict[str, Any]:
    """Whether somebody answers now, and how long it may take."""
    opens = availability.next_opening
    body: dict[str, Any] = {"open": availability.open, "next_opening": opens.isoformat() if opens else None}
    if availability.next_opening_words:
        body["next_opening_words"] = availability.next_opening_words
    if availability.position is not None:
        body["position"] = availability.position
    if availability.wait is not None:
        body["wait"] = availability.wait
    return body


def frame(kind: str, value: object) -> str:
    """One frame to the page."""
    return json.dumps({kind: value}, ensure_ascii=False, separators=(",", ":"))


def problem(status: int, code: str, detail: str, faults: Sequence[FieldFault] = ()) -> bytes:
    """A problem document (RFC 9457)."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
    }
    if faults:
        body["errors"] = [error(fault) for fault in faults]
    return json.dumps(body, ensure_ascii=False).encode()


def error(fault: FieldFault) -> Mapping[str, str]:
    """One field at fault."""
    return {"field": fault.field, "code": fault.code, "message": fault.detail}


def _author(one: Message) -> dict[str, Any]:
    if one.author.kind is AuthorKind.AGENT:
        return {"kind": "agent", "name": public_name(one.author.name)}
    return {"kind": one.author.kind.value}


def _attachment(file: Attachment, channel: str) -> dict[str, Any]:
    return {
        "id": file.id,
        "name": file.name,
        "type": file.type,
        "size": file.size,
        "url": f"/chat/{channel}/attachments/{file.id}",
    }

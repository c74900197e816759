"""The body of a signed webhook -> events. Pure.

One object stands for itself: what is wrong with it is raised. In a list each item stands alone: a bad one becomes `Malformed`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from channels import json_fields as fields
from channels import strict_json
from channels.address_guard import http_url
from channels.file_types import file_id, safe_name
from channels.payload_source import Source
from conversation.errors import MalformedPayload
from conversation.model.message import Attachment, InboundEvent, MessageReceived
from conversation.model.people import Identity

MOST_ITEMS = 1000
MOST_ATTACHMENTS = 20

_LONGEST_NAME = 200
_LONGEST_ID = 200


def events(body: bytes, *, channel: str, received_at: datetime) -> Sequence[InboundEvent]:
    """The events in these bytes. Raises `MalformedPayload`."""
    source = Source(channel=channel, received_at=received_at)
    if not strict_json.is_list(body):
        return [_message(strict_json.loads(body), body, source)]
    items = strict_json.items(body, limit=MOST_ITEMS)
    return [_one(item, at, source) for at, item in enumerate(items)]


def _one(item: strict_json.Item, at: int, source: Source) -> InboundEvent:
    try:
        if item.fault is not None:
            raise item.fault
        return _message(item.value, item.raw, source)
    except MalformedPayload as fault:
        return source.malformed(fault, external_id=_name_of(item.value, at), raw=item.raw)


def _name_of(value: Any, at: int) -> str:
    named = value.get("id") if isinstance(value, dict) else None
    return named if isinstance(named, str) and 0 < len(named) <= _LONGEST_ID else f"#{at}"


def _message(item: Any, raw: bytes, source: Source) -> MessageReceived:
    value = fields.object_of(item)
    external_id = fields.identifier(value, "id", longest=_LONGEST_ID)
    person = fields.needed_table(value, "from")
    attachments = _attachments(value, f"{source.channel}/{external_id}")
    return MessageReceived(
        channel=source.channel,
        external_id=external_id,
        sender=_sender(person, source.channel),
        text=_text(value, has_attachments=bool(attachments)),
        received_at=source.received_at,
        sent_at=fields.instant(value, "sent_at"),
        attachments=attachments,
        language=fields.language(value, "language"),
        issue=fields.text(value, "issue", longest=_LONGEST_NAME) or None,
        attributes=fields.table(person, "attributes") or {},
        raw=raw,
    )


def _text(value: Mapping[str, Any], *, has_attachments: bool) -> str:
    text = fields.text(value, "text")
    if text is None and not has_attachments:
        raise MalformedPayload("'text' is missing", code="missing")
    return text or ""


def _sender(person: Mapping[str, Any], channel: str) -> Identity:
    return Identity(
        channel=channel,
        address=fields.identifier(person, "id", longest=_LONGEST_ID),
        name=fields.text(person, "name", longest=_LONGEST_NAME),
        email=fields.text(person, "email", longest=320),
        phone=fields.text(person, "phone", longest=64),
        verified=fields.truth(person, "verified"),
    )


def _attachments(value: Mapping[str, Any], owner: str) -> tuple[Attachment, ...]:
    rows = fields.rows(value, "attachments", most=MOST_ATTACHMENTS)
    return tuple(_attachment(row, f"{owner}/{at}") for at, row in enumerate(rows))


def _attachment(row: Any, owner: str) -> Attachment:
    if not isinstance(row, dict):
        raise MalformedPayload("an attachment is not an object", code="wrong_type")
    url = fields.text(row, "url") or ""
    try:
        http_url(url)
    except ValueError as error:
        raise MalformedPayload(f"an attachment's 'url' is {error}", code="bad_url") from None
    return Attachment(
        id=file_id(owner),
        name=safe_name(fields.text(row, "name", longest=1000) or url.partition("?")[0]),
        type=fields.text(row, "type", longest=127) or "application/octet-stream",
        url=url,
    )

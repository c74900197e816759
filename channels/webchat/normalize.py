"""What a visitor's page sends -> what it means, or every field at fault. Pure."""

import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from channels import json_fields as fields
from channels import strict_json
from conversation.errors import InboundError, MalformedPayload
from conversation.model.message import Attachment, MessageReceived
from conversation.ports.customer_pages import Visitor

T = TypeVar("T")

MOST_ATTACHMENTS = 10
LONGEST_CLIENT_ID = 100
LONGEST_ADDRESS = 254
LONGEST_SEQ = 2**31 - 1

_NOT_IN_ADDRESS = frozenset(' ()<>[],;:"\\')
_ID_LETTERS = frozenset(string.ascii_letters + string.digits + "-_.:")


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldFault:
    """One field at fault."""

    field: str
    code: str
    detail: str


class FieldsAtFault(InboundError):
    """All fields at fault in one request."""

    def __init__(self, faults: Sequence[FieldFault]) -> None:
        super().__init__("; ".join(f"{fault.field}: {fault.detail}" for fault in faults))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionAsked:
    """The body of `POST sessions`."""

    language: str | None = None
    name: str | None = None
    email: str | None = None
    identity: str | None = None
    timezone: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatMessage:
    """A message of a visitor, by frame or by POST. `language` is a choice made on the page, None where nothing was chosen."""

    client_id: str
    text: str
    attachments: tuple[str, ...] = ()
    language: str | None = None


def frame(raw: bytes | str) -> Mapping[str, Any]:
    """One JSON object. Raises `MalformedPayload`."""
    value = strict_json.loads(raw)
    if not isinstance(value, dict):
        raise MalformedPayload("not an object", code="wrong_type")
    return value


def session(data: Mapping[str, Any]) -> SessionAsked:
    """What the new session is to know. Raises `FieldsAtFault`."""
    reading = _Reading()
    language = reading.take("language", lambda: fields.language(data, "language"))
    name = reading.take("name", lambda: fields.text(data, "name", longest=200))
    email = reading.take("email", lambda: _email(data))
    identity = reading.take("identity", lambda: fields.text(data, "identity"))
    timezone = reading.take("timezone", lambda: fields.text(data, "timezone", longest=60))
    reading.done()
    return SessionAsked(
        language=language,
        name=name or None,
        email=email or None,
        identity=identity or None,
        timezone=timezone or None,
    )


def address(data: Mapping[str, Any]) -> str:
    """The body of `PUT address`. Raises `FieldsAtFault`."""
    reading = _Reading()
    email = reading.take("email", lambda: _email(data))
    if email == "":
        reading.fault("email", "missing", "there is no address")
    reading.done()
    return email or ""


def chat_message(data: Mapping[str, Any], *, text_limit: int) -> ChatMessage:
    """The message in a frame or a body. Raises `FieldsAtFault`."""
    reading = _Reading()
    client_id = reading.take("id", lambda: _client_id(data))
    text = reading.take("text", lambda: fields.text(data, "text", longest=text_limit)) or ""
    attachments = reading.take("attachments", lambda: _attachments(data)) or ()
    language = reading.take("language", lambda: fields.language(data, "language"))
    if not text.strip() and not attachments:
        reading.fault("text", "missing", "there is neither text nor a file")
    reading.done()
    return ChatMessage(client_id=client_id or "", text=text, attachments=attachments, language=language)


def seq(data: Mapping[str, Any], key: str) -> int:
    """A place in the visitor's feed. Raises `FieldsAtFault`."""
    value = data.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LONGEST_SEQ:
        raise FieldsAtFault([FieldFault(field=key, code="wrong_type", detail="not a number from 0 on")])
    return value


def received(
    what: ChatMessage, visitor: Visitor, *, received_at: datetime, locale: str | None = None, raw: bytes = b""
) -> MessageReceived:
    """The event. A visitor's own id counts within that visitor only: nobody can occupy another's ids."""
    return MessageReceived(
        channel=visitor.channel,
        external_id=external_id(visitor.identity.address, what.client_id),
        sender=replace(
            visitor.identity, email=None
        ),  # left meanwhile, perhaps: the store knows better than an open socket
        text=what.text,
        received_at=received_at,
        sent_at=received_at,
        attachments=tuple(Attachment(id=one, name="", type="") for one in what.attachments),
        language=what.language or visitor.language,
        locale=locale,
        attributes=visitor.claims,
        raw=raw,
    )


def external_id(address: str, client_id: str) -> str:
    """The id under which a visitor's message is unique for ever."""
    return f"{address}:{client_id}"


def locale_of(accept_language: str | None) -> str | None:
    """The first language a browser asks for: a hint, never a choice."""
    first = (accept_language or "").split(",")[0].split(";")[0].strip()
    try:
        return fields.language({"locale": first}, "locale")
    except MalformedPayload:
        return None


class _Reading:
    """Collects what is wrong instead of stopping at the first fault."""

    def __init__(self) -> None:
        self._faults: list[FieldFault] = []

    def take(self, field: str, read: Callable[[], T | None]) -> T | None:
        try:
            return read()
        except MalformedPayload as fault:
            self.fault(field, fault.code, fault.detail)
        return None

    def fault(self, field: str, code: str, detail: str) -> None:
        self._faults.append(FieldFault(field=field, code=code, detail=detail))

    def done(self) -> None:
        if self._faults:
            raise FieldsAtFault(self._faults)


def _email(data: Mapping[str, Any]) -> str:
    """Empty where there is none. Whether anybody reads mail there is not checked."""
    value = (fields.text(data, "email", longest=LONGEST_ADDRESS) or "").strip()
    local, at, domain = value.partition("@")
    lawful = local and at and domain and "@" not in domain and value.isprintable() and not _NOT_IN_ADDRESS & set(value)
    if value and not lawful:
        raise MalformedPayload("not an e-mail address", code="bad_address")
    return value


def _client_id(data: Mapping[str, Any]) -> str:
    value = fields.identifier(data, "id", longest=LONGEST_CLIENT_ID)
    if not _ID_LETTERS.issuperset(value):
        raise MalformedPayload("letters, digits and -_.: only", code="bad_id")
    return value


def _attachments(data: Mapping[str, Any]) -> tuple[str, ...]:
    rows = fields.rows(data, "attachments", most=MOST_ATTACHMENTS)
    if not all(isinstance(row, str) and 0 < len(row) <= LONGEST_CLIENT_ID for row in rows):
        raise MalformedPayload("a list of ids of uploaded files", code="wrong_type")
    if not all(_ID_LETTERS.issuperset(row) for row in rows):
        raise MalformedPayload("a list of ids of uploaded files", code="bad_id")
    return tuple(dict.fromkeys(rows))

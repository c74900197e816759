"""One update of the Bot API -> events. Pure, and it never raises: Telegram repeats what was refused.

Ids are `CHAT:MESSAGE`, by which edits, reactions and answers name their message. https://core.telegram.org/bots/api#update
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from channels import json_fields as fields
from channels import strict_json
from channels.edits import new_words
from channels.payload_source import Source
from channels.telegram import start_payload as start
from channels.telegram.content import content, name_of, own_words
from conversation.errors import MalformedPayload
from conversation.model.message import (
    ContactChanged,
    InboundEvent,
    Malformed,
    MessageEdited,
    MessageReacted,
    MessageReceived,
)
from conversation.model.people import Identity

PRESSED = "callback:"

_LONGEST_ID = 100
_MOST_REACTIONS = 100
_NO_SUCH_EMOJI = "\N{BLACK QUESTION MARK ORNAMENT}"  # a custom emoji is a picture with a number
_PRIVATE = "private"
_GROUPS = frozenset({"group", "supergroup"})
_REACHABLE: Mapping[str, bool] = {
    "creator": True, "administrator": True, "member": True, "restricted": True, "left": False, "kicked": False,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading(Source):
    """What every part of the reading needs to know."""

    groups: bool
    key: bytes | None
    raw: bytes


def events(
    body: bytes, *, channel: str, received_at: datetime, groups: bool = False, key: bytes | None = None
) -> Sequence[InboundEvent]:
    """The events of one update: none where it is of a chat that is not ours. `key` proves links into a conversation."""
    reading = _Reading(channel=channel, received_at=received_at, groups=groups, key=key, raw=body)
    update: Any = None
    try:
        update = strict_json.loads(body)
        return _events(update, reading)
    except MalformedPayload as fault:
        return [_malformed(update, reading, fault)]


def _events(update: Any, reading: _Reading) -> Sequence[InboundEvent]:
    for kind, read in _READERS.items():
        value = fields.table(fields.object_of(update), kind)
        if value is not None:
            about = value if kind != "callback_query" else fields.table(value, "message")
            return read(value, reading) if about is None or _is_ours(about, reading) else []
    raise MalformedPayload("an update of a kind that was not asked for", code="unsupported")


def _malformed(update: Any, reading: _Reading, fault: MalformedPayload) -> Malformed:
    number = update.get("update_id") if isinstance(update, dict) else None
    named = isinstance(number, int) and 0 <= number < 2**63
    name = number if named else sha256(reading.raw).hexdigest()[:32]
    return reading.malformed(fault, external_id=f"update:{name}", raw=reading.raw)


# -- parts that all kinds share ----------------------------------------------------------------------------------------


def _chat(value: Mapping[str, Any]) -> Mapping[str, Any]:
    return fields.needed_table(value, "chat")


def _is_ours(value: Mapping[str, Any], reading: _Reading) -> bool:
    """A private chat, or a group where groups are wanted; what channels publish is never meant for us."""
    kind = fields.text(_chat(value), "type", longest=_LONGEST_ID)
    return kind == _PRIVATE or (reading.groups and kind in _GROUPS)


def _id(value: Mapping[str, Any]) -> str:
    return f"{fields.needed_integer(_chat(value), 'id')}:{fields.needed_integer(value, 'message_id')}"


def _sender(value: Mapping[str, Any], reading: _Reading) -> Identity:
    """Whoever is answered: the person in a private chat, the group otherwise."""
    chat = _chat(value)
    user = fields.table(value, "from") or fields.table(value, "user") or {}
    contact = fields.table(value, "contact") or {}
    own = contact.get("user_id") is not None and contact.get("user_id") == user.get("id")
    return Identity(
        channel=reading.channel,
        address=str(fields.needed_integer(chat, "id")),
        name=fields.text(chat, "title", longest=1000) or name_of(user) or name_of(chat),
        phone=fields.text(contact, "phone_number", longest=64) if own else None,
    )


def _attributes(value: Mapping[str, Any], payload: str | None) -> Mapping[str, object]:
    user = fields.table(value, "from") or {}
    known = {"telegram": fields.text(user, "username", longest=_LONGEST_ID), "start": payload}
    return {name: given for name, given in known.items() if given}


# -- one reader for each kind of update --------------------------------------------------------------------------------


def _message(value: Mapping[str, Any], reading: _Reading) -> Sequence[InboundEvent]:
    if fields.integer(value, "migrate_to_chat_id") is not None:
        return [_moved(value, reading)]
    found = content(value, f"{reading.channel}/{_id(value)}")
    if found is None:
        raise MalformedPayload("what Telegram itself reports in a chat", code="unsupported")
    user = fields.table(value, "from") or {}
    begun = start.read(found.text, reading.key)
    hints = begun or start.Start()
    return [
        MessageReceived(
            channel=reading.channel,
            external_id=_id(value),
            sender=_sender(value, reading),
            text=found.text if begun is None else begun.text,
            received_at=reading.received_at,
            sent_at=fields.epoch(value, "date"),
            attachments=found.attachments,
            language=hints.language,
            locale=_locale(user),
            issue=hints.issue,
            reply_to=_answered(value),
            token=hints.conversation,
            machine="bot" if fields.truth(user, "is_bot") else None,
            album=fields.text(value, "media_group_id", longest=_LONGEST_ID),
            unsupported=found.unsupported,
            attributes=_attributes(value, hints.payload),
            raw=reading.raw,
        )
    ]


def _answered(value: Mapping[str, Any]) -> str | None:
    """The id of the message that this one answers."""
    answered = fields.table(value, "reply_to_message")
    return _id(answered) if answered is not None else None


def _locale(user: Mapping[str, Any]) -> str | None:
    """A hint is not worth an error."""
    try:
        return fields.language(user, "language_code")
    except MalformedPayload:
        return None


def _edited(value: Mapping[str, Any], reading: _Reading) -> Sequence[InboundEvent]:
    named = _id(value)
    new_words(own_words(value))
    found = content(value, f"{reading.channel}/{named}")
    return [
        MessageEdited(
            channel=reading.channel,
            external_id=named,
            text=found.text if found is not None else "",
            received_at=reading.received_at,
            sender=_sender(value, reading),
            edited_at=fields.epoch(value, "edit_date"),
            raw=reading.raw,
        )
    ]


def _pressed(value: Mapping[str, Any], reading: _Reading) -> Sequence[InboundEvent]:
    """A button below a question of ours: its label is the customer's text."""
    question = fields.table(value, "message")
    if question is None:
        raise MalformedPayload("a button of a message that is not ours", code="unsupported")
    user = fields.table(value, "from") or {}
    number = fields.text(value, "data", longest=64) or ""
    return [
        MessageReceived(
            channel=reading.channel,
            external_id=f"{PRESSED}{fields.identifier(value, 'id', longest=_LONGEST_ID)}",
            sender=_sender({"chat": _chat(question), "from": user}, reading),
            text=_title(question, number) or number,
            received_at=reading.received_at,
            locale=_locale(user),
            reply_to=_id(question),
            attributes=_attributes(value, None),
            raw=reading.raw,
        )
    ]


def _title(question: Mapping[str, Any], number: str) -> str | None:
    """What stands on the button; None where the question is too old for Telegram to know."""
    keyboard = fields.table(question, "reply_markup") or {}
    rows = fields.rows(keyboard, "inline_keyboard", most=100)
    buttons = [button for row in rows if isinstance(row, list) for button in row if isinstance(button, dict)]
    return next((fields.text(button, "text") for button in buttons if button.get("callback_data") == number), None)


def _reacted(value: Mapping[str, Any], reading: _Reading) -> Sequence[InboundEvent]:
    """Telegram sends all reactions of a person: the newest is the last one."""
    now = fields.rows(value, "new_reaction", most=_MOST_REACTIONS)
    newest = now[-1] if now else None
    if newest is not None and not isinstance(newest, dict):
        raise MalformedPayload("a reaction is not an object", code="wrong_type")
    return [
        MessageReacted(
            channel=reading.channel,
            external_id=_id(value),
            sender=_sender(value, reading),
            emoji=None if newest is None else fields.text(newest, "emoji", longest=64) or _NO_SUCH_EMOJI,
            received_at=reading.received_at,
            sent_at=fields.epoch(value, "date"),
        )
    ]


def _let_in(value: Mapping[str, Any], reading: _Reading) -> Sequence[InboundEvent]:
    """The bot was blocked or unblocked, added to a group or removed."""
    member = fields.table(value, "new_chat_member") or {}
    status = fields.text(member, "status", longest=_LONGEST_ID) or ""
    if status not in _REACHABLE:
        raise MalformedPayload("a member of a kind that is not known", code="unsupported")
    return [
        ContactChanged(
            channel=reading.channel,
            external_id=f"member:{fields.needed_integer(_chat(value), 'id')}:{fields.needed_integer(value, 'date')}:{status}",
            sender=_sender(value, reading),
            received_at=reading.received_at,
            reachable=_REACHABLE[status],
        )
    ]


def _moved(value: Mapping[str, Any], reading: _Reading) -> InboundEvent:
    """A group that became a supergroup has another id from now on."""
    return ContactChanged(
        channel=reading.channel,
        external_id=_id(value),
        sender=_sender(value, reading),
        received_at=reading.received_at,
        new_address=str(fields.needed_integer(value, "migrate_to_chat_id")),
    )


_Reader = Callable[[Mapping[str, Any], _Reading], Sequence[InboundEvent]]

_READERS: Mapping[str, _Reader] = {
    "message": _message,
    "edited_message": _edited,
    "callback_query": _pressed,
    "message_reaction": _reacted,
    "my_chat_member": _let_in,
}
ASKED_FOR = tuple(_READERS)

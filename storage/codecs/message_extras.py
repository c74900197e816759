"""What a medium tells of few messages, in one JSON column that is NULL for all others."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from conversation.model.message import Message, Reaction
from storage.schema.types import from_micros, to_micros

Values = dict[str, Any]
_TEXTS = ("reply_to", "album", "unsupported", "raw", "doubt", "template", "first_text")
_INSTANTS = ("edited_at", "retracted_at")


def marks_of(message: Message) -> Values | None:
    """For the column."""
    told: Values = {name: value for name in _TEXTS if (value := getattr(message, name)) is not None}
    told |= {name: to_micros(value) for name in _INSTANTS if (value := getattr(message, name)) is not None}
    if message.references:
        told["references"] = list(message.references)
    if message.reactions:
        told["reactions"] = [[one.by, one.emoji, to_micros(one.at)] for one in message.reactions]
    return told or None


def with_marks(message: Message, told: Mapping[str, Any] | None) -> Message:
    """The message with what stood in the column."""
    if not told:
        return message
    fields: Values = {name: told[name] for name in _TEXTS if name in told}
    fields |= {name: from_micros(told[name]) for name in _INSTANTS if name in told}
    reactions = tuple(Reaction(by=by, emoji=emoji, at=from_micros(at)) for by, emoji, at in told.get("reactions", ()))
    return replace(message, **fields, references=tuple(told.get("references", ())), reactions=reactions)

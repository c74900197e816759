"""What a medium reports about few messages, in one JSON column that is NULL for all others."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from conversation.model.message import Message, Reaction
from storage.schema.types import from_micros, to_micros

Values = dict[str, Any]
_TEXTS = ("reply_to", "album", "unsupported", "raw", "doubt", "template", "first_text")
_INSTANTS = ("edited_at", "retracted_at")


def extras_of(message: Message) -> Values | None:
    """For the column."""
    extras: Values = {name: value for name in _TEXTS if (value := getattr(message, name)) is not None}
    extras |= {name: to_micros(value) for name in _INSTANTS if (value := getattr(message, name)) is not None}
    if message.references:
        extras["references"] = list(message.references)
    if message.reactions:
        extras["reactions"] = [[one.by, one.emoji, to_micros(one.at)] for one in message.reactions]
    return extras or None


def with_extras(message: Message, extras: Mapping[str, Any] | None) -> Message:
    """The message with what stood in the column."""
    if not extras:
        return message
    fields: Values = {name: extras[name] for name in _TEXTS if name in extras}
    fields |= {name: from_micros(extras[name]) for name in _INSTANTS if name in extras}
    reactions = tuple(Reaction(by=by, emoji=emoji, at=from_micros(at)) for by, emoji, at in extras.get("reactions", ()))
    return replace(message, **fields, references=tuple(extras.get("references", ())), reactions=reactions)

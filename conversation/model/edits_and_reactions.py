"""What becomes of a message after it was sent: other words, none at all, an emoji. Pure; in whatever order updates come."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from conversation.model.message import (
    Attachment,
    Direction,
    Message,
    MessageEdited,
    MessageReacted,
    MessageReceived,
    MessageRetracted,
    Reaction,
)
from conversation.model.visible_text import has_words

Afterwards = MessageEdited | MessageRetracted | MessageReacted
_MOST_REACTIONS = 50


def applied(message: Message, event: Afterwards) -> Message:
    """The message after this event; the same object where nothing is new."""
    if message.retracted_at is not None:
        return message
    if isinstance(event, MessageEdited):
        if message.direction is not Direction.IN:  # an edit that names no sender may be of an answer of ours
            return message
        return edited(message, event.text, event.edited_at or event.received_at)
    if isinstance(event, MessageRetracted):
        return retracted(message, event.received_at)
    reaction = Reaction(by=event.sender.address, emoji=event.emoji or None, at=event.sent_at or event.received_at)
    return reacted(message, reaction)


def edited(message: Message, text: str, at: datetime) -> Message:
    """The newest edit with words wins; what was said first is kept. An edit without words changes nothing."""
    if not has_words(text) or (message.edited_at is not None and at <= message.edited_at):
        return message
    first = message.text if message.first_text is None and message.text != text else message.first_text
    return replace(message, text=text, html=None, first_text=first, edited_at=at)


def come_late(message: Message, original: MessageReceived) -> Message:
    """What the original adds to a message that was stored as its edit said it: the first wording, and its files."""
    if message.edited_at is None or message.retracted_at is not None:
        return message
    found = replace(message, attachments=files) if (files := files_come_late(message, original)) else message
    if message.first_text is not None or message.text == original.text:
        return found
    if not has_words(message.text):  # a row of the time when edits without words were stored
        return replace(found, text=original.text)
    return replace(found, first_text=original.text)


def files_come_late(message: Message, original: MessageReceived) -> tuple[Attachment, ...]:
    """The files that an original brings to a message stored as its edit said it: an edit is words only."""
    if message.edited_at is None or message.retracted_at is not None or message.attachments:
        return ()
    return tuple(file for file in original.attachments if file.url is not None)


def retracted(message: Message, at: datetime) -> Message:
    """Nothing of it is left but its place."""
    return replace(
        message,
        text="",
        html=None,
        attachments=(),
        first_text=None,
        edited_at=None,
        unsupported=None,
        raw=None,
        reactions=(),
        retracted_at=at,
    )


def reacted(message: Message, reaction: Reaction) -> Message:
    """One emoji for each who reacts, the newest. One taken away is remembered: an older one may still come."""
    by_whom: Mapping[str, Reaction] = {one.by: one for one in message.reactions}
    before = by_whom.get(reaction.by)
    if before is not None and (reaction.at < before.at or reaction == before):
        return message
    if before is None and len(by_whom) >= _MOST_REACTIONS:
        return message
    return replace(message, reactions=tuple({**by_whom, reaction.by: reaction}.values()))

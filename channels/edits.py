"""Edits, checked the same way in every kind of channel. Pure."""

from conversation.errors import MalformedPayload
from conversation.model.visible_text import EDIT_WITHOUT_WORDS, has_words


def new_words(text: str | None) -> str:
    """The customer's new wording. Raises `MalformedPayload` for an edit without words: those of the message must stay."""
    if text is None or not has_words(text):
        raise MalformedPayload("an edit without words", code=EDIT_WITHOUT_WORDS)
    return text

"""Who gets an automatic reply although nobody proved who wrote, and what of their own words it repeats. Pure."""

from conversation.model.capabilities import Can
from conversation.model.message import MessageReceived
from conversation.model.people import Customer, WorkKind

FORGED = "the sender is forged or cannot be read"
UNPROVEN = "no trusted server says that this message is from its sender"
USED_UP = "today's automatic answers to senders whom nobody proved are used up"
_NOBODY = ("forged", "unparsable")


def is_proven(event: MessageReceived, can: Can) -> bool:
    """Whether somebody we trust says that this message is from the address it names."""
    return event.doubt is None and not can.forgeable


def why_unanswered(event: MessageReceived, can: Can) -> str | None:
    """Why no automatic answer may go to this sender at all, in words."""
    if event.doubt in _NOBODY:
        return FORGED
    return UNPROVEN if event.doubt is not None and not can.answers_unproven else None


def name_for(event: MessageReceived, customer: Customer, can: Can) -> str:
    """The name by which an automatic answer may call them: never one that a stranger put before somebody else's address.

    A mail's address may have been used by strangers before: of an unverified customer only this mail's own name counts.
    """
    if not is_proven(event, can):
        return ""
    own = can.work is WorkKind.EMAIL and not customer.verified
    return (event.sender.name if own else customer.name) or ""

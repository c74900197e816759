"""Storing what a visitor wrote once for each id: a repeat is answered as before, another message under a used id is refused."""

from channels.webchat.normalize import ChatMessage
from conversation.errors import AttachmentGone, Conflict, Refused
from conversation.model.message import Accepted, Message, MessageReceived
from conversation.ports.customer_pages import CustomerPagePorts, Visitor

_GONE = "a file of this message is not there any more"


async def store(ports: CustomerPagePorts, visitor: Visitor, sent: ChatMessage, event: MessageReceived) -> Accepted:
    """Returns after the commit. Raises `Refused`, `Conflict` where the id was used for another message, and `AttachmentGone`.

    A file may be removed before, or in this very moment.
    """
    if not await ports.uploads.all_there(sent.attachments):
        raise AttachmentGone(_GONE)
    accepted = (await ports.inbox.accept([event]))[0]
    if accepted.attachment_gone:
        raise AttachmentGone(_GONE)
    if accepted.quarantined is not None:
        raise Refused("this message could not be stored")
    if accepted.duplicate and not await _is_stored(ports, visitor, sent, accepted.feed_seq):
        raise Conflict("this id was used for another message", code="idempotency_mismatch")
    return accepted


async def _is_stored(ports: CustomerPagePorts, visitor: Visitor, sent: ChatMessage, seq: int | None) -> bool:
    """Whether the message under this id is this one."""
    if seq is None:
        return True
    found = await ports.feed.after(visitor.identity.id, seq - 1, 1)
    return not found or is_same(sent, found[0])


def is_same(sent: ChatMessage, stored: Message) -> bool:
    """Whether the stored message has these words and files. The language may differ: a visitor may choose another one meanwhile."""
    if not stored.text and not stored.attachments:
        return True  # erased: nothing is left to compare with
    return (sent.text, sent.attachments) == (stored.text, tuple(file.id for file in stored.attachments))

"""What has to be read before an answer may leave: where the customer wrote last, and how long the window is open now."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from conversation.errors import NotFound, PermanentFailure
from conversation.model.capabilities import Can
from conversation.model.conversation import Conversation
from conversation.model.outbound import OutboundMessage
from conversation.model.people import Identity
from conversation.ports.storage import Storage, Work
from router.policy.reply_window import may_leave


async def written_from(work: Work, conversation: Conversation, cans: Mapping[str, Can]) -> Identity | None:
    """Where this customer wrote in this conversation last but by telephone, which carries no words."""
    able = [one for one in conversation.channels if one in cans and cans[one].send and cans[one].calls is None]
    known = await work.customers.identities(conversation.customer)
    return next((one for channel in reversed(able) for one in known if one.channel == channel), None)


async def still_lawful(storage: Storage, can: Can, message: OutboundMessage, now: datetime) -> OutboundMessage:
    """Held against the window as it stands when it leaves: the customer may have written since. Raises `PermanentFailure`."""
    if can.reply_window is None and message.reply_until is None:
        return message
    if may_leave(can, message, now):
        return message
    try:
        async with storage.read("reply_window") as work:
            known = await work.customers.identity(message.to.id)
    except NotFound:
        known = message.to
    message = replace(message, reply_until=known.reply_until)
    if not may_leave(can, message, now):
        raise PermanentFailure("the time in which this medium lets us answer is over", code="window_closed")
    return message

"""What accounts share that send a long message in several parts."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from conversation.errors import ChannelError
from conversation.model.outbound import OutboundMessage, Receipt

Part = TypeVar("Part")


async def in_turn(
    message: OutboundMessage, parts: Sequence[Part], deliver: Callable[[Part], Awaitable[str | None]]
) -> Receipt:
    """Deliver one part after the other, behind those that left in an earlier try; a `ChannelError` is told what has left.

    `deliver` gives the provider's id of a part, or None where it has none: then the part gets one of ours.
    """
    sent = list(message.sent)
    try:
        for part in parts[len(sent) :]:
            sent.append(await deliver(part) or f"{message.id}/{len(sent)}")
    except ChannelError as error:
        error.sent = tuple(sent)
        raise
    return Receipt(external_ids=tuple(sent))

"""Sending a long message in several parts, so that a failure midway repeats none of them."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from conversation.errors import ChannelError, PermanentFailure
from conversation.model.outbound import OutboundMessage, Receipt

Part = TypeVar("Part")


async def in_turn(
    message: OutboundMessage, parts: Sequence[Part], deliver: Callable[[Part], Awaitable[str | None]]
) -> Receipt:
    """Deliver one part after the other, beginning after those that an earlier try sent. Raises as `sendable` and `deliver` do.

    `deliver` returns the provider's id of a part, or None where the provider gives none: then the part gets an id of ours.
    """
    sent = list(message.sent)
    with recording(sent):
        for part in sendable(parts)[len(sent) :]:
            sent.append(await deliver(part) or f"{message.id}/{len(sent)}")
    return Receipt(external_ids=tuple(sent))


def sendable(parts: Sequence[Part]) -> Sequence[Part]:
    """The same parts. Raises `PermanentFailure` where there are none: a receipt without ids would claim that something was sent."""
    if not parts:
        raise PermanentFailure("there is nothing in it that this medium can carry", code="unsupported")
    return parts


@contextmanager
def recording(sent: list[str]) -> Iterator[None]:
    """A `ChannelError` that leaves the block carries the ids in `sent`: the next try begins after these parts."""
    try:
        yield
    except ChannelError as error:
        error.sent = tuple(sent)
        raise

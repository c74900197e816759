"""Files that still lie with a provider."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from conversation.model.message import Attachment, Message
from conversation.ports.storage.attachments import StoredAttachment


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetch:
    """One file of a message to be downloaded. `attempts` counts the claims, this one included."""

    attachment: Attachment
    message: str
    channel: str
    created_at: datetime
    attempts: int = 0


class Fetches(Protocol):
    """Files that still lie with a provider: claimed under a lease, so that no two nodes fetch the same."""

    async def claim(self, limit: int, *, now: datetime, lease: timedelta) -> list[Fetch]:
        """Those that are due; nobody else is given them until the lease ends, whatever becomes of the holder."""
        ...

    async def done(self, fetch: Fetch, stored: StoredAttachment) -> Message | None:
        """Its own copy is here: the message that names it, as it is now; None where it was settled or taken back meanwhile."""
        ...

    async def failed(self, fetch: Fetch, fault: str) -> Message | None:
        """It cannot be had; its message says why. None where it was settled meanwhile."""
        ...

    async def later(self, fetch: Fetch, at: datetime) -> None:
        """To be tried again then."""
        ...


def in_message(message: Message, attachment: Attachment) -> tuple[Attachment, ...]:
    """The attachments of a message with this one in its place."""
    return tuple(attachment if one.id == attachment.id else one for one in message.attachments)


def wanted(message: Message) -> Sequence[Attachment]:
    """The files of a message that still lie with the provider."""
    return [one for one in message.attachments if one.url is not None]

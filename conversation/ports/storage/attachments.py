"""Descriptions of files."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from conversation.model.message import Attachment


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAttachment:
    """An uploaded or fetched file. `owner` is the identity or agent who brought it; `conversation` None until it is named."""

    attachment: Attachment
    key: str
    owner: str
    created_at: datetime
    conversation: str | None = None


class Attachments(Protocol):
    """Descriptions of files; the bytes lie in the blob store."""

    async def add(self, stored: StoredAttachment) -> None:
        """Before it is named in any message."""
        ...

    async def add_new(self, stored: Sequence[StoredAttachment]) -> set[str]:
        """Those whose id is not there yet; which ids these were."""
        ...

    async def known(self, ids: Sequence[str]) -> set[str]:
        """Which of these ids are there."""
        ...

    async def get(self, attachment: str) -> StoredAttachment:
        """Raises `NotFound`."""
        ...

    async def bind(
        self, attachments: Sequence[str], *, conversation: str, owner: str | None, account: str | None = None
    ) -> list[Attachment]:
        """Name them in a message of that conversation; raises `Refused` for one that is not there or not the owner's.

        `account` is the channel the message came by: it owns what it brought itself.
        """
        ...

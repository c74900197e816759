"""Files that a channel account brings with messages, and those that it carries out, kept in the store."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from conversation.errors import NotFound
from conversation.model.message import Attachment
from conversation.ports.channel import Blobs, Clock
from conversation.ports.storage import Storage
from conversation.ports.storage.attachments import StoredAttachment
from ops.composition.signed_files import SharedFiles


class StoredFiles:
    """The port `AccountFiles` for one account: it owns what it brings until a message names it."""

    def __init__(
        self, storage: Storage, blobs: Blobs, clock: Clock, account: str, *, shared: SharedFiles | None = None
    ) -> None:
        self._storage = storage
        self._shared = shared
        self._blobs = blobs
        self._clock = clock
        self._account = account

    async def keep(self, files: Sequence[tuple[Attachment, bytes]]) -> None:
        """Before the messages that name them are accepted, together; the same id again has no effect."""
        by_id = {attachment.id: (attachment, data) for attachment, data in files}
        async with self._storage.read("account_files") as work:
            known = await work.attachments.known(list(by_id)) if by_id else set()
        new = await asyncio.gather(*(self._put(*by_id[one]) for one in by_id if one not in known))
        if not new:
            return
        async with self._storage.begin("account_files") as work:
            added = await work.attachments.add_new(new)
        for one in new:
            if one.attachment.id not in added:  # another node was faster
                await self._blobs.delete(one.key)

    async def _put(self, attachment: Attachment, data: bytes) -> StoredAttachment:
        key, digest, size = await self._blobs.put_whole(data)
        described = replace(attachment, sha256=digest, size=size, url=None)
        return StoredAttachment(attachment=described, key=key, owner=self._account, created_at=self._clock.now())

    async def address(self, attachment: Attachment) -> str:
        """Good for a week."""
        if self._shared is None:
            raise NotFound("the service has no public address")
        return await self._shared.address(attachment)

    async def read(self, attachment: str) -> bytes:
        """All the bytes. Raises `NotFound`."""
        async with self._storage.read("account_file") as work:
            stored = await work.attachments.get(attachment)
        return await self._blobs.get(stored.key)

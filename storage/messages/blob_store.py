"""Where attachments' bytes lie: a folder, or an object store."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

from conversation.errors import StoreUnavailable
from conversation.ports.channel import Blobs
from storage.messages.blobs import FolderBlobs
from storage.messages.object_options import ObjectStoreOptions


class MovableBlobs(Blobs, Protocol):
    """The port `Blobs`, and what copying from one place to another needs."""

    async def put_as(self, key: str, data: AsyncIterator[bytes], *, limit: int) -> tuple[str, int]:
        """Store under a key that is given: (sha256 hex, size)."""
        ...

    def chunks(self, key: str) -> AsyncIterator[bytes]:
        """The bytes as they come. Raises `NotFound`."""
        ...

    async def sha256(self, key: str) -> str:
        """The hash of the bytes, in hexadecimal. Raises `NotFound`."""
        ...

    async def size(self, key: str) -> int:
        """How many bytes there are. Raises `NotFound`."""
        ...


def open_blobs(place: str, *, keep_free: int = 0, options: ObjectStoreOptions | None = None) -> MovableBlobs:
    """A folder, or `s3://bucket/prefix`. Raises `StoreUnavailable` where the program cannot speak S3."""
    if not place.startswith("s3://"):
        return FolderBlobs(Path(place), keep_free=keep_free)
    try:
        from storage.messages.object_blobs import ObjectBlobs  # noqa: PLC0415 an extra: loaded where it is used
    except ImportError as error:
        raise StoreUnavailable("attachments in S3 need the extra: pip install 'huntgroup[s3]'") from error
    return ObjectBlobs(place, options or ObjectStoreOptions())

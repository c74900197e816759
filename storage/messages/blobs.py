"""Attachments' bytes in a folder: written to a file of another name, synced, then renamed, so that a key always names whole bytes."""

import asyncio
import contextlib
import hashlib
import logging
import os
import shutil
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypeVar

from conversation.errors import DiskFull, NotFound, StoreUnavailable
from storage.messages.blob_keys import bounded, hash_of, is_key, new_key

log = logging.getLogger(__name__)
T = TypeVar("T")
_LOOK_EVERY = 1024 * 1024  # bytes between two looks at the disk


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class FolderBlobs:
    """The port `Blobs`. Keys are random hexadecimal made here; whatever looks otherwise names nothing.

    Streams are refused where less than `keep_free` bytes of the disk would stay free.
    """

    def __init__(self, folder: Path | str, *, keep_free: int = 0) -> None:
        self._folder = Path(folder)
        self._keep_free = keep_free

    async def put(self, data: AsyncIterator[bytes], *, limit: int) -> tuple[str, str, int]:
        """Store a stream of at most `limit` bytes: (key, sha256 hex, size). Raises `Refused` over the limit."""
        key = new_key()
        digest, size = await self.put_as(key, data, limit=limit)
        return key, digest, size

    async def put_as(self, key: str, data: AsyncIterator[bytes], *, limit: int) -> tuple[str, int]:
        """The same under a key that is given: (sha256 hex, size). What fails on the way leaves nothing."""
        unfinished = self._folder / "incoming" / new_key()
        digest, size = hashlib.sha256(), 0
        await self.check_free_space()
        file = await self._in_thread(lambda: self._open(unfinished))
        try:
            async for chunk in bounded(data, limit):
                if size // _LOOK_EVERY != (size + len(chunk)) // _LOOK_EVERY:
                    await self.check_free_space()
                size += len(chunk)
                digest.update(chunk)
                await self._in_thread(partial(file.write, chunk))
            await self._in_thread(lambda: self._keep(file, unfinished, key))
        except BaseException:
            file.close()
            unfinished.unlink(missing_ok=True)
            raise
        return digest.hexdigest(), size

    async def put_whole(self, data: bytes) -> tuple[str, str, int]:
        """The same for bytes that are at hand, in one hop."""
        key = new_key()
        digest = await self._in_thread(lambda: self._put_whole(key, data))
        return key, digest, len(data)

    async def get(self, key: str) -> bytes:
        """All the bytes. Raises `NotFound`."""
        path = self._path(key)
        if path is None:
            raise NotFound("there is no such file")
        try:
            return await asyncio.to_thread(path.read_bytes)
        except FileNotFoundError as error:
            raise NotFound("there is no such file") from error

    async def chunks(self, key: str) -> AsyncIterator[bytes]:
        """The bytes as they come. Raises `NotFound`."""
        await self.size(key)
        path = self._path(key)
        with await self._in_thread(lambda: (path or self._folder).open("rb")) as file:
            while chunk := await self._in_thread(lambda: file.read(_LOOK_EVERY)):
                yield chunk

    async def sha256(self, key: str) -> str:
        """The hash of the bytes, in hexadecimal. Raises `NotFound`."""
        return await hash_of(self.chunks(key))

    async def size(self, key: str) -> int:
        """How many bytes there are. Raises `NotFound`."""
        path = self._path(key)
        if path is None or not await self._in_thread(path.is_file):
            raise NotFound("there is no such file")
        return (await self._in_thread(path.stat)).st_size

    async def delete(self, key: str) -> None:
        """Forget them; harmless when they are gone."""
        path = self._path(key)
        if path is not None:
            await asyncio.to_thread(path.unlink, missing_ok=True)

    async def check_free_space(self) -> None:
        """Raises `DiskFull` where less than `keep_free` bytes of the disk are free."""
        if not self._keep_free:
            return
        free = await self._in_thread(self._free)
        if free < self._keep_free:
            log.warning("disk_low", extra={"free": free, "keep_free": self._keep_free})
            raise DiskFull(f"{free} bytes of the disk are free, {self._keep_free} must stay")

    def _free(self) -> int:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return shutil.disk_usage(self._folder).free

    async def sweep(self, before: datetime) -> int:
        """Delete half files that nobody has written to since then: a crash left them. How many there were."""
        return await self._in_thread(lambda: self._sweep(before.timestamp()))

    def _sweep(self, before: float) -> int:
        found = 0
        with contextlib.suppress(FileNotFoundError):  # nothing was ever written, or another node was faster
            for half in (self._folder / "incoming").iterdir():
                with contextlib.suppress(FileNotFoundError):
                    if half.stat().st_mtime < before:
                        half.unlink()
                        found += 1
        return found

    async def _in_thread(self, call: Callable[[], T]) -> T:
        try:
            return await asyncio.to_thread(call)
        except OSError as error:
            raise StoreUnavailable(f"attachments cannot be written: {error.strerror}") from error

    def _path(self, key: str) -> Path | None:
        if not is_key(key):
            return None
        return self._folder / key[:2] / key

    def _open(self, unfinished: Path) -> BinaryIO:
        unfinished.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return unfinished.open("xb")

    def _put_whole(self, key: str, data: bytes) -> str:
        unfinished = self._folder / "incoming" / key
        file = self._open(unfinished)
        try:
            file.write(data)
            self._keep(file, unfinished, key)
        except BaseException:
            file.close()
            unfinished.unlink(missing_ok=True)
            raise
        return hashlib.sha256(data).hexdigest()

    def _keep(self, file: BinaryIO, unfinished: Path, key: str) -> None:
        with file:
            file.flush()
            os.fsync(file.fileno())
        place = self._path(key)
        if place is None:
            raise ValueError(key)
        if not place.parent.exists():
            with contextlib.suppress(FileExistsError):
                place.parent.mkdir(mode=0o700)
            _sync_folder(self._folder)
        unfinished.rename(place)
        _sync_folder(place.parent)

"""Attachments' bytes in an object store that speaks S3: an object appears when all of it is there, so that a key always names whole bytes."""

import hashlib
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store

from conversation.errors import DiskFull, NotFound, StoreUnavailable
from storage.messages.blob_keys import bounded, hash_of, is_key, new_key
from storage.messages.object_options import ObjectStoreOptions

log = logging.getLogger(__name__)
_PART = 5 * 1024 * 1024  # bytes in memory for each upload, twice; the least that S3 takes as a part
_PARTS_AT_ONCE = 1
_FULL = ("status code: 507", "QuotaExceeded", "StorageFull")
_RETRY: Any = {"max_retries": 2, "retry_timeout": timedelta(seconds=15)}
_TIMEOUTS = {"timeout": "30s", "connect_timeout": "5s"}


def _store(url: str, options: ObjectStoreOptions) -> S3Store:
    place = urlsplit(url)
    more: dict[str, Any] = {"endpoint": options.endpoint} if options.endpoint else {}
    if options.access_key is not None:
        more |= {"access_key_id": options.access_key, "secret_access_key": options.secret_key}
    plain = (options.endpoint or "").startswith("http://")
    client: Any = {**_TIMEOUTS, "allow_http": plain}
    return S3Store(
        place.netloc,
        prefix=place.path.strip("/") or None,
        region=options.region,
        client_options=client,
        retry_config=_RETRY,
        **more,
    )


class ObjectBlobs:
    """The port `Blobs` on a bucket, at `s3://bucket/prefix`."""

    def __init__(self, url: str, options: ObjectStoreOptions) -> None:
        self._objects = _store(url, options)

    async def put(self, data: AsyncIterator[bytes], *, limit: int) -> tuple[str, str, int]:
        """Store a stream of at most `limit` bytes: (key, sha256 hex, size). Raises `Refused` over the limit."""
        key = new_key()
        digest, size = await self.put_as(key, data, limit=limit)
        return key, digest, size

    async def put_as(self, key: str, data: AsyncIterator[bytes], *, limit: int) -> tuple[str, int]:
        """The same under a key that is given: (sha256 hex, size). What fails on the way leaves nothing that can be read."""
        read = _Reading(bounded(data, limit))
        with _meaning(read, writing=True):
            await obstore.put_async(self._objects, _path(key), read, chunk_size=_PART, max_concurrency=_PARTS_AT_ONCE)
        return read.digest.hexdigest(), read.size

    async def put_whole(self, data: bytes) -> tuple[str, str, int]:
        """The same for bytes that are at hand."""
        key = new_key()
        with _meaning(writing=True):
            await obstore.put_async(self._objects, _path(key), data)
        return key, hashlib.sha256(data).hexdigest(), len(data)

    async def get(self, key: str) -> bytes:
        """All the bytes. Raises `NotFound`."""
        return b"".join([chunk async for chunk in self.chunks(key)])

    async def chunks(self, key: str) -> AsyncIterator[bytes]:
        """The bytes as they come. Raises `NotFound`."""
        _must_be_key(key)
        with _meaning():
            found = await obstore.get_async(self._objects, _path(key))
            async for chunk in found.stream():
                yield bytes(chunk)

    async def sha256(self, key: str) -> str:
        """The hash of the bytes, in hexadecimal. Raises `NotFound`."""
        return await hash_of(self.chunks(key))

    async def size(self, key: str) -> int:
        """How many bytes there are. Raises `NotFound`."""
        _must_be_key(key)
        with _meaning():
            return int((await obstore.head_async(self._objects, _path(key)))["size"])

    async def delete(self, key: str) -> None:
        """Forget them; harmless when they are gone."""
        if is_key(key):
            with _meaning():
                await obstore.delete_async(self._objects, _path(key))

    async def check_free_space(self) -> None:
        """An object store has no disk that we could fill: it refuses by itself, as `DiskFull`."""

    async def sweep(self, before: datetime) -> int:  # noqa: ARG002 the port's
        """No half file is ever seen. Parts of broken uploads are removed by a rule of the bucket."""
        return 0


class _Reading:
    """A stream on its way: hashed, counted, and its failure kept, for the driver shows only its own errors."""

    def __init__(self, data: AsyncIterator[bytes]) -> None:
        self._data = data
        self.digest = hashlib.sha256()
        self.size = 0
        self.failure: BaseException | None = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._data:
                self.digest.update(chunk)
                self.size += len(chunk)
                if chunk:
                    yield chunk
        except BaseException as error:
            self.failure = error
            raise


def _path(key: str) -> str:
    return f"{key[:2]}/{key}"


def _must_be_key(key: str) -> None:
    if not is_key(key):
        raise NotFound("there is no such file")


@contextmanager
def _meaning(read: _Reading | None = None, *, writing: bool = False) -> Iterator[None]:
    """The driver's errors as ours. Its words hold addresses and what the server answered: they are not passed on."""
    try:
        yield
    except (BaseError, OSError) as error:
        if read is not None and read.failure is not None:
            raise read.failure from None
        known = _known(error, writing=writing)
        if isinstance(known, StoreUnavailable):
            log.warning("object_store_failed", extra={"error": type(error).__name__, "reason": str(known)})
        raise known from None
    except Exception:
        if read is not None and read.failure is not None:
            raise read.failure from None
        raise


def _known(error: Exception, *, writing: bool) -> Exception:
    """A bucket that is not there is a fault of the place: were it a missing file, messages would lose theirs."""
    if isinstance(error, FileNotFoundError) and not writing and "NoSuchBucket" not in str(error):
        return NotFound("there is no such file")
    if isinstance(error, PermissionDeniedError | UnauthenticatedError):
        return StoreUnavailable("the object store refuses our keys")
    if any(words in str(error) for words in _FULL):
        return DiskFull("the object store is full")
    return StoreUnavailable("the object store does not answer, or refuses")

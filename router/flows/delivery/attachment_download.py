"""Files that lie with a provider or at a stranger's URL: fetched after the commit, kept as our own copy, or marked with why not."""

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import cast

from conversation.errors import (
    ChannelError,
    ChannelMisconfigured,
    DiskFull,
    PermanentFailure,
    RateLimited,
    StoreError,
)
from conversation.model.events import Topic
from conversation.model.message import PROVIDER
from conversation.ports.channel import Blobs, Channel, Clock, Fetched, Http, Media, Signals
from conversation.ports.metrics import Count, CountedEvent, no_count
from conversation.ports.storage import Storage
from conversation.ports.storage.attachments import StoredAttachment
from conversation.ports.storage.downloads import Fetch
from router.policy import notifications
from router.policy.delivery_result import back_off

log = logging.getLogger(__name__)

_POLL = 5.0
_BESIDES = timedelta(seconds=60)  # what a lease outlasts the fetching by: storing takes time as well
_MISCONFIGURED = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """How much is fetched: bytes and seconds of one file, patterns of types, how many at once, and when nobody tries any more."""

    size: int = 25 * 1024 * 1024
    seconds: float = 60.0
    types: tuple[str, ...] = (
        *("image/*", "audio/*", "video/*", "text/plain", "application/pdf", "application/zip"),
        "application/octet-stream",
    )
    at_once: int = 4
    give_up: timedelta = timedelta(days=1)


class Fetcher:
    """Any number may run: a file is claimed under a lease, and whoever lost it writes nothing."""

    def __init__(
        self,
        storage: Storage,
        blobs: Blobs,
        http: Http,
        channels: Callable[[], Mapping[str, Channel]],
        *,
        signals: Signals,
        clock: Clock,
        caps: Caps,
        count: Count = no_count,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._storage = storage
        self._blobs = blobs
        self._http = http
        self._channels = channels
        self._signals = signals
        self._clock = clock
        self._caps = caps
        self._count = count
        self._draw = draw

    async def run(self) -> None:
        """Until cancelled; what was being fetched then is fetched again when its lease has ended."""
        async with self._signals.subscribe(Topic.FILES) as listening:
            while True:
                if not await self._safely():
                    await listening.wait(_POLL)

    async def once(self) -> int:
        """Fetch what is due now, a few at a time; how many were tried."""
        now, lease = self._clock.now(), timedelta(seconds=self._caps.seconds) + _BESIDES
        async with self._storage.begin("claim_files") as work:
            due = await work.fetches.claim(self._caps.at_once, now=now, lease=lease)
        await asyncio.gather(*map(self._carefully, due))
        return len(due)

    async def _safely(self) -> int:
        try:
            return await self.once()
        except StoreError as error:
            log.warning("fetching_delayed", extra={"error": type(error).__name__})
        return 0

    async def _carefully(self, one: Fetch) -> None:
        """One file; its lease runs out where the store does not take what became of it."""
        try:
            await self._fetch(one)
        except StoreError as error:
            log.warning("file_not_settled", extra={"file": one.attachment.id, "error": type(error).__name__})
        except Exception:
            log.exception("file_bug", extra={"file": one.attachment.id, "channel": one.channel})

    async def _fetch(self, one: Fetch) -> None:
        try:
            await self._blobs.check_free_space()
            fetched = await self._bytes(one)
        except PermanentFailure as error:
            await self._failed(one, error.code)
        except (ChannelError, TimeoutError, DiskFull) as error:
            await self._later(one, error)
        else:
            await self._keep(one, fetched)

    async def _bytes(self, one: Fetch) -> Fetched:
        caps, url = self._caps, one.attachment.url or ""
        if not url.startswith(PROVIDER):
            fetching = self._http.fetch(url, headers={}, timeout=caps.seconds, trusted=False, limit=caps.size)
        else:
            channel = self._channels().get(one.channel)
            if not hasattr(channel, "fetch"):
                raise PermanentFailure("no account of this kind fetches files", code="refused")
            fetching = cast("Media", channel).fetch(one.attachment)
        async with asyncio.timeout(caps.seconds):
            fetched = await fetching
        if len(fetched.data) > caps.size:
            raise PermanentFailure(f"larger than {caps.size} bytes", code="too_large")
        if not any(fnmatchcase(fetched.type, pattern) for pattern in caps.types):
            raise PermanentFailure(f"files of type {fetched.type} are not kept", code="type_refused")
        return fetched

    async def _keep(self, one: Fetch, fetched: Fetched) -> None:
        key, digest, size = await self._blobs.put_whole(fetched.data)
        described = replace(one.attachment, type=fetched.type, size=size, sha256=digest, url=None)
        stored = StoredAttachment(attachment=described, key=key, owner=one.channel, created_at=self._clock.now())
        async with self._storage.begin("file_kept") as work:
            message = await work.fetches.done(one, stored)
            if message is not None:
                conversation = await work.conversations.get(message.conversation)
                await work.events.add([notifications.change_event(message, conversation)], now=self._clock.now())
        if message is None:  # somebody else was faster, or the message was taken back
            await self._blobs.delete(key)
            return
        self._count(CountedEvent.FILES_FETCHED)

    async def _failed(self, one: Fetch, fault: str) -> None:
        async with self._storage.begin("file_failed") as work:
            message = await work.fetches.failed(one, fault)
            if message is not None:
                conversation = await work.conversations.get(message.conversation)
                await work.events.add([notifications.change_event(message, conversation)], now=self._clock.now())
        self._count(CountedEvent.FILES_FAILED)
        log.info("file_not_fetched", extra={"file": one.attachment.id, "channel": one.channel, "code": fault})

    async def _later(self, one: Fetch, error: Exception) -> None:
        now = self._clock.now()
        pause = back_off(one.attempts, self._draw)
        if isinstance(error, RateLimited):
            pause = error.retry_after
        elif isinstance(error, ChannelMisconfigured):
            pause = _MISCONFIGURED
        if now + pause >= one.created_at + self._caps.give_up:
            await self._failed(one, "unreachable")
            return
        log.info("file_later", extra={"file": one.attachment.id, "channel": one.channel, "error": type(error).__name__})
        async with self._storage.begin("file_later") as work:
            await work.fetches.later(one, now + pause)

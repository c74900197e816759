"""What a channel account is given in a test."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from conversation.errors import DiskFull, NotFound
from conversation.id_generator import new_id
from conversation.model.events import Hint, Topic
from conversation.model.message import Attachment
from conversation.ports.channel import Answer, Clock, Fetched, Http, Listening, Tools
from conversation.ports.metrics import ChannelEvent


class FakeState:
    """Remembers in memory, and always has the lease."""

    def __init__(self) -> None:
        self.remembered: dict[str, Mapping[str, object]] = {}

    async def cursor(self) -> Mapping[str, object] | None:
        return None

    async def recall(self, name: str) -> Mapping[str, object] | None:
        return self.remembered.get(name)

    async def remember(self, name: str, value: Mapping[str, object]) -> None:
        self.remembered[name] = value

    async def first(self, name: str, value: Mapping[str, object]) -> Mapping[str, object]:
        return self.remembered.setdefault(name, value)

    async def lease(self, name: str, owner: str, span: timedelta) -> int | None:
        return 1

    async def release(self, name: str, owner: str) -> None:
        return


class FakeBlobs:
    """Keeps bytes in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.full = False

    async def put(self, data: AsyncIterator[bytes], *, limit: int) -> tuple[str, str, int]:
        await self.check_free_space()
        body = b"".join([chunk async for chunk in data])
        key = f"blob-{len(self.kept)}"
        self.kept[key] = body
        return key, "", len(body)

    async def put_whole(self, data: bytes) -> tuple[str, str, int]:
        key = f"blob-{len(self.kept)}"
        self.kept[key] = data
        return key, "", len(data)

    async def get(self, key: str) -> bytes:
        if key not in self.kept:
            raise NotFound(key)
        return self.kept[key]

    async def delete(self, key: str) -> None:
        self.kept.pop(key, None)

    async def check_free_space(self) -> None:
        if self.full:
            raise DiskFull("the disk is full")

    async def sweep(self, before: datetime) -> int:
        return 0


class FakeFiles:
    """Keeps an account's files in memory, with their descriptions."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[Attachment, bytes]] = {}

    async def keep(self, files: Sequence[tuple[Attachment, bytes]]) -> None:
        for attachment, data in files:
            self.kept.setdefault(attachment.id, (attachment, data))

    async def read(self, attachment: str) -> bytes:
        if attachment not in self.kept:
            raise NotFound(attachment)
        return self.kept[attachment][1]

    async def address(self, attachment: Attachment) -> str:
        return f"http://127.0.0.1:8080/files/{attachment.id}/proof/{quote(attachment.name)}"


class NoHttp:
    """For accounts that must not send anything over HTTP."""

    async def post(
        self, url: str, body: bytes, *, headers: Mapping[str, str], timeout: float, trusted: bool
    ) -> tuple[int, bytes]:
        raise AssertionError(f"nothing may be sent, yet {url} was called")

    async def request(self, method: str, url: str, **how: Any) -> Answer:
        raise AssertionError(f"nothing may be sent, yet {url} was called")

    async def fetch(self, url: str, **how: Any) -> Fetched:
        raise AssertionError(f"nothing may be fetched, yet {url} was called")


class FakeSignals:
    """Hints within this test: heard by whoever subscribed."""

    def __init__(self) -> None:
        self._listeners: list[_Listening] = []

    async def start(self) -> None:
        return

    async def stop(self) -> None:
        return

    def publish(self, *hints: Hint) -> None:
        for listener in self._listeners:
            listener.hear(hints)

    def subscribe(self, *topics: Topic) -> AbstractAsyncContextManager[Listening]:
        return self._subscribed(topics)

    @asynccontextmanager
    async def _subscribed(self, topics: Sequence[Topic]) -> AsyncIterator[Listening]:
        listener = _Listening(topics)
        self._listeners.append(listener)
        try:
            yield listener
        finally:
            self._listeners.remove(listener)


class _Listening:
    def __init__(self, topics: Sequence[Topic]) -> None:
        self._topics = topics
        self._hints: dict[Topic, list[Hint]] = {}
        self._event = asyncio.Event()

    def hear(self, hints: Sequence[Hint]) -> None:
        for hint in hints:
            if hint.topic in self._topics:
                self._hints.setdefault(hint.topic, []).append(hint)
                self._event.set()

    async def wait(self, timeout: float) -> Mapping[Topic, Sequence[Hint]]:
        try:
            async with asyncio.timeout(timeout):
                await self._event.wait()
        except TimeoutError:
            return {}
        self._event.clear()
        heard, self._hints = self._hints, {}
        return heard


@dataclass(kw_only=True)
class Bench:
    """Tools, and what was counted with them."""

    clock: Clock
    http: Http = field(default_factory=NoHttp)
    counted: Counter[ChannelEvent] = field(default_factory=Counter)

    def count(self, event: ChannelEvent, amount: int = 1, /) -> None:
        assert event in tuple(ChannelEvent), f"{event!r} is not declared in conversation.ports.metrics"
        self.counted[event] += amount

    def tools(self, **changed: Any) -> Tools:
        given: dict[str, Any] = {
            "clock": self.clock,
            "owner": new_id(),
            "state": FakeState(),
            "http": self.http,
            "blobs": FakeBlobs(),
            "files": FakeFiles(),
            "signals": FakeSignals(),
            "public_url": "http://127.0.0.1:8080",
            "count": self.count,
        }
        return Tools(**(given | changed))

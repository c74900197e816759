"""Signals within one process: each listener has a mailbox in which hints are merged by topic, never piled up."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from conversation.model.events import Hint, Topic

_KEPT = 256  # single hints of one topic; more are merged into "something changed"


class Mailbox:
    """The port `Listening`."""

    def __init__(self, topics: Iterable[Topic]) -> None:
        self._topics = frozenset(topics)
        self._heard: dict[Topic, list[Hint]] = {}
        self._full: set[Topic] = set()
        self._something = asyncio.Event()

    def put(self, hints: Iterable[Hint]) -> None:
        """Keep those of our topics; equal ones once."""
        for hint in hints:
            if hint.topic in self._topics:
                self._keep(hint)
                self._something.set()

    def _keep(self, hint: Hint) -> None:
        kept = self._heard.setdefault(hint.topic, [])
        if hint.topic in self._full or hint in kept[-8:]:
            return
        if len(kept) >= _KEPT:
            # too many to name: a hint without keys means "look at everything"
            self._full.add(hint.topic)
            kept[:] = [Hint(topic=hint.topic)]
            return
        kept.append(hint)

    async def wait(self, timeout: float) -> Mapping[Topic, Sequence[Hint]]:
        """What was heard since the last call; empty after `timeout` seconds of silence."""
        try:
            async with asyncio.timeout(timeout):
                await self._something.wait()
        except TimeoutError:
            return {}
        heard, self._heard = self._heard, {}
        self._full.clear()
        self._something.clear()
        return heard


class Mailboxes:
    """All listeners of this node."""

    def __init__(self) -> None:
        self._open: set[Mailbox] = set()

    def put(self, hints: Iterable[Hint]) -> None:
        """To everybody who listens to their topics."""
        given = tuple(hints)
        for mailbox in self._open:
            mailbox.put(given)

    @asynccontextmanager
    async def subscribe(self, *topics: Topic) -> AsyncIterator[Mailbox]:
        """A mailbox for these topics while the context is open."""
        mailbox = Mailbox(topics)
        self._open.add(mailbox)
        try:
            yield mailbox
        finally:
            self._open.discard(mailbox)


class LocalSignals:
    """The port `Signals` for a service of one node."""

    def __init__(self) -> None:
        self._mailboxes = Mailboxes()

    async def start(self) -> None:
        """Nothing to connect to."""

    def publish(self, *hints: Hint) -> None:
        """Heard at once."""
        self._mailboxes.put(hints)

    def subscribe(self, *topics: Topic) -> AbstractAsyncContextManager[Mailbox]:
        """Hear these topics while the context is open."""
        return self._mailboxes.subscribe(*topics)

    async def stop(self) -> None:
        """Nothing to let go of."""

"""Signals between nodes over any link that carries small payloads: coalesced, never blocking, healing by itself."""

import asyncio
import contextlib
import json
import logging
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from conversation.errors import HuntgroupError
from conversation.id_generator import new_id
from conversation.model.events import Hint, Topic
from storage.signals.local import Mailbox, Mailboxes

log = logging.getLogger(__name__)
_PAYLOAD = 7_900  # PostgreSQL's NOTIFY takes less than 8,000 bytes
_PENDING = 500  # hints that wait for a flush; beyond that only their topics are sent
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0


class Unreachable(HuntgroupError):
    """Hints cannot reach other nodes now; the words hold no address and no secret."""


class Link(Protocol):
    """One connection to the other nodes."""

    @property
    def lost(self) -> asyncio.Event:
        """Set when the connection is gone."""
        ...

    async def send(self, payload: str) -> None:
        """To every node, this one too. Raises when the connection is gone."""
        ...

    async def close(self) -> None:
        """Let go; never raises."""
        ...


Connect = Callable[[Callable[[str], None]], Awaitable[Link]]


def merged(hints: Iterable[Hint]) -> list[Hint]:
    """One hint for each topic where nothing but keys was said; no keys means all. Hints with data stay as they are."""
    keys: dict[Topic, dict[str, None] | None] = {}
    kept: list[Hint] = []
    for hint in hints:
        known = keys.get(hint.topic, {})
        if hint.data:
            kept.append(hint)
        elif not hint.keys or known is None:
            keys[hint.topic] = None
        else:
            keys[hint.topic] = known | dict.fromkeys(hint.keys)
    return [*(Hint(topic=topic, keys=tuple(named or ())) for topic, named in keys.items()), *kept]


def encode(node: str, hints: Iterable[Hint]) -> str:
    """A payload; where the hints do not fit, their topics only."""
    kept = merged(hints)
    payload = _dump(node, kept)
    if len(payload) <= _PAYLOAD:  # ASCII: a letter is a byte
        return payload
    return _dump(node, [Hint(topic=topic) for topic in sorted({hint.topic for hint in kept})])


def _dump(node: str, hints: Iterable[Hint]) -> str:
    return json.dumps([node, [[h.topic.value, list(h.keys), dict(h.data)] for h in hints]], separators=(",", ":"))


def decode(payload: str) -> tuple[str, list[Hint]]:
    """(node, hints); topics this version does not know are passed over. Raises `ValueError` for anything else."""
    try:
        node, hints = json.loads(payload)
        return str(node), [_hint(*hint) for hint in hints if hint[0] in set(Topic)]
    except (TypeError, KeyError, IndexError) as error:
        raise ValueError("not a payload of hints") from error


def _hint(topic: str, keys: list[str], data: dict[str, Any]) -> Hint:
    return Hint(topic=Topic(topic), keys=tuple(map(str, keys)), data=data)


class RelayedSignals:
    """The port `Signals` over a link."""

    def __init__(self, connect: Connect, name: str) -> None:
        self._connect = connect
        self._name = name
        self._node = new_id()
        self._mailboxes = Mailboxes()
        self._pending: list[Hint] = []
        self._waiting = asyncio.Event()
        self._ended = asyncio.Event()
        self._task: asyncio.Future[None] | None = None

    async def start(self) -> None:
        """Connect in the background: a node without its link still serves, and polls."""
        if self._task is None:
            self._ended.clear()
            self._task = asyncio.ensure_future(self._run())

    def publish(self, *hints: Hint) -> None:
        """Heard here at once, and by the others with the next flush."""
        self._mailboxes.put(hints)
        self._pending += hints
        if len(self._pending) > _PENDING:
            self._pending = [Hint(topic=topic) for topic in {hint.topic for hint in self._pending}]
        self._waiting.set()

    def subscribe(self, *topics: Topic) -> AbstractAsyncContextManager[Mailbox]:
        """Hear these topics while the context is open."""
        return self._mailboxes.subscribe(*topics)

    async def stop(self) -> None:
        """Disconnect; harmless before `start`, and twice."""
        task, self._task = self._task, None
        self._ended.set()  # a driver may swallow the cancellation (`wait_for` of Python 3.11 does when the answer comes with it)
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    def _heard(self, payload: str) -> None:
        try:
            node, hints = decode(payload)
        except ValueError:
            log.warning("signal_unreadable", extra={"link": self._name})
            return
        if node != self._node:
            self._mailboxes.put(hints)

    async def _run(self) -> None:
        pause = _FIRST_PAUSE
        while not self._ended.is_set():
            try:
                with contextlib.suppress(OSError):
                    pause = await self._linked(pause)
            except Exception:  # the hints of a node must not end for good
                log.exception("signals_failed", extra={"link": self._name})
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _linked(self, pause: float) -> float:
        """One life of the link; the pause before the next."""
        try:
            link = await self._connect(self._heard)
        except Exception as error:  # noqa: BLE001 whatever a driver raises, the answer is to try again
            detail = (
                {"detail": str(error)} if isinstance(error, HuntgroupError) else {}
            )  # a driver's words may hold a secret
            log.warning("signals_unreachable", extra={"link": self._name, "error": type(error).__name__, **detail})
            return pause
        log.info("signals_connected", extra={"link": self._name})
        # what was said while nobody listened is unknown: everybody looks
        self._mailboxes.put(Hint(topic=topic) for topic in Topic)
        try:
            await self._flush_until_lost(link)
        except Exception as error:  # noqa: BLE001 the same
            log.warning("signals_lost", extra={"link": self._name, "error": type(error).__name__})
        finally:
            await link.close()
        return _FIRST_PAUSE

    async def _flush_until_lost(self, link: Link) -> None:
        while not (link.lost.is_set() or self._ended.is_set()):
            await _first(self._waiting, link.lost, self._ended)
            self._waiting.clear()
            hints, self._pending = self._pending, []
            if hints:
                await self._send(link, hints)

    async def _send(self, link: Link, hints: list[Hint]) -> None:
        try:
            await link.send(encode(self._node, hints))
        except BaseException:
            self._pending = [*hints, *self._pending]  # sent when the link is back
            self._waiting.set()
            raise


async def _first(*events: asyncio.Event) -> None:
    """Until one of them is set."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()

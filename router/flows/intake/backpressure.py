"""Arrivals on their way into the store: who waits for them, and how many may wait at once."""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from conversation.errors import Overloaded
from conversation.model.decision import Understood
from conversation.model.message import Accepted, MessageReceived
from router.flows.intake.sanitize import Kept
from router.rules.rulebook import RuleBook

_FIXED_SIZE = 1_000  # what an arrival weighs besides its text


class PendingAccept:
    """One caller of `accept`, who waits until each of its events has an answer."""

    def __init__(self, events: int) -> None:
        self._answers: list[Accepted | None] = [None] * events
        self._left = events
        self.lost = False  # some of it is not in the store
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def answer(self, index: int, accepted: Accepted) -> None:
        """This event is settled; a second answer is ignored."""
        if self._answers[index] is None:
            self._answers[index] = accepted
            self._left -= 1
        if self._left == 0 and not self._done.done():
            self._done.set_result(None)

    def fail(self, error: BaseException, *, kept: bool = False) -> None:
        """One of the events cannot be acknowledged, so the call cannot. `kept`: its bytes are in the store all the same."""
        self.lost = self.lost or not kept
        if not self._done.done():
            self._done.set_exception(error)
            self._done.exception()  # the caller may be gone: its loss is no news

    async def wait(self) -> list[Accepted]:
        """All answers in order, or the failure."""
        await self._done
        return [answer for answer in self._answers if answer is not None]


@dataclass(slots=True, kw_only=True, eq=False)
class Arrival:
    """One event on its way. `cursor` is committed with it: it stands on the last event of a mailbox's call."""

    event: Kept
    call: PendingAccept
    index: int
    changed: bool = False
    repeats: bool = False  # most likely stored already
    cursor: Mapping[str, object] | None = None
    understood: Understood | None = None
    rulebook: RuleBook | None = None
    settled: bool = field(default=False)

    @property
    def size(self) -> int:
        """About how many bytes it holds."""
        if isinstance(self.event, MessageReceived):
            return _FIXED_SIZE + len(self.event.raw) + len(self.event.text) + len(self.event.html or "")
        return _FIXED_SIZE + len(getattr(self.event, "raw", b"")) + len(getattr(self.event, "text", ""))

    def answer(self, accepted: Accepted) -> None:
        """Give the caller the result."""
        self.settled = True
        self.call.answer(self.index, accepted)

    def fail(self, error: BaseException, *, kept: bool = False) -> None:
        """Refuse it: it was not stored; `kept` where its bytes are quarantined."""
        self.settled = True
        self.call.fail(error, kept=kept)

    @property
    def committed_cursor(self) -> Mapping[str, object] | None:
        """The cursor to commit with it: none where an earlier part of its call is lost, which would be passed for ever."""
        return None if self.call.lost else self.cursor


class IntakeBudget:
    """A bound in number and bytes. Who finds no room waits a little, then is refused. `idle` is set while nothing is on its way."""

    def __init__(self, *, events: int, size: int, patience: float) -> None:
        self._events = events
        self._size = size
        self._patience = patience
        self._held = 0
        self._held_size = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self.idle = asyncio.Event()
        self.idle.set()

    async def enter(self, arrivals: Sequence[Arrival]) -> None:
        """Reserve room; raises `Overloaded` when there is none within the patience."""
        events, size = len(arrivals), sum(arrival.size for arrival in arrivals)
        if self._fits(events, size):
            return
        try:
            async with asyncio.timeout(self._patience):
                while not self._fits(events, size):
                    await self._next_leaving()
        except TimeoutError:
            raise Overloaded("too many messages are waiting to be stored") from None

    def leave(self, arrivals: Sequence[Arrival]) -> None:
        """Give room back and wake whoever waits for it."""
        self._held -= len(arrivals)
        self._held_size -= sum(arrival.size for arrival in arrivals)
        if self._held == 0:
            self.idle.set()
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)

    def _fits(self, events: int, size: int) -> bool:
        fits = self._held + events <= self._events and self._held_size + size <= self._size
        if fits or self._held == 0:  # one call that is too big by itself passes alone
            self._held += events
            self._held_size += size
            self.idle.clear()
            return True
        return False

    async def _next_leaving(self) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        await waiter


class Recent:
    """Keys of what was stored not long ago. A provider repeats itself soon or never, and a repeat needs no understanding.

    A hint only, by hash: the store alone knows what is a repeat.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._keys: dict[int, None] = {}

    def __contains__(self, event: MessageReceived) -> bool:
        return hash((event.channel, event.external_id)) in self._keys

    def add(self, event: MessageReceived) -> None:
        """It is stored; the oldest is forgotten when there is no more room."""
        self._keys[hash((event.channel, event.external_id))] = None
        if len(self._keys) > self._most:
            del self._keys[next(iter(self._keys))]


class Shard:
    """One flusher's queue: always whatever arrived since it last looked, never a timer."""

    def __init__(self) -> None:
        self._arrivals: deque[Arrival] = deque()
        self._ready = asyncio.Event()

    def put(self, arrivals: Sequence[Arrival]) -> None:
        """Behind those that wait already."""
        self._arrivals.extend(arrivals)
        self._ready.set()

    async def take(self, most: int) -> list[Arrival]:
        """Wait for one, then take what is there, at most `most`."""
        await self._ready.wait()
        await asyncio.sleep(0)  # whoever was answered just now may bring the next one along
        batch = [self._arrivals.popleft() for _ in range(min(most, len(self._arrivals)))]
        if not self._arrivals:
            self._ready.clear()
        return batch

    def leftovers(self) -> list[Arrival]:
        """What nobody will take any more."""
        left = list(self._arrivals)
        self._arrivals.clear()
        return left

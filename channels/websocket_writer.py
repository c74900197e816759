"""Writing to WebSockets with bounds: whoever reads too slowly is let go and resumes from a cursor.

No task and no queue exist for a socket that has nothing to write, and none for a frame that the transport takes at once: idle
sockets cost next to nothing, and a frame to one that keeps up costs little more than the frame.
"""

import asyncio
import logging
import types
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, Protocol

log = logging.getLogger(__name__)

TOO_SLOW = 4408
MOST_FRAMES = 256
MOST_CHARACTERS = 1_000_000
PATIENCE = 10.0
FAREWELL = 2.0

Background = Callable[[Awaitable[None]], None]


class Socket(Protocol):
    """The part of a server's WebSocket that is needed here."""

    @property
    def closed(self) -> bool:
        """Whether a close was sent or received."""
        ...

    def send_str(self, data: str) -> Coroutine[Any, Any, None]:
        """Write one text frame; waits while the transport's buffer is full."""
        ...

    async def close(self, *, code: int, message: bytes) -> bool:
        """Send the close frame and wait for the other side's."""
        ...


class SocketWriter:
    """One client's bounded queue. `offer` never waits; a writer task lives only while frames are pending."""

    __slots__ = ("_abort", "_background", "_characters", "_done", "_frames", "_socket", "_writing")

    def __init__(self, socket: Socket, background: Background, *, abort: Callable[[], None]) -> None:
        self._socket = socket
        self._background = background
        self._abort = abort
        self._frames: deque[str] | None = None
        self._characters = 0
        self._writing = False
        self._done = False

    @property
    def done(self) -> bool:
        """Whether nothing more will be written."""
        return self._done or self._socket.closed

    @property
    def pending(self) -> int:
        """Frames that wait to be written."""
        return len(self._frames) if self._frames else 0

    def offer(self, frame: str) -> bool:
        """Queue one frame. False when the client is gone, or was just let go because it reads too slowly."""
        if self.done:
            return False
        if not self._writing:
            return self._write_at_once(frame)
        if self._frames is None:
            self._frames = deque()
        if self._frames and self._is_full(frame):
            self.close(TOO_SLOW, "too slow")
            return False
        self._frames.append(frame)
        self._characters += len(frame)
        return True

    def close(self, code: int, reason: str) -> None:
        """Drop what is pending and close in the background; a client that does not answer is cut off."""
        if self._done:
            return
        self.stop()
        self._background(self._farewell(code, reason))

    def stop(self) -> None:
        """Write nothing more; the socket's own handler closes it."""
        self._done = True
        self._forget()

    async def finish(self) -> None:
        """Wait, bounded, until what is pending was written."""
        pause = 0.0
        for _ in range(100):
            if not self._writing or self.done:
                return
            await asyncio.sleep(pause)
            pause = min(pause + 0.005, PATIENCE / 50)

    def _is_full(self, frame: str) -> bool:
        return self.pending >= MOST_FRAMES or self._characters + len(frame) > MOST_CHARACTERS

    def _forget(self) -> None:
        self._frames = None
        self._characters = 0

    def _write_at_once(self, frame: str) -> bool:
        """Most often the transport takes it and there is nothing to wait for; else a task waits, and what follows queues up."""
        try:
            rest = _begun(self._socket.send_str(frame))
        except (ConnectionError, RuntimeError):
            self._done = True
            return False
        if rest is not None:
            self._writing = True
            self._characters = len(frame)
            self._background(self._write(rest, len(frame)))
        return True

    async def _write(self, begun: Awaitable[None], size: int) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                await begun
            self._characters -= size
            while self._frames:
                frame = self._frames.popleft()
                self._characters -= len(frame)
                async with asyncio.timeout(PATIENCE):
                    await self._socket.send_str(frame)
        except TimeoutError:
            self.close(TOO_SLOW, "too slow")
        except (ConnectionError, RuntimeError):
            # the client left between two frames: its handler notices by itself
            self._done = True
        finally:
            self._writing = False
            self._forget()

    async def _farewell(self, code: int, reason: str) -> None:
        try:
            async with asyncio.timeout(FAREWELL):
                await self._socket.close(code=code, message=reason.encode()[:120])
        except (TimeoutError, ConnectionError, RuntimeError):
            log.debug("socket_cut_off", extra={"code": code})
        finally:
            self._abort()


def _begun(call: Coroutine[Any, Any, None]) -> Awaitable[None] | None:
    """Run a coroutine until it first waits: None where it ended without, else what is left of it to await."""
    try:
        first = call.send(None)
    except StopIteration:
        return None
    return _rest(call, first)


@types.coroutine
def _rest(call: Coroutine[Any, Any, None], first: Any) -> Generator[Any, Any, None]:
    """Wait for what the coroutine waits for already, then go on with it."""
    try:
        yield first
    except BaseException:
        call.close()
        raise
    yield from call.__await__()

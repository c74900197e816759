"""aioimaplib with its sharp edges off: no deep recursion, no endless literal, and a lost connection that is noticed."""

import asyncio
import ssl
from collections.abc import Callable
from typing import Any

from aioimaplib import IMAP4
from aioimaplib.aioimaplib import AioImapException, IMAP4ClientProtocol

from channels.email.patterns import pattern

_FETCHED = pattern(rb"\* \d+ FETCH \(")
_LINES = 100  # the library recurses once a line, and dies of some 970


class Protocol(IMAP4ClientProtocol):  # type: ignore[misc]  # the library is not typed
    """What is received is handed on in small pieces, and no more of it than `allowance` bytes."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self.lost: asyncio.Future[str] = loop.create_future()
        self.allowance = 1_000_000
        self.greeting = ""

    def data_received(self, d: bytes) -> None:
        """From the transport."""
        self.allowance -= len(d)
        if self.allowance < 0:
            self.abort("the server sent more than was asked for")
            return
        try:
            for piece in _pieces(d):
                super().data_received(piece)
        except Exception as error:  # noqa: BLE001 whatever the server said, only this connection is over
            self.abort(f"the server's answer could not be read ({type(error).__name__})")

    def connection_lost(self, exc: Exception | None) -> None:
        """From the transport."""
        super().connection_lost(exc)
        self._end("the connection was lost")

    def abort(self, why: str) -> None:
        """At once, whatever is under way."""
        self._end(why)
        if self.transport is not None:
            self.transport.abort()

    async def welcome(self, command: bytes) -> None:
        """A greeting that is none ends the connection."""
        self.greeting = command[:200].decode("ascii", "replace")
        try:
            await super().welcome(command)
        except (AioImapException, IndexError, ValueError):
            self.abort(f"the server greeted with: {self.greeting}")

    def _continuation(self, line: bytes) -> None:
        """A refused token comes as a challenge: an empty answer makes the server answer NO."""
        waiting = self.pending_sync_command
        if waiting is not None and waiting.name == "AUTHENTICATE":
            self.send("")
        else:
            super()._continuation(line)

    def _untagged_response(self, line: bytes) -> Any:
        """Flags that others changed are not asked for; thousands of them would take the library minutes to add up."""
        if _FETCHED.match(line) and b"BODY[" not in line and b"RFC822.SIZE" not in line:
            return None
        return super()._untagged_response(line)

    def _end(self, why: str) -> None:
        if not self.lost.done():
            self.lost.set_result(why)


class Client(IMAP4):  # type: ignore[misc]
    """Connects with the protocol above."""

    protocol: Protocol

    def create_client(
        self,
        host: str,
        port: int,
        loop: asyncio.AbstractEventLoop | None,
        conn_lost_cb: Callable[[Exception | None], None] | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        """Called by the library's constructor."""
        del conn_lost_cb
        running = loop or asyncio.get_running_loop()
        self.protocol = Protocol(running)
        self._client_task = running.create_task(
            running.create_connection(lambda: self.protocol, host, port, ssl=ssl_context)
        )

    async def let_go(self) -> None:
        """Whatever state the connection is in. What the library left running ends as well."""
        self.protocol.abort("closed")
        left = [self._client_task, *self.tasks, *self.protocol.tasks]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        self.protocol.abort("closed")


def _pieces(data: bytes) -> list[bytes]:
    """Cut after every so many lines; the parser takes any cut, as it does any packet."""
    if data.count(b"\n") <= _LINES:
        return [data]
    lines = data.splitlines(keepends=True)
    return [b"".join(lines[at : at + _LINES]) for at in range(0, len(lines), _LINES)]

"""Holds idle WebSockets open, with as little of its own as possible: it shakes hands, says hello, answers pings, counts frames.

Its own process: `python -m tests.bench.load_sockets PORT PATH TOKEN_PREFIX`. Standard input takes `open FIRST COUNT` (then it
says `opened N`) and `frames` (then it says how many text frames have come so far). An empty prefix says no hello.
"""

import asyncio
import base64
import json
import os
import resource
import struct
import sys

AT_ONCE = 24
_PER_ADDRESS = 10_000  # sockets from one source address, so that no port is needed twice


def _masked(opcode: int, payload: bytes) -> bytes:
    length = len(payload)
    head = (
        struct.pack("!BB", 0x80 | opcode, 0x80 | length)
        if length < 126
        else struct.pack("!BBH", 0x80 | opcode, 0xFE, length)
    )
    return head + b"\0\0\0\0" + payload  # a mask of zeros is a mask


class Counts:
    """What came over all sockets."""

    frames = 0
    closed = 0


class Visitor(asyncio.Protocol):
    """One socket."""

    __slots__ = ("_hello", "_path", "_seen", "_transport", "ready")

    def __init__(self, path: str, hello: str) -> None:
        self._path = path
        self._hello = hello
        self._seen: bytes | None = b""
        self.ready: asyncio.Future[None] | None = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        key = base64.b64encode(os.urandom(16)).decode()
        transport.write(
            f"GET {self._path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        self._seen = (self._seen or b"") + data
        if self.ready is not None and not self._shaken():
            return
        while self._frame():
            pass

    def _shaken(self) -> bool:
        """After the handshake; a visitor is ready with the first frame, a bare socket at once."""
        assert self._seen is not None
        if self._seen.startswith(b"HTTP/1.1"):
            head, found, rest = self._seen.partition(b"\r\n\r\n")
            if not found:
                return False
            if not head.startswith(b"HTTP/1.1 101"):
                raise RuntimeError(head.decode())
            self._seen = rest
            if self._hello:
                self._transport.write(_masked(1, self._hello.encode()))
            else:
                self._set_ready()
        return True

    def _set_ready(self) -> None:
        if self.ready is not None:
            self.ready.set_result(None)
            self.ready = None

    def _frame(self) -> bool:
        seen = self._seen
        if not seen or len(seen) < 2:
            self._seen = seen or None
            return False
        length, at = seen[1] & 0x7F, 2
        if length == 126:
            if len(seen) < 4:
                return False
            length, at = struct.unpack("!H", seen[2:4])[0], 4
        if len(seen) < at + length:
            return False
        opcode, payload, self._seen = seen[0] & 0x0F, seen[at : at + length], seen[at + length :]
        self._take(opcode, payload)
        return True

    def _take(self, opcode: int, payload: bytes) -> None:
        if opcode == 9:
            self._transport.write(_masked(10, payload))
        elif opcode == 1:
            Counts.frames += 1
            self._set_ready()

    def connection_lost(self, _error: Exception | None) -> None:
        Counts.closed += 1
        if self.ready is not None:
            self.ready.set_exception(ConnectionError("closed before it was ready"))


async def _open(port: int, path: str, prefix: str, number: int, gate: asyncio.Semaphore) -> None:
    hello = json.dumps({"hello": {"token": f"{prefix}{number}", "last_seq": 0}}) if prefix else ""
    source = (f"127.0.0.{2 + number // _PER_ADDRESS}", 0)
    async with gate:
        _, visitor = await asyncio.get_running_loop().create_connection(
            lambda: Visitor(path, hello), "127.0.0.1", port, local_addr=source
        )
        if visitor.ready is not None:
            await asyncio.wait_for(visitor.ready, 60)


async def main(port: int, path: str, prefix: str) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, hard), hard))
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    gate = asyncio.Semaphore(AT_ONCE)
    while line := (await reader.readline()).split():
        if line[0] == b"open":
            first, count = int(line[1]), int(line[2])
            await asyncio.gather(*(_open(port, path, prefix, number, gate) for number in range(first, first + count)))
            print(f"opened {count}", flush=True)
        else:
            print(f"frames {Counts.frames} {Counts.closed}", flush=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else ""))

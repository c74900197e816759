"""Posts signed messages over so many kept-alive connections, each sending when its last answer has come.

Its own process: `python -m tests.bench.load_http PORT PATH COUNT CONNECTIONS SEED`; prints what it measured as JSON.
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterator

from tests.bench.measure import percentile
from tests.bench.workload import Plain, plain
from tests.faults.ledger import signed


def body_of(row: Plain) -> bytes:
    """One message as an application posts it."""
    sender = {"id": row.address, "attributes": row.meta}
    return json.dumps({"id": row.external_id, "from": sender, "text": row.body}, ensure_ascii=False).encode()


def request_of(row: Plain, port: int, path: str) -> bytes:
    """The whole request, made beforehand: the load is to cost little."""
    body = body_of(row)
    headers = {"Host": f"127.0.0.1:{port}", "Content-Length": str(len(body)), **signed(row.external_id, body)}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body


class Sender(asyncio.Protocol):
    """One connection."""

    def __init__(self, requests: Iterator[bytes], spans: list[float], statuses: dict[bytes, int]) -> None:
        self._requests = requests
        self._spans = spans
        self._statuses = statuses
        self._seen = b""
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._next()

    def _next(self) -> None:
        request = next(self._requests, None)
        if request is None:
            self._transport.close()
            return
        self._sent = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._seen += data
        head, found, rest = self._seen.partition(b"\r\n\r\n")
        if not found:
            return
        at = head.lower().index(b"content-length:") + 15
        if len(rest) < int(head[at:].split(b"\r\n", 1)[0]):
            return
        self._spans.append(time.perf_counter() - self._sent)
        status = head[9:12]
        self._statuses[status] = self._statuses.get(status, 0) + 1
        self._seen = b""
        self._next()

    def connection_lost(self, _error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)


async def main(port: int, path: str, count: int, connections: int, seed: int) -> None:
    requests = iter([request_of(row, port, path) for row in plain(count, seed=seed)])
    spans: list[float] = []
    statuses: dict[bytes, int] = {}
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    made = [
        await loop.create_connection(lambda: Sender(requests, spans, statuses), "127.0.0.1", port)
        for _ in range(connections)
    ]
    for _, sender in made:
        await sender.done
    wall = time.perf_counter() - started
    told = {status.decode(): number for status, number in statuses.items()}
    print(json.dumps({"wall": wall, "p50": percentile(spans, 0.5), "p99": percentile(spans, 0.99), "statuses": told}))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])))

"""HTTP written byte by byte: what no well-behaved client would send."""

import asyncio
import gzip
import json
import secrets
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.faults.ledger import signed, written
from tests.serving import ROOT, environment, furnished, write_config
from tests.soon import soon

MORE = """
[channels.site]
kind = "webchat"
origins = ["https://shop.example"]
messages_per_second = 1000.0
"""
AT_ONCE = 2.0  # seconds until a door answers a good call after a bad one
PASSWORD = "a long enough password"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 32


@dataclass(slots=True, kw_only=True)
class House:
    """A serving process, and the keys to its doors."""

    url: str
    config: Path
    token: str
    visitor: str = ""
    conversation: str = ""

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


async def exchange(
    url: str, method: str, path: str, headers: Mapping[str, str | bytes] | None = None, body: bytes = b""
) -> Answer:
    """One request on a connection of its own, exactly these bytes."""
    parts = urlsplit(url)
    sent = {"Host": parts.netloc, "Connection": "close", "Content-Length": str(len(body)), **(headers or {})}
    head = [f"{method} {path} HTTP/1.1".encode()]
    head += [name.encode() + b": " + (v if isinstance(v, bytes) else v.encode()) for name, v in sent.items()]
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        writer.write(b"\r\n".join(head) + b"\r\n\r\n" + body)
        raw = await _all_of(reader)
    finally:
        writer.close()
    top, _, rest = raw.partition(b"\r\n\r\n")
    first, *lines = top.decode("latin-1").split("\r\n")
    told = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Answer(int(first.split()[1]), rest, told)


async def _all_of(reader: asyncio.StreamReader) -> bytes:
    """To the end; a server that refuses a body need not read it, and may reset the connection after its answer."""
    raw = b""
    try:
        while chunk := await reader.read(65536):
            raw += chunk
    except ConnectionError:
        assert raw, "the connection was reset without an answer"
    return raw


async def hooked(house: House, body: bytes, **headers: str | bytes) -> Answer:
    """A signed call; `headers` win over those of the signature (with `_` for `-`)."""
    given: dict[str, str | bytes] = dict(signed(secrets.token_hex(8), body))
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    return await exchange(house.url, "POST", "/hooks/app", given, body)


async def answered_at_once(round_: Callable[[], Awaitable[float]]) -> None:
    """One round is a bad call and, timed, a good one through the same door."""
    await soon(AT_ONCE, round_)


def message(**changed: object) -> bytes:
    """A webhook's message with some fields changed; None takes a field away."""
    body = {**written(secrets.token_hex(6), "customer-bad"), **changed}
    return json.dumps({name: value for name, value in body.items() if value is not None}).encode()


def form(content: bytes, name: str = "picture.png", kind: str = "image/png") -> tuple[dict[str, str], bytes]:
    """multipart/form-data with one file."""
    head = f'--b\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: {kind}\r\n\r\n'
    return {"Content-Type": "multipart/form-data; boundary=b"}, head.encode() + content + b"\r\n--b--\r\n"


def bomb() -> bytes:
    """64 MiB in 64 KiB."""
    return gzip.compress(b" " * (64 * 1024 * 1024), 9)


@contextmanager
def serving(folder: Path, database: str) -> Iterator[House]:
    """One process for a whole module, with an admin, a visitor and an open conversation."""
    config = write_config(folder, database, more=MORE)
    token = asyncio.run(furnished(database, password=PASSWORD))
    with (folder / "serve.log").open("ab") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "ops", "--config", str(config), "serve"],
            stdout=subprocess.PIPE, stderr=errors, env=environment(), cwd=ROOT,
        )  # fmt: skip
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        house = House(url=json.loads(line.removeprefix(b"ready "))["url"], config=config, token=token)
        asyncio.run(_introduce(house))
        yield house
    finally:
        process.terminate()
        code = process.wait(40)
        if process.stdout is not None:
            process.stdout.close()
    assert code == 0


async def _introduce(house: House) -> None:
    session = await exchange(house.url, "POST", "/chat/site/sessions", {}, b"{}")
    house.visitor = session.json["token"]
    said = await exchange(
        house.url, "POST", "/chat/site/messages", {"Authorization": f"Bearer {house.visitor}"},
        json.dumps({"id": "first", "text": "Hello"}).encode(),
    )  # fmt: skip
    assert said.status == 200, said
    house.conversation = said.json["conversation"]

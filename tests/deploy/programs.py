"""The real programs that read the files of deploy/: found on this machine, or where tests/deploy/install unpacks them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
_PLACES = [Path(sys.executable).parent, ROOT / ".run/deploy/usr/bin", ROOT / ".run/deploy/usr/sbin"]


def program(name: str) -> str:
    """Its path. Without it the test is skipped; where tests run unattended it fails: tests/deploy/install was not run."""
    path = os.pathsep.join([*map(str, _PLACES), os.environ["PATH"], "/usr/sbin"])
    found = shutil.which(name, path=path)
    if found is None:
        words = f"NO {name.upper()}: run tests/deploy/install, which unpacks it from Debian's packages"
        if os.environ.get("CI"):
            pytest.fail(words)
        pytest.skip(words)
    return found


def run(*command: str, cwd: Path | None = None, timeout: float = 60) -> tuple[int, str]:
    """Its exit code, and what it prints to both outputs."""
    done = subprocess.run(
        command,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
        check=False,
    )
    return done.returncode, done.stdout


def replaced(text: str, swaps: dict[str, str]) -> str:
    """The text of a file with what only a test needs: each of the swapped texts must be in it."""
    for old, new in swaps.items():
        assert old in text, f"the file has no {old!r}"
        text = text.replace(old, new)
    return text

"""The previous release's own tests, on the schema that this release makes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.upgrade.previous_release import ROOT, is_missing, source
from tests.upgrade.rolling import long_form

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.xdist_group("rolling"),
    pytest.mark.skipif(is_missing(), reason="a shallow clone: the previous release is not in its history"),
]
# in the long form on SQLite, too
WHAT = ["tests/storage", "tests/router/flows"] if long_form() else ["tests/storage", "-k", "not sqlite"]
# they are about where its own migrations lead
ITS_MIGRATIONS = ["tests/storage/test_migrations.py", "tests/storage/test_schema_window.py"]
NEWEST = "tests/storage/test_engine.py::test_the_store_answers_and_stands_at_the_newest_migration"


def test_the_previous_release_keeps_its_promises_on_this_schema(tmp_path: Path) -> None:
    unpacked = source(tmp_path / "source")
    left_out = [f"--ignore={name}" for name in ITS_MIGRATIONS if (unpacked / name).exists()]
    path = f"{unpacked}:{ROOT / 'tests/upgrade/plugin'}"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "newer_schema", *WHAT, *left_out, f"--deselect={NEWEST}"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment |= {"PYTHONPATH": path, "NEWER_RELEASE": str(ROOT)}
    done = subprocess.run(command, cwd=unpacked, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    summary = done.stdout.splitlines()[-1]
    print("\nthe previous release's tests on this schema:", summary)
    assert int(summary.split(" passed")[0].split()[-1]) > 200

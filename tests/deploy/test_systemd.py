"""The units of deploy/systemd: systemd reads them without a complaint, and they leave a node little to do but its work."""

import json
import re
import shlex
import sys
from pathlib import Path

import pytest

from ops.__main__ import _parser
from ops.commands import serve
from tests.deploy.programs import DEPLOY, program, replaced, run

UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
MOST_EXPOSED = 2.0  # of 10, as systemd-analyze counts


def installed(folder: Path, unit: Path) -> str:
    """A copy as it would stand on a machine, with a huntgroup that exists; a template gets its port."""
    huntgroup = str(Path(sys.executable).parent / "huntgroup")
    copy = folder / unit.name.replace("@", "@8080")
    copy.write_text(replaced(unit.read_text("utf-8"), {"/opt/huntgroup/bin/huntgroup": huntgroup}), "utf-8")
    return str(copy)


def value(unit: Path, key: str) -> str:
    return str(re.findall(rf"^{key}=(.*)$", unit.read_text("utf-8"), re.MULTILINE)[-1])


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_reads_the_unit_without_a_complaint(unit: Path, tmp_path: Path) -> None:
    verify = [program("systemd-analyze"), "verify", "--man=no", "--recursive-errors=no"]

    assert run(*verify, installed(tmp_path, unit)) == (0, "")


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_is_hardly_exposed(unit: Path, tmp_path: Path) -> None:
    security = [program("systemd-analyze"), "security", "--offline=true", "--json=short", "--no-pager"]
    code, printed = run(*security, f"--threshold={MOST_EXPOSED * 10:.0f}", installed(tmp_path, unit))

    assert code == 0, [one for one in json.loads(printed) if one.get("exposure")]


def test_the_account_that_nodes_run_as_can_be_made(tmp_path: Path) -> None:
    accounts = DEPLOY / "systemd" / "huntgroup.sysusers.conf"
    code, printed = run(program("systemd-sysusers"), "--dry-run", f"--root={tmp_path}", str(accounts))

    assert (code, "Creating user 'huntgroup'" in printed) == (0, True), printed
    assert {value(unit, "User") for unit in UNITS} == {"huntgroup"}


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_starts_a_command_that_exists(unit: Path) -> None:
    _, *arguments = shlex.split(value(unit, "ExecStart").replace("%i", "8080"))

    assert _parser(arguments[0]).parse_args(arguments).command == arguments[0]


def test_systemd_waits_for_a_node_that_drains() -> None:
    node = next(unit for unit in UNITS if "@" in unit.name)
    longest = serve._DRAIN + serve._SENDING + serve._LINGER

    assert float(value(node, "TimeoutStopSec")) > longest

"""Walls that hold: a wrong import planted in a copy of the source breaks the contract that names it, and a right one breaks none."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("conversation", "router", "channels", "storage", "migrations", "desk", "ops")
PURE = "the model and the pure router do no I/O, read no clock, draw no lots"
ROUTER = "every package of the router has its floor"
PLANTED = [
    ("conversation/model/people.py", "import asyncio", PURE),
    ("router/hours/calendar.py", "import asyncio", PURE),
    ("router/understanding/normalize_text.py", "import asyncio", PURE),
    ("router/rules/durations.py", "import asyncio", PURE),
    ("router/wording/next_opening.py", "import asyncio", PURE),
    ("router/decision/decide.py", "import asyncio", PURE),
    ("router/policy/echoes.py", "import asyncio", PURE),
    ("router/policy/permissions.py", "from conversation.id_generator import new_id", PURE),
    ("router/policy/overflow.py", "from router.flows.transaction_retry import retried", PURE),
    ("router/decision/facts.py", "from router.flows.active_rules import RulesInForce", ROUTER),
    ("router/rules/conditions.py", "from router.policy.overflow import Wait", ROUTER),
    ("router/flows/active_rules.py", "from router.flows.intake.inbox import IntakeFlow", "every flow has its floor"),
    ("desk/http/tokens.py", "from desk.api import login", "every package of the desk has its floor"),
    ("storage/database/run.py", "from storage.store import Store", "every package of storage has its floor"),
    ("router/flows/agents/reply.py", "import sqlalchemy", "SQL stays in storage"),
    ("desk/app.py", "from sqlalchemy import text", "SQL stays in storage"),
    ("conversation/wording/catalogue.py", "import random", PURE),
    (
        "conversation/wording/text_template.py",
        "from conversation.model.message import Message",
        "every package of the conversation has its floor",
    ),
    ("router/wording/next_opening.py", "import babel", "Babel stays in the wording"),
    ("channels/line/normalize.py", "from channels.meta import errors", "channels do not know one another"),
    ("ops/composition/reload.py", "from ops.commands import check", "every package of ops has its floor"),
    ("ops/simulation/team.py", "from ops.commands import agent", "every package of ops has its floor"),
    ("storage/leases.py", "from router.hours import calendar", "four floors; the middle rooms do not know one another"),
]


def lint(folder: Path) -> str:
    """What the contracts say of the packages in this folder."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"]
    environment = {**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "300"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=100, check=False
    )
    return done.stdout


def copied(folder: Path, planted: Sequence[tuple[str, str, str]]) -> Path:
    """The packages and their contracts, with these imports added."""
    for room in ROOMS:
        shutil.copytree(ROOT / room, folder / room, ignore=shutil.ignore_patterns("__pycache__", "console", "page"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    for path, line, _ in planted:
        file = folder / path
        file.write_text(f"{file.read_text('utf-8')}\n{line}\n", "utf-8")
    return folder


def broken(report: str) -> dict[str, str]:
    """The text below each broken contract's name."""
    _, _, details = report.partition("Broken contracts")
    parts = re.split(r"\n([^\n]+)\n-{5,}\n", details)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return broken(lint(copied(tmp_path_factory.mktemp("planted"), PLANTED)))


@pytest.mark.slow
@pytest.mark.parametrize(("path", "line", "contract"), PLANTED)
def test_a_wrong_import_breaks_its_contract(found: dict[str, str], path: str, line: str, contract: str) -> None:
    module, imported = path.removesuffix(".py").replace("/", "."), line.split()[1]

    assert any(module in said and imported in said for said in found.get(contract, "").splitlines())


@pytest.mark.slow
def test_a_new_package_of_the_router_has_to_choose_its_floor(tmp_path: Path) -> None:
    folder = copied(tmp_path, ())
    (folder / "router" / "scoring").mkdir()
    (folder / "router" / "scoring" / "__init__.py").write_text('"""New."""\n')

    assert set(broken(lint(folder))) == {ROUTER}


@pytest.mark.slow
def test_the_source_as_it_stands_breaks_nothing(tmp_path: Path) -> None:
    assert " 0 broken" in lint(copied(tmp_path, ()))

"""Every example of docs/rulebook.md: it compiles, its tests pass, its commands exist."""

import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from ops.commands.command_list import COMMANDS
from ops.rule_analysis.dry_run import DryRun
from ops.rule_analysis.inline_tests import run_tests
from ops.rule_analysis.warnings import warnings_of
from router.rules.document import CasePart, Document, HoursPart, IssuePart, QueuePart, ThenPart
from router.rules.read_conditions import FACTS, OPERATORS
from router.rules.reader import unsigned_webhooks
from router.rules.rulebook import ChannelHints, compile_rules
from router.understanding.language import Detector
from router.understanding.language_detector import load_detector

PAGE = Path("docs/rulebook.md")
CHANNELS = {"site": ChannelHints(kind="webchat"), "app": ChannelHints(kind="webhook")}
REST: dict[str, Any] = {
    "languages": {"offered": ["zh", "en", "fr", "de"], "default": "en"},
    "fallback": {"queue": "general"},
}


def blocks(kind: str) -> list[str]:
    parts = PAGE.read_text().split("```")
    return [part.removeprefix(f"{kind}\n") for part in parts[1::2] if part.startswith(f"{kind}\n")]


@pytest.fixture(scope="module")
def detector() -> Detector:
    return load_detector(("zh", "en", "fr", "de"))


@pytest.mark.parametrize("number", range(len(blocks("toml"))))
def test_an_example_compiles_and_its_tests_pass(number: int, detector: Detector) -> None:
    data = tomllib.loads(blocks("toml")[number])
    data.pop("channels", None)
    data = {**REST, **data}
    data.setdefault("queues", {}).setdefault("general", {})
    document = Document.model_validate(data)
    rulebook = compile_rules(document, revision="page", channels=CHANNELS)
    for tested in run_tests(document, DryRun(rulebook, detector)):
        assert not tested.wrong, (tested.text, tested.wrong)
        assert not tested.unexpected, (tested.text, tested.unexpected)
    assert unsigned_webhooks(document) == []
    list(warnings_of(document, rulebook, date(2026, 11, 22)))


def test_there_are_examples_of_every_section_with_tests() -> None:
    assert len(blocks("toml")) >= 9
    assert sum("[[tests]]" in block for block in blocks("toml")) >= 8


def test_the_commands_named_exist() -> None:
    named = [line.split()[1] for block in blocks("sh") for line in block.splitlines() if line.startswith("huntgroup")]
    assert named
    assert set(named) <= set(COMMANDS)


def test_the_page_names_every_section_key_condition_operator_and_action() -> None:
    page = PAGE.read_text()
    sections = [name for name in Document.model_fields if f"[{name}" not in page]
    assert sections == []
    missing = [name for name in (*FACTS, *OPERATORS) if f"`{name}`" not in page and f"{name} =" not in page]
    assert [name for name in missing if f"`{name}.*`" not in page] == []
    for model in (CasePart, QueuePart, ThenPart, IssuePart, HoursPart):
        names = {field.alias or name for name, field in model.model_fields.items()}
        assert {name for name in names if f"`{name}`" not in page and f"{name} =" not in page} == set()

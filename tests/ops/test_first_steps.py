"""What somebody new does first: the demo, and the doctor on the untouched example."""

import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.request import urlopen

import pytest

from conversation.model.conversation import Priority
from ops.__main__ import main
from ops.configuration.settings import load, parse_rules
from ops.diagnostics.channels import example_host
from ops.rule_analysis.dry_run import DryRun, TrialMessage
from ops.simulation.demo_people import CUSTOMERS, TEAM
from router.understanding.language_detector import load_detector
from tests.example import EXAMPLE, copied
from tests.serving import environment, write_config

NOON = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return copied(tmp_path)


def command(config: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "ops", "--config", str(config), *arguments]


# -- the demo ----------------------------------------------------------------------------------------------------------


@contextmanager
def demo(config: Path) -> Iterator[str]:
    """What a demo prints, which then runs on."""
    running = subprocess.Popen(
        command(config, "demo"), cwd=config.parent, env=environment(), stdout=subprocess.PIPE, text=True
    )
    try:
        assert running.stdout is not None
        lines: list[str] = []
        while "Ctrl-C" not in "".join(lines[-1:]):
            lines.append(running.stdout.readline())
            assert lines[-1], f"the demo ended: {lines}"
        yield "".join(lines)
    finally:
        running.send_signal(signal.SIGTERM)
        running.communicate(timeout=60)


def links(printed: str) -> tuple[str, str, str]:
    """(chat page, console, login)."""
    found = re.search(r"chat page +(\S+)\n +console +(\S+)\?login=(\S+)", printed)
    assert found is not None, printed
    return found.group(1), found.group(2), found.group(3)


def test_a_demo_that_runs_already_prints_its_address_and_a_fresh_login(tmp_path: Path) -> None:
    config = write_config(tmp_path, f"sqlite:///{tmp_path / 'demo.db'}", more='[channels.site]\nkind = "webchat"\n')
    with demo(config) as printed:
        again = subprocess.run(
            command(config, "demo"),
            cwd=config.parent, env=environment(), capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        first, second = links(printed), links(again.stdout)
        assert "running already" in again.stdout
        assert first[:2] == second[:2]
        assert first[2] != second[2]
        with urlopen(second[0], timeout=30) as page:
            assert page.status == 200


def test_an_address_that_is_taken_by_another_program_comes_with_what_to_do(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(config.parent)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main(["--config", str(config), "demo", "--listen", f"127.0.0.1:{taken.getsockname()[1]}"]) == 1
    assert "--listen 127.0.0.1:0 takes any that is free" in capsys.readouterr().err


def test_the_demos_stolen_payment_reaches_safety_and_nobody_else_does() -> None:
    settings = load(EXAMPLE, {}, make_secrets=False)
    trial = DryRun(parse_rules(settings.source, settings.hints), load_detector(settings.document.languages.offered))
    made = [trial.decide(TrialMessage(channel="site", text=one.text, at=NOON))[1] for one in CUSTOMERS]
    urgent = [(one.queue, one.webhooks) for one in made if one.priority is Priority.URGENT]
    assert urgent == [("safety", ("freeze",))]
    assert [one.queue for one in made].count("safety") == 1


def test_the_demos_people_have_names_of_people() -> None:
    for name in (*(one.name for one in TEAM), *(one.name for one in CUSTOMERS)):
        assert re.fullmatch(r"[A-Z]\w+ [A-Z]\w+|[\u4e00-\u9fff]{2,4}", name), name


# -- the doctor --------------------------------------------------------------------------------------------------------


def test_the_untouched_example_is_fine_but_for_its_example_addresses(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(config.parent)
    assert main(["--config", str(config), "doctor", "--json"]) == 0
    found = {one["name"]: one for one in json.loads(capsys.readouterr().out)["findings"]}
    assert [name for name, one in found.items() if one["state"] == "bad"] == []
    for name in ("duty", "freeze"):
        assert found[f"webhook {name}"]["state"] == "warn"
        assert "wallet.example is an example address, not tried" in found[f"webhook {name}"]["words"]


@pytest.mark.parametrize(
    ("settings", "host"),
    [
        ("https://wallet.example/hooks", "wallet.example"),
        ({"imap": "imaps://hilfe%40example.com@imap.example.com", "address": "a@b.org"}, "imap.example.com"),
        ({"servers": [{"url": "https://EXAMPLE.org./x"}]}, "example.org."),
        ("https://wallet-example.com/", None),
        ("https://example.company/", None),
        ("hilfe@wallet.example", None),
        ("http://[::1", None),
        ({"port": 5}, None),
    ],
)
def test_an_example_address_is_known_by_its_host(settings: object, host: str | None) -> None:
    assert example_host(settings) == host

"""A password that is typed on a terminal is asked for and not shown; from a pipe it is read as it comes."""

import os
import pty
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.serving import environment, write_config


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_config(tmp_path, f"sqlite:///{tmp_path / 'huntgroup.db'}")


def command(config: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "ops", "--config", str(config), *arguments]


def typed(asked: Sequence[str], folder: Path, *answers: str) -> tuple[int, str]:
    """(exit code, what the terminal showed), each answer typed when it is asked for."""
    ours, theirs = pty.openpty()
    running = subprocess.Popen(
        asked, cwd=folder, env=environment(), stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    shown = b""
    try:
        for prompt, answer in zip((b"): ", b"again: "), answers, strict=True):
            shown += until(ours, prompt)
            os.write(ours, f"{answer}\n".encode())
        shown += until(ours, None)
        return running.wait(timeout=60), shown.decode()
    finally:
        os.close(ours)
        running.kill()
        running.wait()


def until(terminal: int, words: bytes | None) -> bytes:
    """What is shown up to these words; without words, to the end."""
    shown = b""
    while words is None or not shown.endswith(words):
        try:
            more = os.read(terminal, 1024)
        except OSError:  # the other side is gone
            more = b""
        if not more:
            assert words is None, shown
            break
        shown += more
    return shown


ADD = ("agent", "add", "ada@example.com", "--role", "admin", "--password-stdin")


def test_a_password_typed_on_a_terminal_is_asked_for_and_not_shown(config: Path) -> None:
    code, shown = typed(command(config, *ADD), config.parent, "correct horse 7", "correct horse 7")
    assert code == 0
    assert "added ada@example.com" in shown
    assert "correct" not in shown
    assert "horse" not in shown


@pytest.mark.parametrize("answers", [("correct horse 7", "correct hose 7"), ("", "")])
def test_a_slip_of_the_hand_changes_nothing(config: Path, answers: tuple[str, str]) -> None:
    code, shown = typed(command(config, *ADD), config.parent, *answers)
    assert code == 1
    assert "nothing is changed" in shown
    assert "horse" not in shown
    listed = subprocess.run(
        command(config, "agent", "list"), cwd=config.parent, env=environment(), capture_output=True, check=True
    )
    assert listed.stdout == b""


def test_a_password_from_a_pipe_is_read_as_one_line(config: Path) -> None:
    done = subprocess.run(
        command(config, *ADD, "--name", "Ada Ops"), cwd=config.parent, env=environment(), input="correct horse 7\n",
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout == "added Ada Ops <ada@example.com>, admin\n"
    assert done.stderr == ""

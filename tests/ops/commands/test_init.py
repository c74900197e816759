"""`init`: five answers make a configuration that serves; the example comes with all its files."""

import asyncio
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from ops.__main__ import main
from ops.configuration.example_files import example_files
from ops.configuration.first_config import PASSWORD, Answers, written, wrong_with
from ops.rule_analysis.checking import check
from router.understanding.language_detector import load_detector
from tests.example import EXAMPLE, PARTS
from tests.faults.raw import exchange
from tests.serving import ROOT, environment

TODAY = date(2026, 11, 23)


class Terminal:
    """Somebody who types; `asked` is what they saw."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *typed: str) -> None:
        self.asked: list[str] = []
        self._typed = iter(typed)
        monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
        monkeypatch.setattr("builtins.input", self._answer)

    def _answer(self, question: str) -> str:
        self.asked.append(question)
        try:
            return next(self._typed)
        except StopIteration:
            raise EOFError from None


@pytest.fixture(autouse=True)
def _no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    yield tmp_path


def read(path: Path) -> dict[str, object]:
    return tomllib.loads(path.read_text("utf-8"))


def test_without_questions_it_is_a_short_file_that_a_strict_check_passes(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", "--yes"]) == 0
    printed = capsys.readouterr().out
    assert re.findall(r"^  huntgroup (\S+)", printed, re.MULTILINE) == ["check", "agent", "serve"]
    assert 35 <= len((folder / "config.toml").read_text("utf-8").splitlines()) <= 50
    assert main(["check", "--strict"]) == 0
    assert [one.name for one in folder.iterdir()] == ["config.toml"]


async def test_what_it_wrote_serves_and_takes_a_chat_message(folder: Path) -> None:
    assert main(["init", "--yes", "--name", "Wallet Support"]) == 0
    serving = await asyncio.create_subprocess_exec(
        *[sys.executable, "-m", "ops", "serve", "--listen", "127.0.0.1:0"],
        cwd=folder,
        env={**environment(), "HUNTGROUP_SERVICE__LOG_LEVEL": "warning"},
        stdout=subprocess.PIPE,
    )
    try:
        assert serving.stdout is not None
        line = await asyncio.wait_for(serving.stdout.readline(), 60)
        url = json.loads(line.removeprefix(b"ready "))["url"]
        session = await exchange(url, "POST", "/chat/site/sessions", {}, b"{}")
        said = await exchange(
            url, "POST", "/chat/site/messages", {"Authorization": f"Bearer {session.json['token']}"},
            json.dumps({"id": "first", "text": "Hello"}).encode(),
        )  # fmt: skip
        assert (said.status, said.json["conversation"] != "") == (200, True)
    finally:
        serving.terminate()
        assert await asyncio.wait_for(serving.wait(), 60) == 0


def test_five_questions_are_asked_and_what_cannot_be_used_is_asked_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = [
        *('Zürich "Wallet" #1', "english", "zh, en", "Asia/Shangai", "Asia/Shanghai", "9 to 5", "mon-fri 09:00-25:00"),
        *("mon-fri 09:00-12:00 13:00-21:00, sat 10:00-18:00", "nobody", "hilfe@example.com"),
    ]
    terminal = Terminal(monkeypatch, *typed)
    assert main(["init"]) == 0
    assert len(dict.fromkeys(terminal.asked)) == 5
    assert len(terminal.asked) == len(typed)
    printed = capsys.readouterr().out
    assert "did you mean 'Asia/Shanghai'" in printed
    assert f"export {PASSWORD}" in printed
    data = read(folder / "config.toml")
    assert data["service"]["name"] == 'Zürich "Wallet" #1'  # type: ignore[index]
    assert data["languages"] == {"offered": ["zh", "en"], "default": "zh"}
    assert data["hours"] == {
        "office": {"timezone": "Asia/Shanghai", "mon-fri": ["09:00-12:00", "13:00-21:00"], "sat": ["10:00-18:00"]}
    }
    assert data["channels"]["mail"]["address"] == "hilfe@example.com"  # type: ignore[index]


@pytest.mark.parametrize(
    "answers",
    [
        Answers(),
        Answers(languages="zh,en,fr,de"),
        Answers(languages="it", hours="always"),
        Answers(languages="en,ja", timezone="Pacific/Chatham", hours="sat-mon 22:00-06:00"),
        Answers(name="\\ \" ' é 充值 \t", mailbox="o'brien+x@support.example"),
    ],
    ids=["suggested", "all", "untranslated", "night", "hard"],
)
def test_any_answers_that_are_taken_make_a_file_without_a_fault_or_warning(tmp_path: Path, answers: Answers) -> None:
    assert wrong_with(answers) is None
    path = tmp_path / "config.toml"
    path.write_text(written(answers), "utf-8")
    languages = [one.strip() for one in answers.languages.split(",")]
    result = check(path, {PASSWORD: "x"}, detector=load_detector(languages), today=TODAY)
    assert (result.problems, result.warnings) == ((), ())


def test_the_reply_while_nobody_is_there_is_that_of_the_example_and_in_spanish_too() -> None:
    example = tomllib.loads(example_files("config.toml")["config/replies.toml"])["replies"]["closed"]
    replies = tomllib.loads(written(Answers(languages="en,zh,fr,de,es,it")))["replies"]["closed"]

    assert {language: replies[language] for language in example} == example
    assert replies["es"].startswith("Estamos cerrados y volveremos a atenderle {next_opening}.")
    assert replies["it"] == replies["en"]


def test_without_a_terminal_it_asks_nobody_and_writes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init"]) == 2
    assert "--yes asks nothing" in capsys.readouterr().err
    assert list(folder.iterdir()) == []


def test_an_answer_of_a_flag_that_cannot_be_used_writes_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", "--yes", "--timezone", "Berlin"]) == 2
    assert "Berlin" in capsys.readouterr().err
    assert list(folder.iterdir()) == []


def test_who_ends_the_questions_has_nothing_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Terminal(monkeypatch, "Wallet Support")
    assert main(["init"]) == 1
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("flag", ["--yes", "--example"])
def test_what_is_there_is_overwritten_by_force_only(
    folder: Path, capsys: pytest.CaptureFixture[str], flag: str
) -> None:
    (folder / "config.toml").write_text("mine = 1\n")
    assert main(["init", flag]) == 1
    assert "config.toml is there already; --force" in capsys.readouterr().err
    assert (folder / "config.toml").read_text() == "mine = 1\n"
    assert main(["init", flag, "--force"]) == 0
    assert "service" in read(folder / "config.toml")


def test_the_example_comes_with_its_files_under_the_name_that_it_is_given(folder: Path) -> None:
    assert main(["init", "--example", "desk.toml"]) == 0
    assert {one.name for one in folder.iterdir()} == {"desk.toml", "desk"}
    assert {one.name for one in (folder / "desk").iterdir()} == {one.name for one in PARTS.iterdir()}
    assert "config.example" not in (folder / "desk.toml").read_text("utf-8")
    assert main(["check", "--strict", "desk.toml"]) == 0


def test_under_its_own_name_the_example_is_as_in_the_source() -> None:
    texts = example_files(EXAMPLE.name)
    assert {name: (ROOT / name).read_text("utf-8") for name in texts} == texts

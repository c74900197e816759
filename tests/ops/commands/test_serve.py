"""What keeps a house from serving is said in a line, with exit code 1, never as a trace."""

import fcntl
import socket
import sqlite3
from pathlib import Path

import pytest

from ops.__main__ import main
from tests.ops.commands.test_check import GOOD


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "config.toml"
    path.write_text(GOOD)
    return path


def said(config: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["--config", str(config), *arguments]) == 1
    error = [line for line in capsys.readouterr().err.splitlines() if line.startswith("huntgroup: ")]
    assert len(error) == 1
    return error[0]


def test_an_address_that_is_taken_is_named(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert f"cannot listen on {address}" in said(config, capsys, "serve", "--listen", address)


def test_a_folder_that_is_not_there_is_named(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "cannot write" in said(config, capsys, "serve", "--database", "sqlite:///nowhere/huntgroup.db")


@pytest.mark.parametrize("database", ["huntgroup.db", "link.db", "folder/huntgroup.db"])
def test_a_database_that_is_served_is_refused_by_whatever_path_it_is_named(
    config: Path, database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (config.parent / "link.db").symlink_to(config.parent / "huntgroup.db")  # before there is a file, too
    (config.parent / "folder").symlink_to(config.parent)
    with (config.parent / "huntgroup.lock").open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert "another huntgroup serves this database already" in said(
            config, capsys, "serve", "--listen", "192.0.2.1:1", "--database", f"sqlite:///{database}"
        )


@pytest.mark.parametrize("command", [["serve"], ["migrate"], ["agent", "list"]])
def test_a_database_of_a_newer_program_is_left_alone(
    config: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with sqlite3.connect(config.parent / "huntgroup.db") as database:
        database.execute("CREATE TABLE alembic_version (version_num VARCHAR(32))")
        database.execute("INSERT INTO alembic_version VALUES ('9999')")
    database.close()
    assert "newer than this program" in said(config, capsys, *command)


def test_a_postgresql_that_is_not_there_is_told_in_words(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "does not answer" in said(config, capsys, "migrate", "--database", "postgresql://nobody@127.0.0.1:1/none")

"""`huntgroup agent add` and `set` say when customers will see no name."""

from pathlib import Path

import pytest

from ops.__main__ import main
from tests.ops.commands.test_check import GOOD


@pytest.fixture
def config(tmp_path: Path, sqlite_url: str) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(f'[service]\ndatabase = "{sqlite_url}"\n' + GOOD)
    return path


def test_an_agent_without_a_name_is_added_and_a_name_is_asked_for(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def agent(*arguments: str) -> tuple[int, str, str]:
        code = main(["--config", str(config), "agent", *arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    code, out, err = agent("add", "lee@example.com")
    assert (code, out) == (0, "added lee@example.com <lee@example.com>, agent\n")
    assert "agent set lee@example.com --name" in err
    assert "--name" in agent("set", "lee@example.com", "--name", "LEE@example.com")[2]
    assert agent("set", "lee@example.com", "--name", "Lee Ann") == (0, "changed Lee Ann <lee@example.com>\n", "")
    assert agent("add", "mei@example.com", "--name", "Mei")[2] == ""

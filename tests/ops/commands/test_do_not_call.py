"""`huntgroup do-not-call`: what an operator puts down is not called, and says so."""

import json
from pathlib import Path

import pytest

from ops.__main__ import main
from tests.ops.commands.test_check import GOOD

NUMBER = "+49 30 555000199"


@pytest.fixture
def config(tmp_path: Path, sqlite_url: str) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(f'[service]\ndatabase = "{sqlite_url}"\n' + GOOD)
    return path


def test_numbers_are_added_listed_and_removed(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def huntgroup(*arguments: str) -> tuple[int, str, str]:
        code = main(["--config", str(config), "do-not-call", *arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    assert huntgroup("add", NUMBER, "--reason", "told us by mail") == (0, "+4930555000199 is not called any more\n", "")
    code, out, _ = huntgroup("list")
    assert (code, out.startswith("+4930555000199 since "), out.endswith(": told us by mail\n")) == (0, True, True)
    assert json.loads(huntgroup("list", "--json")[1])["reason"] == "told us by mail"
    assert huntgroup("remove", NUMBER)[0] == 0
    code, _, err = huntgroup("remove", NUMBER)
    assert (code, err) == (1, "huntgroup do-not-call: +4930555000199 is not among those that are never called\n")
    code, _, err = huntgroup("add", "030 555", "--reason", "x")
    assert (code, "write it like +49 30 555000199" in err) == (2, True)
    assert huntgroup("list") == (0, "", "")

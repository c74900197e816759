"""Commands need the secrets that they use, and no other."""

from pathlib import Path

import pytest

from ops.__main__ import main
from tests.example import copied


def test_no_command_is_stopped_by_a_secret_that_it_does_not_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = copied(tmp_path)
    more = (
        '\n[channels.other]\nkind = "webhook"\nsecret = { env = "NOT_IN_THIS_SHELL" }\n'
        '[webhooks.other]\nurl = "https://wallet.example/"\nsecret = { file = "not-here" }\n'
    )
    config.write_text(config.read_text("utf-8") + more, "utf-8")
    start = ["--config", str(config)]
    assert main([*start, "hours", "override", "berlin", "closed", "--until", "2h", "--reason", "strike"]) == 0
    assert main([*start, "hours", "list"]) == 0
    assert "berlin is closed" in capsys.readouterr().out
    assert main([*start, "agent", "add", "ada@example.com"]) == 0
    assert main([*start, "explain", "--channel", "other", "--text", "top up"]) == 0
    for needy in (["check"], ["doctor"], ["quarantine", "replay", "x"]):
        capsys.readouterr()
        assert main([*start, *needy]) != 0
        printed = capsys.readouterr()
        assert "NOT_IN_THIS_SHELL is not set" in printed.out + printed.err

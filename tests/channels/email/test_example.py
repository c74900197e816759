"""The mailbox in the example configuration: one has only to take the # away."""

from datetime import date
from pathlib import Path

import pytest

from ops.rule_analysis.checking import check
from router.understanding.language_detector import load_detector
from tests.example import PARTS, copied


def uncommented(source: str) -> str:
    """The example with its mailbox; the table ends where the next one begins."""
    head, mark, rest = source.partition("# [channels.hilfe-mail]")
    assert mark
    lines = (mark + rest).split("\n")
    end = next(place for place, line in enumerate(lines[1:], 1) if not line.startswith("# ") or line.startswith("# ["))
    return head + "\n".join([line.removeprefix("# ") for line in lines[:end]] + lines[end:])


@pytest.mark.slow
def test_the_examples_mailbox_is_accepted_as_it_stands(tmp_path: Path) -> None:
    path = copied(tmp_path)
    accounts = tmp_path / PARTS.name / "accounts.toml"
    accounts.write_text(uncommented(accounts.read_text("utf-8")), "utf-8")
    detector = load_detector(["zh", "en", "fr", "de"])
    result = check(path, {"HILFE_MAIL_PASSWORD": "x"}, detector=detector, today=date(2026, 11, 22))
    assert (result.problems, result.warnings) == ((), ())
    without = check(path, {}, detector=detector, today=date(2026, 11, 22))
    assert any("HILFE_MAIL_PASSWORD" in str(problem) for problem in without.problems)

"""Whatever a mail is made of, reading it ends soon, and what is read can be stored and shown."""

import json
import re

import pytest

from channels.email import parse_output
from tests.channels.email.poison import POISON
from tests.soon import cheaply

SECONDS = 2.0
RUNS = re.compile(
    r"<\s*(?:script|iframe|object|embed|svg|math|style|link|meta|form|base)|\son\w+\s*=|javascript:|vbscript:",
    re.IGNORECASE,
)


@pytest.mark.parametrize("make", POISON.values(), ids=POISON)
def test_a_poisonous_mail_is_read_or_refused_in_time(make: object) -> None:
    assert callable(make)
    raw = make()
    told = cheaply(SECONDS, lambda: parse_output.to_dict(raw))
    kept = json.dumps(told, ensure_ascii=False)
    kept.encode()  # no lone surrogate
    assert "\\u0000" not in kept
    assert told["html"] is None or RUNS.search(told["html"]) is None
    for line in (told["subject"] or "", told["from_name"] or "", *(one["name"] for one in told["attachments"])):
        assert not re.search(r"[\x00-\x1f\x7f\x85\u2028\u2029\u202a-\u202e]", line)


def test_there_are_enough_of_them() -> None:
    assert len(POISON) >= 100

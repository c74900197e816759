"""The examples of docs/api.md, run in their order against a serving node: each answer has at least what the document shows."""

import asyncio
import json
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.postgres import Postgres
from tests.serving import ROOT, SECRET, environment, furnished, start, write_config

DOCUMENT = ROOT / "docs/api.md"
CHANNELS = """
[channels.site]
kind = "webchat"

[channels.phone]
kind = "callback"
"""
NEEDED = ("bash", "curl", "jq", "openssl")


@dataclass(frozen=True, slots=True)
class Example:
    """A block that is run, and the JSON that the document shows below it."""

    kind: str
    code: str
    shown: Any


def examples() -> Iterator[Example]:
    found = re.findall(r"^```(\w+)\n(.*?)^```\n", DOCUMENT.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    for at, (kind, code) in enumerate(found):
        if kind in ("sh", "python"):
            following = found[at + 1] if at + 1 < len(found) else ("", "")
            yield Example(kind, code, json.loads(following[1]) if following[0] == "json" else None)


def lacking(shown: Any, answered: Any, where: str = "$") -> list[str]:
    """What the document shows and the answer has not: fields, and values other than "..."."""
    if isinstance(shown, dict):
        if not isinstance(answered, dict):
            return [f"{where} is no object: {answered!r}"]
        missing = [f"{where}.{name} is missing" for name in shown if name not in answered]
        kept = [name for name in shown if name in answered]
        return missing + [fault for name in kept for fault in lacking(shown[name], answered[name], f"{where}.{name}")]
    if isinstance(shown, list):
        if not isinstance(answered, list) or len(answered) < len(shown):
            return [f"{where} is shorter than shown: {answered!r}"]
        return [fault for at, one in enumerate(shown) for fault in lacking(one, answered[at], f"{where}[{at}]")]
    return [] if shown in ("...", answered) else [f"{where} is {answered!r}, not {shown!r}"]


def script(several: list[Example], folder: Path) -> str:
    """One bash script: variables of an example serve the next ones. The output of each goes to a file of its own."""
    lines = ["set -euo pipefail"]
    for at, one in enumerate(several):
        if one.kind == "python":
            program = folder / f"{at}.py"
            program.write_text(one.code, encoding="utf-8")
            lines.append(f"timeout 60 {sys.executable} {program} > {folder}/{at}.out")
        else:
            lines.append(f"{{\n{one.code}}} > {folder}/{at}.out")
    return "\n".join(lines)


@pytest.mark.skipif(not all(map(shutil.which, NEEDED)), reason=f"the examples need {', '.join(NEEDED)}")
@pytest.mark.timeout(180)
async def test_every_example_of_the_document_answers_what_it_shows(postgres: Postgres, tmp_path: Path) -> None:
    url = postgres.create()
    token = await furnished(url)
    serving = await start(write_config(tmp_path, url, more=CHANNELS), "serve", module="ops", log=tmp_path / "log")
    several = list(examples())
    given = environment() | {"BASE": serving.url, "TOKEN": token, "APP_HOOK_SECRET": f"whsec_{SECRET}"}
    shell = await asyncio.create_subprocess_exec(
        "bash", "-c", script(several, tmp_path), cwd=tmp_path, env=given, stderr=asyncio.subprocess.PIPE
    )
    _, errors = await asyncio.wait_for(shell.communicate(), 120)
    await serving.stop()
    postgres.drop(url)
    answers = {at: tmp_path / f"{at}.out" for at in range(len(several))}

    assert shell.returncode == 0, (errors.decode(), [p.read_text() for p in answers.values() if p.exists()][-1:])
    for at, one in enumerate(several):
        if one.shown is not None:
            assert lacking(one.shown, json.loads(answers[at].read_text("utf-8"))) == [], one.code


def test_the_document_has_examples_of_every_interface() -> None:
    code = "".join(one.code for one in examples())

    assert [
        part
        for part in ("/hooks/", "/chat/site/socket", "/callback/", "/api/v1/events", "/attachments")
        if part not in code
    ] == []

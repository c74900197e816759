"""docs/operations.md names every environment variable of huntgroup, and none that nothing reads."""

import re
import subprocess

from tests.serving import ROOT

VARIABLE = re.compile(r"HUNTGROUP_[A-Z]+(?:__[A-Z_]+)*")
OVERRIDES = re.compile(r"HUNTGROUP_[A-Z]+__")  # of any key: the document explains them as one


def named_in(*paths: str) -> set[str]:
    listed = subprocess.run(["git", "ls-files", *paths], cwd=ROOT, capture_output=True, text=True, check=True)
    texts = ((ROOT / name).read_text("utf-8", errors="ignore") for name in listed.stdout.splitlines())
    return {name for text in texts for name in VARIABLE.findall(text) if not OVERRIDES.match(name)}


def test_every_variable_is_in_the_document_and_is_read_somewhere() -> None:
    everywhere = ("ops", "storage", "channels", "deploy", "tests", "Makefile", "Containerfile")
    read = named_in(*everywhere)
    documented = named_in("docs/operations.md")

    assert documented == read

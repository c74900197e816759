"""Names of files and modules that stand in text: nothing else notices when a file moves."""

import re
import subprocess
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXTS = (
    "*.py",
    "*.md",
    "*.toml",
    "*.sh",
    "Makefile",
    ".ci/*",
    "tests/channels/twilio",
    "tests/**/install",
    "tests/**/run",
)
HOME = r"(?:conversation|router|channels|storage|desk|ops|migrations|deploy|tests|docs)"
PATH = rf"(?<![\w/.:@-])({HOME}/[\w./-]*\w)"
COMMAND = rf"-m\W+({HOME}(?:\.\w+)*)"
QUOTED = r"`([a-z_]+\.(?:py|js|md))`"
PAGE = ROOT / "docs" / "a-new-channel.md"
# the words of the path of a file that nobody has written yet, an endpoint of Asterisk, and where a wheel keeps the example
INVENTED = re.compile(r"\b(?:KIND|NAME)\b|^channels/try-1$|^ops/configuration/examples\b")


@cache
def tracked(*patterns: str) -> frozenset[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return frozenset(name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file())


def written(pattern: str, *patterns: str) -> Iterator[tuple[str, str]]:
    """(file:line, what is named there)."""
    for name in sorted(tracked(*patterns or TEXTS)):
        for number, line in enumerate((ROOT / name).read_text("utf-8").splitlines(), start=1):
            for found in re.finditer(pattern, line):
                yield f"{name}:{number}", found[1]


def test_every_path_that_a_text_names_exists() -> None:
    missing = [
        f"{where} names {path}"
        for where, path in written(PATH)
        if not INVENTED.search(path) and not (ROOT / path).exists()
    ]

    assert missing == []


def test_every_file_that_a_docstring_or_comment_names_exists() -> None:
    names = {Path(name).name for name in tracked()}
    rooms = [f"{room}/*" for room in ("conversation", "router", "channels", "storage", "desk", "ops", "migrations")]
    missing = [f"{where} names {name}" for where, name in written(QUOTED, *rooms, "docs/*") if name not in names]

    assert missing == []


def test_every_module_that_a_command_starts_exists() -> None:
    found = list(written(COMMAND))

    assert len(found) > 5
    assert [f"{where} starts {module}" for where, module in found if not find_spec(module)] == []


def test_every_function_that_the_page_for_new_channels_recommends_exists() -> None:
    table = PAGE.read_text("utf-8").partition("| need | use |")[2].partition("\n\n")[0]
    names = re.findall(r"`([a-z_]+(?:\.\w+)+)", table)

    assert len(names) > 15
    assert [name for name in names if not exists(name)] == []


def exists(name: str) -> bool:
    """Whether it can be imported, as it stands or from the functions that channels share."""
    for module, _, last in ((prefix + name).rpartition(".") for prefix in ("channels.", "")):
        try:
            return hasattr(import_module(module), last)
        except ModuleNotFoundError:
            continue
    return False


@pytest.mark.parametrize("name", ["media.file_id", "channels.outgoing.json_of"])
def test_a_name_of_yesterday_is_found_out(name: str) -> None:
    assert not exists(name)

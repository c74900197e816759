"""One word for one thing: the words that docs/glossary.md replaces, in names, comments and docstrings of the rooms."""

import ast
import io
import re
import subprocess
import tokenize
from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("channels", "conversation", "desk", "migrations", "ops", "router", "storage")
# these are in no name, and in no comment or docstring either
WORDS = frozenset(
    [
        "told",
        "tell",
        "tells",
        "beside",
        "afresh",
        "tongue",
        "tongues",
        "house",
        "door",
        "doors",
        "hands",
        "papers",
        "sealing",
    ]
)
# good English, and names that say nothing of what is in them
NAMES = frozenset(["said", "say", "says", "again", "matter", "standing", "wishes", "marks", "spoken", "pace", "room"])
# one name for five things: a class says which
CLASSES = frozenset(
    [
        "Beside",
        "Call",
        "Doors",
        "Ground",
        "Hands",
        "House",
        "Outcome",
        "Parts",
        "Place",
        "Room",
        "Said",
        "Standing",
        "Told",
    ]
)
# where a replaced word stays: (paths, word as in a name's parts), and why
EXCEPTIONS = {
    ("channels/*/settings.py", "pace"): "a key of the configuration",
    ("channels/*/account.py", "pace"): "reads that key",
    ("channels/webchat/chat_socket.py", "again"): "WSCloseCode.TRY_AGAIN_LATER of aiohttp",
    ("desk/live/socket.py", "again"): "WSCloseCode.TRY_AGAIN_LATER of aiohttp",
    ("desk/api/messages.py", "say"): "an operation and a schema of the published API",
    ("desk/api/mail_html.py", "wishes"): "a schema of the published API",
    ("desk/representation/explanation.py", "spoken"): "a field of `huntgroup explain --json`",
    ("channels/callback/normalize.py", "matter"): "a column of `callbacks`, and its field",
    ("conversation/model/callback.py", "matter"): "a column of `callbacks`, and its field",
    ("conversation/ports/storage/callbacks.py", "matter"): "a column of `callbacks`, and its field",
    ("router/flows/intake/callback_requests.py", "matter"): "a column of `callbacks`, and its field",
    ("storage/callbacks/callbacks.py", "matter"): "a column of `callbacks`, and its field",
    ("storage/schema/callbacks.py", "matter"): "a column of `callbacks`, and its field",
    ("conversation/model/decision.py", "said"): "a name in stored decisions",
    ("conversation/decision_json.py", "said"): "a name in stored decisions",
    ("router/decision/decide.py", "said"): "a name in stored decisions",
    ("router/decision/facts.py", "said"): "a name in stored decisions",
    ("storage/customers/erasure.py", "marks"): "a column of `messages`",
    ("storage/customers/reply_windows.py", "told"): "a column of `identities`",
}


@cache
def _sources(room: str) -> list[Path]:
    listed = subprocess.run(["git", "ls-files", room], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [path for name in listed.splitlines() if name.endswith(".py") and (path := ROOT / name).is_file()]


def _parts(name: str) -> list[str]:
    """`CallOutcome` and `call_outcome` have two words each."""
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)]


def found_in(source: str) -> Iterator[str]:
    """Each use of a word that the glossary replaces."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.NAME:
            yield from (word for word in _parts(token.string) if word in WORDS or word in NAMES)
        elif token.type == tokenize.COMMENT:
            yield from (word for word in _parts(token.string) if word in WORDS)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield from (word for word in _parts(ast.get_docstring(node) or "") if word in WORDS)


def _reason(path: Path, word: str) -> tuple[str, str] | None:
    name = str(path.relative_to(ROOT))
    return next((one for one in EXCEPTIONS if one[1] == word and fnmatch(name, one[0])), None)


@pytest.mark.parametrize("room", ROOMS)
def test_no_replaced_word_is_used_in_a_room(room: str) -> None:
    found = [
        (str(path.relative_to(ROOT)), word)
        for path in _sources(room)
        for word in found_in(path.read_text("utf-8"))
        if _reason(path, word) is None
    ]

    assert not found, f"{Counter(found).most_common()}; docs/glossary.md has the terms"


def test_every_exception_is_needed() -> None:
    used = {
        _reason(path, word) for room in ROOMS for path in _sources(room) for word in found_in(path.read_text("utf-8"))
    }

    assert set(EXCEPTIONS) - used == set()


def test_a_class_is_not_named_by_a_word_for_many_things() -> None:
    classes = [
        f"{path.relative_to(ROOT)} {node.name}"
        for room in ROOMS
        for path in _sources(room)
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ClassDef) and node.name in CLASSES
    ]

    assert classes == []


def test_a_replaced_word_is_seen_in_a_name_a_comment_and_a_docstring() -> None:
    planted = '"""What is told."""\n\nclass SaidBefore:\n    def _tell_again(self) -> None:\n        ...  # beside\n'

    assert sorted(found_in(planted)) == ["again", "beside", "said", "tell", "told"]

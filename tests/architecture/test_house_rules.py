"""What no linter holds: names, sizes and shapes that keep the house readable. The floors are held by `lint-imports`."""

import ast
import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("conversation", "router", "channels", "storage", "desk", "ops")
SAYS_NOTHING = {"utils", "helpers", "common", "base", "manager", "misc"}
LONGEST_FUNCTION = 30
LONGEST_FACE = 40
LONGEST_FILE = 500
REASONED: set[str] = set()  # why would stand in its first lines


def sources() -> Iterator[Path]:
    for room in ROOMS:
        yield from sorted((ROOT / room).rglob("*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def functions() -> Iterator[tuple[str, int]]:
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield f"{name_of(path)} {node.name}", lines_of(node)


def lines_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of the body without its docstring, counted plainly."""
    body = function.body[1:] if ast.get_docstring(function, clean=False) else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_a_files_name_says_what_lives_there() -> None:
    assert [name_of(path) for path in sources() if path.stem in SAYS_NOTHING] == []


def test_no_function_is_longer_than_a_screen() -> None:
    over = {where: lines for where, lines in functions() if lines > LONGEST_FUNCTION}

    assert over == {}


def test_half_of_all_functions_have_less_than_ten_lines() -> None:
    lengths = sorted(lines for _, lines in functions())

    assert lengths[len(lengths) // 2] < 10


def test_a_file_beyond_five_hundred_lines_says_why() -> None:
    long = {name_of(path) for path in sources() if len(path.read_text("utf-8").splitlines()) > LONGEST_FILE}

    assert long <= REASONED


def test_a_packages_face_is_short() -> None:
    faces = [path for path in sources() if path.name == "__init__.py"]

    assert [name_of(face) for face in faces if len(face.read_text("utf-8").splitlines()) > LONGEST_FACE] == []


def test_every_module_begins_with_a_sentence() -> None:
    assert [name_of(path) for path in sources() if not ast.get_docstring(ast.parse(path.read_text("utf-8")))] == []


def test_only_the_house_and_commands_construct_the_store() -> None:
    builders = {
        "ops/composition/infrastructure.py",
        "ops/composition/channels.py",
        "ops/cli/database_session.py",
        "storage/store.py",
    }
    found = {name_of(path) for path in sources() if "open_storage(" in path.read_text("utf-8")}

    assert found <= builders


@pytest.mark.parametrize(
    "part", ["CallAttempts", "CallbackBooking", "ConversationActions", "ReplyService", "Dispatcher"]
)
def test_the_application_builds_each_part_once(part: str) -> None:
    calls = re.compile(rf"(?<!class )\b{part}\(")
    built = [name_of(path) for path in sources() for _ in calls.findall(path.read_text("utf-8"))]

    assert len(built) == 1, built


@pytest.mark.parametrize("kind", sorted(point.name for point in entry_points(group="huntgroup.channels")))
def test_a_channels_folder_has_the_shape_of_all(kind: str) -> None:
    folder = ROOT / "channels" / kind
    wanted = {"__init__.py", "settings.py", "normalize.py", "render.py", "account.py", "README.md", "quality.toml"}

    assert wanted <= {path.name for path in folder.iterdir()}
    quality = tomllib.loads((folder / "quality.toml").read_text("utf-8"))
    assert quality
    assert (ROOT / "tests" / "channels" / kind).is_dir()


def test_everything_the_reader_is_sent_to_exists() -> None:
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for link in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text("utf-8")):
            assert (page.parent / link).exists(), f"{name_of(page)} leads to {link}"


def test_tests_stand_in_the_folders_of_the_rooms() -> None:
    """A test of `router/decision/decide.py` is looked for in `tests/router/decision`."""
    rooms = [room for room in (ROOT / "tests").iterdir() if (ROOT / room.name).is_dir() and room.name != "tests"]
    folders = {test.parent.relative_to(ROOT / "tests") for room in rooms for test in room.rglob("test_*.py")}
    assert len(folders) > 20
    of_a_real_server = "asterisk"
    assert [str(one) for one in sorted(folders) if one.name != of_a_real_server and not (ROOT / one).is_dir()] == []

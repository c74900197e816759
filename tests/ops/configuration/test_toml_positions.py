"""Every key, table and item of a TOML text has its line."""

import tomllib
from collections.abc import Iterator

import pytest

from ops.configuration.toml_positions import lines_of, nearest
from tests.example import EXAMPLE, PARTS

TEXT = '''a = 1
"quo\\u0041ted".x = """multi
line"""
[hours.x]
mon-fri = ["09:00-12:00",
  "13:00" ] # c [
dates = [
  { date = "a", as = "mon" }, # }
  { from = 2027-02-05, when.x = { gt = 1 } },
]
[[rules]]
name = 'x'
when = { customer.vip = true, text = '[{"' }
[rules.then]
queue = "a"
[[rules]]
name = "y"
  [rules.when]
  text = """a"b"""""
[[rules.sub]]
k = []
[[rules.sub]]
k = 2'''

EXPECTED = {
    ("a",): 1,
    ("quoAted", "x"): 2,
    ("hours", "x"): 4,
    ("hours", "x", "mon-fri", 1): 6,
    ("hours", "x", "dates", 0, "as"): 8,
    ("hours", "x", "dates", 1, "when", "x", "gt"): 9,
    ("rules", 0): 11,
    ("rules", 0, "when", "customer", "vip"): 13,
    ("rules", 0, "then", "queue"): 15,
    ("rules", 1): 16,
    ("rules", 1, "when", "text"): 19,
    ("rules", 1, "sub", 1): 22,
    ("rules", 1, "sub", 1, "k"): 23,
}


@pytest.mark.parametrize(("path", "line"), EXPECTED.items())
def test_every_part_knows_its_line(path: tuple[str | int, ...], line: int) -> None:
    assert lines_of(TEXT)[path] == line


def paths(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (*path, key)
            yield from paths(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield (*path, index)
            yield from paths(inner, (*path, index))


FILES = [EXAMPLE, *sorted(PARTS.iterdir())]


@pytest.mark.parametrize(
    "text", [TEXT, *(file.read_text("utf-8") for file in FILES)], ids=["hard", *(one.name for one in FILES)]
)
def test_the_walk_finds_just_what_the_parser_finds(text: str) -> None:
    assert set(paths(tomllib.loads(text))) == set(lines_of(text))


def test_a_path_that_is_not_there_has_the_line_of_what_is_around_it() -> None:
    assert nearest(lines_of(TEXT), ("rules", 1, "then", "queue")) == 16
    assert nearest(lines_of(TEXT), ("nowhere",)) is None

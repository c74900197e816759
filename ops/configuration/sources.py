"""The configuration's files and the environment, read into one mapping in which everything still knows where it was written."""

import sys
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from glob import glob, has_magic
from pathlib import Path as File
from typing import Any

from ops.configuration.toml_positions import Path, lines_of, nearest

PREFIX = "HUNTGROUP_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """Something wrong, and where. Line 0: not in a file but in the environment or a flag."""

    file: str
    line: int
    message: str
    unreadable: bool = False

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}" if self.line else f"{self.file}: {self.message}"


class SettingsFaults(Exception):
    """Everything that is wrong with a configuration, at once."""

    def __init__(self, faults: Iterable[Located]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


@dataclass(frozen=True, slots=True)
class SourceLocation:
    """A file and a line."""

    file: str
    line: int


@dataclass(slots=True)
class Source:
    """What was read: plain data as JSON knows it, and the place of each of its parts."""

    first: File
    data: dict[str, Any] = field(default_factory=dict)
    places: dict[Path, SourceLocation] = field(default_factory=dict)
    faults: list[Located] = field(default_factory=list)
    files: dict[File, SourceLocation] = field(default_factory=dict)
    """Every file that was read, and the place that includes it."""

    def fault(self, path: Path, message: str) -> None:
        """Note a fault at the place of the path, or of the nearest thing around it."""
        self.faults.append(self.located(path, message))

    def located(self, path: Path, message: str) -> Located:
        """The message with its place."""
        place = nearest(self.places, path) or SourceLocation(str(self.first), 1)
        return Located(file=place.file, line=place.line, message=message)


def read(path: File, env: Mapping[str, str], flags: Mapping[str, object]) -> Source:
    """The file, what it includes, then the environment, then flags. Raises `SettingsFaults` where a file cannot be read."""
    source = Source(path, files={path: SourceLocation(str(path), 1)})
    _include(source, path, stack=())
    for name, value in sorted(env.items()):
        if name.startswith(PREFIX) and "__" in name:
            _override(source, name.removeprefix(PREFIX).split("__"), _value(value), name)
    for name, given in flags.items():
        _override(source, name.split("."), given, f"--{name.rpartition('.')[2].replace('_', '-')}")
    return source


def parse(path: File) -> tuple[dict[str, Any], dict[Path, int]]:
    """One file's data and lines. Raises `SettingsFaults`."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise _unreadable(path, 0, f"cannot be read: {error.strerror or error}") from error
    try:
        text = raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise _unreadable(path, line, "this is not UTF-8: save the file in UTF-8") from error
    try:
        return tomllib.loads(text), lines_of(text)
    except tomllib.TOMLDecodeError as error:
        raise _unreadable(path, *_syntax(text, str(error))) from error
    except RecursionError as error:
        raise _unreadable(path, 1, "nested too deeply") from error
    except ValueError as error:  # Python reads no number of more digits than this
        longest = sys.get_int_max_str_digits()
        line = next((at for at, line in enumerate(text.splitlines(), 1) if len(line) > longest), 1)
        raise _unreadable(path, line, "a number with too many digits") from error


def _unreadable(path: File, line: int, message: str) -> SettingsFaults:
    return SettingsFaults([Located(file=str(path), line=line, message=message, unreadable=True)])


def _syntax(text: str, message: str) -> tuple[int, str]:
    """`Invalid value (at line 3, column 5)` as a line and a sentence."""
    words, _, place = message.partition(" (at ")
    if place.startswith("line "):
        line = int(place.removeprefix("line ").partition(",")[0])
        column = place.rpartition("column ")[2].rstrip(")")
        return line, f"not TOML: {words[:1].lower()}{words[1:]}, at column {column}"
    return max(1, len(text.rstrip().splitlines())), f"not TOML: {words[:1].lower()}{words[1:]}, at the end of the file"


def _include(source: Source, path: File, *, stack: tuple[File, ...]) -> None:
    data, lines = parse(path)
    included = data.pop("include", [])
    places = {key: SourceLocation(str(path), line) for key, line in lines.items()}
    if stack and "rules" in data:
        at = places[("rules",)]
        message = f"rules stay in {source.first.name}: their order would depend on the order of files"
        source.faults.append(Located(file=at.file, line=at.line, message=message))
        del data["rules"]
    _merge(source, source.data, _plain(data), (), places)
    if not isinstance(included, list) or not all(isinstance(name, str) for name in included):
        source.fault(("include",), 'include is a list of files: include = ["issues.toml"]')
        return
    for index, name in enumerate(included):
        at = places.get(("include", index)) or places[("include",)]
        for file in _matching(source, path.parent, name, at):
            _include_one(source, file, at, stack=(*stack, path.resolve()))


def _matching(source: Source, folder: File, name: str, at: SourceLocation) -> list[File]:
    """The file of that name, or those that a pattern matches: sorted, so that every node reads them in one order."""
    if not has_magic(name) or (folder / name).is_file():
        return [folder / name]
    found = sorted(glob(name, root_dir=folder))  # noqa: PTH207 - leaves out hidden files, as shells do: editors lock with them
    if not found:
        source.faults.append(Located(file=at.file, line=at.line, message=f"no file matches {folder / name}"))
    return [folder / file for file in found]


def _include_one(source: Source, path: File, at: SourceLocation, *, stack: tuple[File, ...]) -> None:
    wrong = _not_includable(source, path, stack)
    if wrong:
        source.faults.append(Located(file=at.file, line=at.line, message=wrong))
        return
    source.files[path] = at
    try:
        _include(source, path, stack=stack)
    except SettingsFaults as faults:
        source.faults.extend(faults.faults)


def _not_includable(source: Source, path: File, stack: tuple[File, ...]) -> str | None:
    resolved = path.resolve()
    if resolved in stack:
        return f"{path.name} includes itself in a circle"
    if not resolved.is_relative_to(source.first.resolve().parent):
        return f"{path} lies outside the folder of {source.first.name}"
    if not resolved.is_file():
        return f"there is no file {path}"
    before = next((place for file, place in source.files.items() if file.resolve() == resolved), None)
    return f"{path} is included in {before.file}:{before.line} already" if before else None


def _merge(
    source: Source, into: dict[str, Any], data: dict[str, Any], path: Path, places: Mapping[Path, SourceLocation]
) -> None:
    """Tables are joined, `[[tests]]` are strung together; nothing is set twice."""
    for key, value in data.items():
        here = (*path, key)
        if key not in into:
            into[key] = value
            _placed(source, places, here, here)
        elif isinstance(value, dict) and isinstance(into[key], dict):
            _merge(source, into[key], value, here, places)
        elif here == ("tests",) and isinstance(value, list) and isinstance(into[key], list):
            for index, test in enumerate(value):
                _placed(source, places, ("tests", index), ("tests", len(into[key])))
                into[key].append(test)
        else:
            first = nearest(source.places, here) or SourceLocation(str(source.first), 1)
            elsewhere = nearest(places, here) or first
            message = f"'{_dotted(here)}' is set in {first.file}:{first.line} already"
            source.faults.append(Located(file=elsewhere.file, line=elsewhere.line, message=message))


def _placed(source: Source, places: Mapping[Path, SourceLocation], theirs: Path, here: Path) -> None:
    for length in range(1, len(here)):
        source.places.setdefault(
            here[:length], places[theirs[:length]] if theirs[:length] in places else places[theirs]
        )
    for path, place in places.items():
        if path[: len(theirs)] == theirs:
            source.places[(*here, *path[len(theirs) :])] = place


def _plain(value: Any) -> Any:
    """TOML's dates and times as text, so that a stored revision reads like the file."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value.isoformat() if isinstance(value, datetime | date | time) else value


def _value(text: str) -> object:
    """A list or table is written as in TOML; anything else is text, and numbers are read where one is wanted."""
    if text[:1] in ("[", "{"):
        try:
            return _plain(tomllib.loads(f"value = {text}")["value"])
        except (ValueError, RecursionError):
            return text
    return text


def _override(source: Source, parts: list[str], value: object, origin: str) -> None:
    """Set one value; names are found without regard to case, `_` finds `-` too."""
    table: dict[str, Any] = source.data
    path: Path = ()
    for part in parts[:-1]:
        key = _known(table, part)
        path = (*path, key)
        inner = table.setdefault(key, {})
        if not isinstance(inner, dict):
            source.faults.append(Located(file=origin, line=0, message=f"'{_dotted(path)}' is not a table"))
            return
        source.places.setdefault(path, SourceLocation(origin, 0))
        table = inner
    key = _known(table, parts[-1])
    table[key] = value
    source.places[(*path, key)] = SourceLocation(origin, 0)


def _known(table: Mapping[str, Any], part: str) -> str:
    wanted = part.lower().replace("-", "_")
    return next((key for key in table if key.lower().replace("-", "_") == wanted), part.lower())


def _dotted(path: Path) -> str:
    return ".".join(str(step) for step in path)

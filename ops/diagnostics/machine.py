"""What `doctor` looks at without asking anybody: Python, our packages, time zone data, the folder of attachments."""

import shutil
import sys
import tempfile
import zoneinfo
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pathlib import Path

import tzdata

from ops.diagnostics.check_result import Finding, bad, ok, warn

ROOMS = ("conversation", "router", "channels", "storage", "migrations", "desk", "ops")
_OURS = "huntgroup"
_OLDEST, _NEWEST = (3, 11), (3, 13)
_OLD = timedelta(days=550)
_GIB = 1024**3
_LITTLE, _TOO_LITTLE = _GIB, _GIB // 10
_DECEMBER = 12
_MONTHS_APART = 2  # between two releases, roughly


def python(version: tuple[int, int] = (sys.version_info[0], sys.version_info[1])) -> Finding:
    """Whether we are tried on this one."""
    named = "Python " + ".".join(map(str, version))
    if _OLDEST <= version <= _NEWEST:
        return ok("python", named)
    return warn("python", f"{named}: tried are 3.11 to 3.13", "run huntgroup with one of those")


def packages(
    owners: Mapping[str, Sequence[str]] | None = None, places: Mapping[str, Path | None] | None = None
) -> Finding:
    """Whether our rooms, which have everyday names, are ours: other distributions have packages called `channels` or `router`."""
    strangers = _strangers(packages_distributions() if owners is None else owners)
    strays = _strays({package: _place(package) for package in ROOMS} if places is None else places)
    if not strangers and not strays:
        return ok("packages", f"all {len(ROOMS)} rooms are huntgroup's own")
    faults = [*(f"'{package}' belongs to {' and '.join(names)} too" for package, names in strangers), *strays]
    return bad("packages", "; ".join(faults), "give huntgroup a virtual environment or a container of its own")


def _strangers(owners: Mapping[str, Sequence[str]]) -> list[tuple[str, list[str]]]:
    others = [
        (package, sorted({name for name in owners.get(package, ()) if name.lower() != _OURS})) for package in ROOMS
    ]
    return [(package, names) for package, names in others if names]


def _strays(places: Mapping[str, Path | None]) -> list[str]:
    """Rooms that lie elsewhere than this one does."""
    home = _place(__name__.partition(".")[0])  # not by the number of folders above this file: it moves
    return [
        f"'{package}' is not installed" if place is None else f"'{package}' is read from {place}"
        for package, place in places.items()
        if place != home
    ]


def _place(package: str) -> Path | None:
    found = find_spec(package)
    folders = list(found.submodule_search_locations or ()) if found else []
    return Path(folders[0]).resolve().parent if folders else None


# -- time zones --------------------------------------------------------------------------------------------------------


def zones(today: date, version: str | None = None) -> Finding:
    """Whether opening hours are reckoned by rules of this age: governments change them at a few weeks' notice."""
    version = version or _version_in_use(zoneinfo.TZPATH)
    released = _released(version)
    if released is None:
        return warn("time zones", f"data of an unknown version ('{version}')", _NEWER)
    if today - released > _OLD:
        return warn("time zones", f"data of {version}, older than a year and a half", _NEWER)
    return ok("time zones", f"data of {version}")


_NEWER = "bring the system's time zone data (or the package tzdata) up to date, or hours may be off where clocks change"


def _version_in_use(folders: Iterable[str]) -> str:
    """The system's data where there is any, as Python takes it; else the package's."""
    for folder in map(Path, folders):
        if (folder / "UTC").exists():
            return _version_in(folder) or "none is set"
    return str(tzdata.IANA_VERSION)


def _version_in(folder: Path) -> str | None:
    for name in ("tzdata.zi", "+VERSION"):
        try:
            with (folder / name).open(encoding="utf-8") as file:
                return file.readline().removeprefix("# version ").strip()
        except (OSError, UnicodeDecodeError):
            continue
    return None


def _released(version: str) -> date | None:
    """About when: `2025b` is the second of its year, and they come every other month."""
    year, letter = version[:4], version[4:5]
    if not (year.isascii() and year.isdigit() and letter.isascii() and letter.islower()):
        return None
    return date(int(year), min(1 + _MONTHS_APART * (ord(letter) - ord("a")), _DECEMBER), 1)


# -- folders -----------------------------------------------------------------------------------------------------------


def folder(name: str, path: Path, *, keep_free: int = 0) -> Finding:
    """Whether files can be written there, or the folder be made, and how much room there is. What is tried leaves nothing."""
    place = next(one for one in (path, *path.resolve().parents) if one.exists())
    try:
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(b"huntgroup")
        free = shutil.disk_usage(place).free
    except OSError as error:
        advice = f"let this user write to {place}, or name another place in the configuration"
        return bad(name, f"{place} cannot be written to: {error.strerror}", advice)
    return _free_space(name, path, free, keep_free)


def _free_space(name: str, path: Path, free: int, keep_free: int = 0) -> Finding:
    made = "" if path.exists() else ", and will be made"
    words = f"{path} can be written to{made}; {free / _GIB:.1f} GiB are free"
    advice = "make room, or move it to a larger disk: what cannot be written is not acknowledged"
    if free < keep_free:
        words += f", less than keep_free ({keep_free / _GIB:.1f} GiB): files are refused"
    if free < max(_TOO_LITTLE, keep_free):
        return bad(name, words, advice)
    return warn(name, words, advice) if free < _LITTLE else ok(name, words)

"""Faults in a rules file: what is wrong, where, and what was probably meant."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Literal

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. `path` leads to the key in the file; an index counts from 0."""

    path: Path
    message: str
    severity: Literal["error", "warning"] = "error"


class RuleFaults(Exception):
    """All faults of a rules file at once."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(fault.message for fault in self.faults))


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """` (did you mean 'x'?)` where a known name is near, otherwise nothing."""
    near = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" (did you mean '{near[0]}'?)" if near else ""


@dataclass(slots=True)
class Faults:
    """Collects faults while a file is read."""

    found: list[Fault] = field(default_factory=list)

    def error(self, path: Path, message: str) -> None:
        """Something that must be put right."""
        self.found.append(Fault(path, message))

    def warn(self, path: Path, message: str) -> None:
        """Something that is probably not meant."""
        self.found.append(Fault(path, message, "warning"))

    def unknown(self, path: Path, what: str, name: object, known: Iterable[str]) -> None:
        """A name that is defined nowhere."""
        self.error(path, f"there is no {what} '{name}'{did_you_mean(str(name), known)}")

    def expect(self, path: Path, what: str, name: object, known: Iterable[str]) -> bool:
        """Whether the name is known; a fault if not."""
        if isinstance(name, str) and name in known:
            return True
        self.unknown(path, what, name, known)
        return False

    @property
    def errors(self) -> list[Fault]:
        """The faults that are not warnings."""
        return [fault for fault in self.found if fault.severity == "error"]

    @property
    def warnings(self) -> tuple[Fault, ...]:
        """The faults that are only warnings."""
        return tuple(fault for fault in self.found if fault.severity == "warning")

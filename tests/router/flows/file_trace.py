"""Which files of the service one journey enters, in which order, and how often it comes back to one.

A file is entered when one of its functions is called and the call before was of another file. A return is an entry of a file that
the journey had entered before. A call that ends enters nothing. A coroutine that goes on after it waited enters nothing either,
for its reader never left the line; those entries are counted apart, because each of them costs time.

Only the service's own files count, and only the thread of the event loop: what a repository runs on its connection is one step,
which SQLite takes in a thread of its own.
"""

import sys
from collections import Counter
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

ROOT = Path(__file__).resolve().parents[3].as_posix() + "/"
ROOMS = ("conversation/", "router/", "channels/", "storage/", "desk/", "ops/")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a file. `depth` says how many files wait for it; `resumed`, that a coroutine only went on."""

    file: str
    function: str
    depth: int
    resumed: bool


@dataclass(slots=True)
class Journey:
    """The entries of one journey, in order."""

    entries: list[Entry] = field(default_factory=list)

    @property
    def files(self) -> list[str]:
        """Each file once, in the order of their first entries."""
        return list(dict.fromkeys(entry.file for entry in self.entries))

    @property
    def returns(self) -> int:
        """How often a file was entered again after it was left."""
        return _returns(self._calls)

    @property
    def returns_with_waits(self) -> int:
        """The same where a coroutine that goes on enters its file, too."""
        return _returns(self.entries)

    @property
    def _calls(self) -> list[Entry]:
        return [entry for entry in self.entries if not entry.resumed]

    def __str__(self) -> str:
        """The path: each file where it is entered first, below the file that waits for it, with the number of its entries."""
        times = Counter(_sequence(self._calls))
        first = {entry.file: entry for entry in reversed(self.entries)}
        return "\n".join(
            f"{'  ' * first[file].depth}{file} {first[file].function}" + (f" ×{times[file]}" if times[file] > 1 else "")
            for file in self.files
        )


class FileTrace:
    """`with FileTrace() as journey:` follows what runs in this thread, whatever task it runs in."""

    def __init__(self) -> None:
        self._journey = Journey()
        self._frames: dict[int, FrameType] = {}  # kept, so that no other frame gets the identity of one that ended

    def __enter__(self) -> Journey:
        sys.setprofile(self._profile)
        return self._journey

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        sys.setprofile(None)
        self._frames.clear()

    def _profile(self, frame: FrameType, event: str, _: Any) -> None:
        file = _file_of(frame)
        if event != "call" or file is None:
            return
        resumed = id(frame) in self._frames
        self._frames[id(frame)] = frame
        entry = Entry(file, frame.f_code.co_qualname, _depth(frame, file), resumed)
        self._journey.entries.append(entry)


def _sequence(entries: list[Entry]) -> list[str]:
    return [file for file, _ in groupby(entry.file for entry in entries)]


def _returns(entries: list[Entry]) -> int:
    sequence = _sequence(entries)
    return len(sequence) - len(set(sequence))


def _file_of(frame: FrameType) -> str | None:
    name = frame.f_code.co_filename.removeprefix(ROOT)
    return name if name.startswith(ROOMS) else None


def _depth(frame: FrameType, file: str) -> int:
    """How many times the calls above this one pass from a file of the service to another."""
    depth, outer = 0, frame.f_back
    while outer is not None:
        caller = _file_of(outer)
        if caller is not None and caller != file:
            depth, file = depth + 1, caller
        outer = outer.f_back
    return depth

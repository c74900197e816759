"""The results of checks: one plain sentence for each thing, whether it is fine, and what to do where it is not."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

_LONGEST = 300


class State(StrEnum):
    """`skipped` says that nothing could be asked; only `bad` is a failure."""

    OK = "ok"
    WARN = "warn"
    BAD = "bad"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at. `words` may repeat what a provider said, never a secret; `advice` is empty where all is well."""

    name: str
    state: State
    words: str
    advice: str = ""

    def as_json(self) -> dict[str, str]:
        """For `--json`."""
        return {
            "name": self.name,
            "state": self.state.value,
            "words": one_line(self.words),
            "advice": self.advice,
        }

    def __str__(self) -> str:
        line = f"{self.state.value:<8}{self.name}: {one_line(self.words)}"
        return f"{line}\n        {self.advice}" if self.advice else line


def ok(name: str, words: str) -> Finding:
    """All is well."""
    return Finding(name=name, state=State.OK, words=words)


def bad(name: str, words: str, advice: str) -> Finding:
    """It does not work, and what to do."""
    return Finding(name=name, state=State.BAD, words=words, advice=advice)


def warn(name: str, words: str, advice: str) -> Finding:
    """It works, and will not for long, or not for everybody."""
    return Finding(name=name, state=State.WARN, words=words, advice=advice)


def skipped(name: str, words: str) -> Finding:
    """Nothing could be asked."""
    return Finding(name=name, state=State.SKIPPED, words=words)


def is_whole(findings: Iterable[Finding]) -> bool:
    """Whether nothing is bad."""
    return all(one.state is not State.BAD for one in findings)


def one_line(text: str) -> str:
    """What others said, in one line that a terminal shows and does not obey."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:_LONGEST]

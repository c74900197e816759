"""Arguments that describe an agent: languages and skills with levels, capacity by kind of work, names of queues."""

import argparse
from collections.abc import Mapping

from conversation.model.people import WorkKind

_LEVELS = range(1, 6)


def levels_of(text: str) -> Mapping[str, int]:
    """`zh:5,en` as {"zh": 5, "en": 3}: a level is 1 to 5, 3 where none is named."""
    levels = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, _, level = part.partition(":")
        if level and (not level.isdecimal() or int(level) not in _LEVELS):
            raise argparse.ArgumentTypeError(f"the level in {part!r} must be 1 to 5")
        levels[name] = int(level or "3")
    return levels


def capacity_of(text: str) -> Mapping[WorkKind, int]:
    """`chat:3,email:10` by kind of work."""
    caps = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        kind, _, cap = part.partition(":")
        if kind not in list(WorkKind) or not cap.isdecimal():
            raise argparse.ArgumentTypeError(f"write {part!r} as KIND:NUMBER with a kind of {', '.join(WorkKind)}")
        caps[WorkKind(kind)] = int(cap)
    return caps


def names_of(text: str) -> tuple[str, ...]:
    """`payments,general` one by one."""
    return tuple(filter(None, (piece.strip() for piece in text.split(","))))

"""Trained classifiers of issues, and the labels to learn from."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredModel:
    """A trained classifier of issues. `own` of its labels came from this installation; `before` was in use when it was activated."""

    id: str
    trained_at: datetime
    author: str
    labels: int
    own: int
    card: Mapping[str, Any]
    active: bool = False
    before: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Relabel:
    """What an agent says a conversation is about, and what its customer wrote first. No text where it was erased."""

    conversation: str
    issue: str
    language: str | None
    at: datetime
    texts: tuple[str, ...]


class Models(Protocol):
    """Trained classifiers of issues, one of them in use or none; and the labels to learn from."""

    async def add(self, model: StoredModel, weights: bytes) -> None:
        """Keep it; it is not in use yet."""
        ...

    async def active(self) -> StoredModel | None:
        """The one in use."""
        ...

    async def get(self, model: str) -> StoredModel:
        """By id. Raises `NotFound`."""
        ...

    async def all(self, limit: int = 50) -> list[StoredModel]:
        """Newest first."""
        ...

    async def weights(self, model: str) -> bytes:
        """Its bytes. Raises `NotFound`."""
        ...

    async def activate(self, model: str) -> StoredModel:
        """Use this one from now on; remembers which one was in use before. Raises `NotFound`."""
        ...

    async def roll_back(self) -> StoredModel | None:
        """Use the one that was in use before, or none; which one that is. Raises `NotFound` where none is in use."""
        ...

    async def relabels(self, *, after: str | None, limit: int) -> list[Relabel]:
        """What agents said, in order of conversation: the newest word on each."""
        ...

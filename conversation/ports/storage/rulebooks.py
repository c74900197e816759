"""Revisions of the rules, and the audit of who changed what."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

ACTIVATED = "rules.activate"  # the action of the audit: `before` in its data is what was in force


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One revision of the rules. `source` is the whole TOML text, includes resolved."""

    id: str
    digest: str
    source: str
    author: str
    at: datetime
    active: bool


class Rulebooks(Protocol):
    """Revisions of the rules and the audit of who changed what."""

    async def active(self, *, for_change: bool = False) -> Revision | None:
        """The revision in force. `for_change`: nobody else activates one before this transaction ends."""
        ...

    async def before(self, revision: str) -> str | None:
        """The revision that was in force when this one was last activated, as the audit has it; None where that is unknown."""
        ...

    async def activate(self, *, digest: str, source: str, author: str, now: datetime, only_if_new: bool) -> Revision:
        """Make this the one in force (reusing a seen digest's row); with `only_if_new` keep the active one if the digest was seen before."""
        ...

    async def is_known(self, digest: str) -> bool:
        """Whether rules of this digest were ever in force."""
        ...

    async def get(self, revision: str) -> Revision | None:
        """By id."""
        ...

    async def newest(self, limit: int) -> list[Revision]:
        """All that were ever in force, newest first."""
        ...

    async def audit(self, *, actor: str, action: str, subject: str, data: Mapping[str, object], now: datetime) -> None:
        """One line of who did what."""
        ...

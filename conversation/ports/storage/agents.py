"""The people, their tokens, presence and load."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from conversation.model.people import Agent, Presence, WorkKind


@dataclass(frozen=True, slots=True, kw_only=True)
class OnDuty:
    """An agent's presence as stored: a lease."""

    agent: str
    presence: Presence
    until: datetime
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueNeeds:
    """What a queue asks of an agent, as distribution and duty need it. `languages` None: the conversation's; () any."""

    queue: str
    skills: tuple[str, ...] = ()
    languages: tuple[str, ...] | None = None


class Agents(Protocol):
    """The people, their tokens, presence and load."""

    async def add(self, agent: Agent, *, password_hash: str | None) -> None:
        """Raises `Conflict("email_taken")`."""
        ...

    async def update(self, agent: Agent, *, password_hash: str | None = None) -> None:
        """Everything but the id. Lowering a cap evicts nobody. Disabling ends tokens and presence; a new password ends sessions."""
        ...

    async def get(self, agent: str) -> Agent:
        """By id. Raises `NotFound`."""
        ...

    async def by_email(self, email: str) -> tuple[Agent, str | None] | None:
        """(agent, password hash), case-insensitive."""
        ...

    async def find(self, ids: Sequence[str]) -> dict[str, Agent]:
        """Those that exist, by id."""
        ...

    async def names(self, ids: Sequence[str]) -> dict[str, str]:
        """Names by id, of those that exist; nothing is read for nobody."""
        ...

    async def all(self) -> list[Agent]:
        """By name. They are read again only when somebody was changed: see `revision`."""
        ...

    async def revision(self) -> int:
        """Another number after every change of an agent, on any node."""
        ...

    async def add_token(self, agent: str, *, digest: str, kind: str, prefix: str, until: datetime | None) -> None:
        """`kind` is bearer, session or login (one-time)."""
        ...

    async def by_token(self, digest: str, *, kinds: Sequence[str], now: datetime) -> tuple[Agent, str] | None:
        """(agent, kind) of a living token of an enabled agent."""
        ...

    async def living(self, digests: Sequence[str], *, now: datetime) -> dict[str, str]:
        """Which of these tokens live, and whose they are: agent id by digest. Enabled agents only."""
        ...

    async def use_token(self, digest: str, *, now: datetime) -> Agent | None:
        """Consume a one-time login token."""
        ...

    async def end_token(self, digest: str) -> None:
        """Logout."""
        ...

    async def set_presence(self, agent: str, presence: Presence, *, until: datetime, now: datetime) -> bool:
        """Write or renew the lease; True when the state changed."""
        ...

    async def lapse(self, now: datetime) -> list[str]:
        """Whose presence ran out since the last look: they are offline from the moment at which it did."""
        ...

    async def on_duty(self, now: datetime) -> list[OnDuty]:
        """Everybody whose presence lease lives."""
        ...

    async def duty(self, queues: Sequence[QueueNeeds], now: datetime) -> frozenset[tuple[str, str]]:
        """Which (queue, language) pairs somebody online serves now."""
        ...

    async def loads(self) -> dict[tuple[str, WorkKind], tuple[int, int]]:
        """(held, cap) by agent and kind."""
        ...

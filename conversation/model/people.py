"""Customers, their identities on each channel, and agents."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class WorkKind(StrEnum):
    """The kinds of work that an agent's capacity is counted in."""

    CHAT = "chat"
    EMAIL = "email"
    MESSAGE = "message"
    CALLBACK = "callback"


class Role(StrEnum):
    """What an agent may do: `agent` their own queues, `lead` all conversations, `admin` also people and configuration."""

    AGENT = "agent"
    LEAD = "lead"
    ADMIN = "admin"


class Presence(StrEnum):
    """Whether an agent takes work. It is a lease: without renewal it becomes `offline`."""

    ONLINE = "online"
    AWAY = "away"
    OFFLINE = "offline"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A customer as one channel account knows them. (`channel`, `address`) is unique for ever.

    `email` and `phone` are claims of the sender; only `verified` says that the channel vouches for the person.
    `also` are further addresses by which the same account knows the same person: whoever is known by one is known by all.
    `reply_until` is the end of the medium's window for answers, `reply_token` the newest one that is good for an answer and was
    not used yet; `blocked_at` says since when the customer lets nothing of ours through.
    """

    channel: str
    address: str
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    verified: bool = False
    also: tuple[str, ...] = ()
    id: str = ""
    customer: str = ""
    reply_until: datetime | None = None
    reply_token: str | None = None
    blocked_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """A person, known by one or more identities.

    `language` is set by an agent, an explicit choice or a confident detection only; `language_source` says which.
    """

    id: str
    name: str | None = None
    language: str | None = None
    language_source: str | None = None
    verified: bool = False
    attributes: Mapping[str, object] = field(default_factory=dict)
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """Somebody who answers. Languages and skills have levels 1 to 5; `queues` overrides skills when it is not empty."""

    id: str
    email: str
    name: str
    role: Role = Role.AGENT
    languages: Mapping[str, int] = field(default_factory=dict)
    skills: Mapping[str, int] = field(default_factory=dict)
    queues: tuple[str, ...] = ()
    capacity: Mapping[WorkKind, int] = field(default_factory=dict)
    disabled: bool = False
    created_at: datetime | None = None

    @property
    def public_name(self) -> str | None:
        """The name that customers see. None where there is only a login: the account's or the service's name then stands alone."""
        same = self.name.strip().casefold() == self.email.strip().casefold()
        return None if same else public_name(self.name)


def public_name(name: str | None) -> str | None:
    """A stored author's name as customers may see it: never an e-mail address, since agents log in with theirs."""
    bare = (name or "").strip()
    words = bare.replace("\uff20", "@").split()  # the fullwidth @ of Chinese keyboards
    return None if not bare or any("@" in word[1:-1] for word in words) else bare


DEFAULT_CAPACITY: Mapping[WorkKind, int] = {
    WorkKind.CHAT: 3,
    WorkKind.EMAIL: 10,
    WorkKind.MESSAGE: 5,
    WorkKind.CALLBACK: 1,
}

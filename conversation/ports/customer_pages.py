"""What the service gives the customers' pages: the files of a channel that serve them see these ports and no more."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from conversation.model.callback import CallbackStatus, CallOutcome, Slot, SlotQuery
from conversation.model.message import CallbackRequested, Message
from conversation.model.people import Identity
from conversation.model.trusted_proxies import Proxies
from conversation.model.verification_code import CodeSent
from conversation.ports.channel import Clock, Inbox, Signals


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Who sits at the other end of a web chat: a session found by its token."""

    session: str
    channel: str
    identity: Identity
    language: str | None = None
    claims: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Availability:
    """What a customer reads about waiting. `wait` is in seconds."""

    open: bool
    next_opening: datetime | None = None
    next_opening_words: str | None = None
    position: int | None = None
    wait: int | None = None


class Sessions(Protocol):
    """Visitors' sessions. Tokens are opaque; only their hash is kept."""

    async def open(
        self,
        channel: str,
        *,
        address: str | None = None,
        verified: bool = False,
        name: str | None = None,
        email: str | None = None,
        language: str | None = None,
        claims: Mapping[str, object] | None = None,
    ) -> tuple[str, Visitor]:
        """A new session: (token, visitor). Without an address the visitor is a new, anonymous identity."""
        ...

    async def find(self, channel: str, token: str) -> Visitor | None:
        """The visitor of that token on that channel, if the session lives."""
        ...

    async def leave_address(self, identity: str, email: str) -> None:
        """Where answers reach this visitor when they are gone: a claim. Raises `Refused` for one whose address is vouched for."""
        ...


class VisitorFeed(Protocol):
    """What one identity may see of all its conversations, by its own gap-free seq."""

    async def after(self, identity: str, seq: int, limit: int) -> list[Message]:
        """Messages with a `feed_seq` above `seq`, oldest first, at most `limit`."""
        ...

    async def seen(self, identity: str, seq: int) -> None:
        """The visitor has read everything up to `seq`."""
        ...

    async def typing(self, identity: str) -> None:
        """The visitor is typing: agents who look at the conversation see it."""
        ...

    async def call_link(self, identity: str) -> str | None:
        """Where this visitor asks for a call in their open conversation; None where there is none, or nobody calls back."""
        ...

    async def here(self, identity: str, channel: str) -> None:
        """The visitor's page is open, although it has not been looked at: no mail follows for another while."""
        ...


class Availabilities(Protocol):
    """Whether somebody answers now, for a visitor or for a stranger."""

    async def of(self, channel: str, *, identity: str | None, language: str | None) -> Availability:
        """Looks at the queue of the visitor's open conversation, else at the queue where a first message would go."""
        ...


class Uploads(Protocol):
    """Files that wait to be named in a message. Typed by content, named safely."""

    async def add(
        self, data: AsyncIterator[bytes], *, name: str, declared: str, owner: str, limit: int
    ) -> Mapping[str, object]:
        """`{"id", "name", "type", "size"}`; raises `Refused` for size or type. `owner` is an identity or agent id."""
        ...

    async def all_there(self, attachments: Sequence[str]) -> bool:
        """Whether none of these files was removed. Whose they are is checked when a message names them."""
        ...

    async def open(self, attachment: str, *, identity: str | None) -> tuple[Mapping[str, object], bytes]:
        """Its description and bytes, for whoever may see it; `identity` None means an agent whose right was checked."""
        ...


class CallbackBookings(Protocol):
    """Callbacks, as customers request and change them. All raise `CallbackRefused` for what cannot be."""

    async def slots(self, wish: SlotQuery, *, limit: int) -> list[Slot]:
        """The next free slots."""
        ...

    async def next_call(self, wish: SlotQuery) -> datetime | None:
        """When a call as soon as possible could begin; None: not within three weeks."""
        ...

    async def request(self, asked: CallbackRequested) -> CallbackStatus:
        """Returns after the commit. An open request that is proven to be theirs is changed, and keeps its place."""
        ...

    async def status(self, callback: str) -> CallbackStatus:
        """Raises `NotFound`."""
        ...

    async def reschedule(self, callback: str, slot: datetime | None) -> CallbackStatus:
        """Another slot, or as soon as possible. Raises `NotFound`."""
        ...

    async def cancel(self, callback: str) -> CallbackStatus:
        """Not wanted any more; harmless where it is over. Raises `NotFound`."""
        ...

    async def progressed(
        self,
        attempt: str,
        *,
        provider_id: str | None = None,
        connected: bool = False,
        outcome: CallOutcome | None = None,
    ) -> None:
        """What a telephone exchange reports of a call; of one that is unknown, or over, it changes nothing."""
        ...


class CodeVerifications(Protocol):
    """Requests for which a verification code must come back first. All raise `CallbackRefused` for what cannot be."""

    async def ask(self, asked: CallbackRequested) -> CallbackStatus | CodeSent:
        """The same for whom nobody vouches: where the account wants a code to come back first, it waits for `confirm`."""
        ...

    async def confirm(self, request: str, code: str) -> CallbackStatus:
        """A code came back."""
        ...

    async def another_code(self, request: str) -> CodeSent:
        """In place of the one that did not arrive."""
        ...

    async def code_sent(self, request: str) -> CodeSent:
        """Where the code went and what waits for it, also once it has ended. Raises `NotFound` for a request that is forgotten."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerPagePorts:
    """What a customers' page is given by the service."""

    inbox: Inbox
    sessions: Sessions
    feed: VisitorFeed
    availability: Availabilities
    uploads: Uploads
    calls: CallbackBookings
    verification: CodeVerifications
    signals: Signals
    clock: Clock
    public_url: str
    proxies: Proxies
    service_name: str
    issues: Callable[[], Mapping[str, Mapping[str, str]]]
    languages: tuple[str, ...]
    default_language: str
    draining: Callable[[], bool]
    background: Callable[[Awaitable[None]], None]

"""The ports between rooms: channels, the inbox, signals, the clock, and what a channel account is given to work with."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

from conversation.model.callback import CallReport, PhoneCall
from conversation.model.capabilities import Can
from conversation.model.events import Hint, Topic
from conversation.model.message import Accepted, Attachment, InboundEvent
from conversation.model.outbound import OutboundMessage, Receipt
from conversation.ports.metrics import AccountCount


class Clock(Protocol):
    """The only source of time. Tests bring their own."""

    def now(self) -> datetime:
        """The instant, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never step back, for measuring spans."""
        ...


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request as a webhook channel needs it: no web framework in a port. Header names are lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    received_at: datetime
    remote: str | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a webhook."""

    status: int = 200
    body: bytes = b""
    type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


class Inbox(Protocol):
    """The inbox to which every adapter gives what arrived."""

    async def accept(
        self, events: Sequence[InboundEvent], *, cursor: Mapping[str, object] | None = None
    ) -> list[Accepted]:
        """Return after the commit, one answer for each event in order.

        A mailbox or a poller passes its `cursor`, committed in the same transaction (all events are then of one channel).
        Raises `Overloaded` or `StoreUnavailable`: nothing was stored, the caller must not acknowledge.
        """
        ...

    async def quarantine(
        self, channel: str, raw: bytes, reason: str, *, code: str, headers: Mapping[str, str] | None = None
    ) -> str:
        """Keep bytes that could not be read; returns the row's id after the commit."""
        ...


class Channel(Protocol):
    """One configured account on one medium."""

    @property
    def name(self) -> str:
        """The account's name in the configuration, unique."""
        ...

    @property
    def can(self) -> Can:
        """What it can do."""
        ...

    async def start(self) -> None:
        """Acquire clients and prove credentials. MUST raise `ChannelMisconfigured` where people have to act first."""
        ...

    async def listen(self, inbox: Inbox) -> None:
        """Run until cancelled. MUST NOT loop on errors nor sleep to retry: raise, and the supervisor restarts."""
        ...

    async def send(self, message: OutboundMessage) -> Receipt:
        """Send once. MUST raise a `ChannelError` of the right class; `message.id` is the idempotency key."""
        ...

    async def stop(self) -> None:
        """Let go of everything. MUST be harmless before `start`, and twice."""
        ...


class Webhook(Protocol):
    """In addition, where the provider calls us."""

    def verify(self, request: Request) -> None:
        """Return, or raise `SignatureRejected`. MUST use the raw bytes and compare in constant time; a header may hold lone surrogates."""
        ...

    def normalize(self, request: Request) -> Sequence[InboundEvent]:
        """The events in these bytes. Pure; raises `MalformedPayload`, which is answered 400: `Malformed` is kept and answered like a message."""
        ...

    def answer(self, request: Request, accepted: Sequence[Accepted]) -> Reply:
        """What to say after the commit."""
        ...


@runtime_checkable
class Dialer(Protocol):
    """In addition, where an account reaches a telephone exchange."""

    async def dial(self, call: PhoneCall) -> str:
        """Ask once for this call: the exchange's name of it. MUST raise a `ChannelError` of the right class.

        `PermanentFailure` with code "invalid_number" where no such number exists. What becomes of the call is reported to `Calls`,
        or by `reports`.
        """
        ...

    def reports(self) -> AsyncIterator[CallReport]:
        """What the exchange reports by itself, for as long as the account listens."""
        ...


@runtime_checkable
class Proves(Protocol):
    """In addition, where an account can ask its provider who it is."""

    async def prove(self) -> str | None:
        """In words what was proven, without a secret; None where nothing can be asked without an effect.

        MUST change nothing, here or at the provider, and touch no state: it is called while the service runs, or before the
        first one does. Raises a `ChannelError` as `start` does; `stop` comes after it.
        """
        ...


class Blobs(Protocol):
    """Where attachments' bytes lie. Keys are made by the store; what was put is durable when `put` returns."""

    async def put(self, data: AsyncIterator[bytes], *, limit: int) -> tuple[str, str, int]:
        """Store a stream of at most `limit` bytes: (key, sha256 hex, size).

        Raises `Refused` over the limit, and `DiskFull` as `check_room` does.
        """
        ...

    async def check_free_space(self) -> None:
        """Raises `DiskFull` where too little of the disk is free to keep what a stranger sends."""
        ...

    async def sweep(self, before: datetime) -> int:
        """Delete half files that nobody has written to since then: a crash left them. How many there were."""
        ...

    async def put_whole(self, data: bytes) -> tuple[str, str, int]:
        """The same for bytes that are at hand."""
        ...

    async def get(self, key: str) -> bytes:
        """All the bytes. Raises `NotFound`."""
        ...

    async def delete(self, key: str) -> None:
        """Forget them; harmless when they are gone."""
        ...


class Signals(Protocol):
    """Hints between nodes: something changed. Never the truth; whoever hears one reads the store."""

    async def start(self) -> None:
        """Connect. A lost connection heals by itself; hints in between are lost."""
        ...

    def publish(self, *hints: Hint) -> None:
        """Send soon, coalesced; never blocks and never raises. Also heard on this node, at once."""
        ...

    def subscribe(self, *topics: Topic) -> AbstractAsyncContextManager["Listening"]:
        """Hear these topics while the context is open."""
        ...

    async def stop(self) -> None:
        """Disconnect; harmless before `start`, and twice."""
        ...


class Listening(Protocol):
    """One listener's mailbox; hints that nobody fetched yet are merged by topic, never piled up."""

    async def wait(self, timeout: float) -> Mapping[Topic, Sequence[Hint]]:
        """What was heard since the last call; empty after `timeout` seconds of silence."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a provider answered. Header names are lower case; `body` is cut at the limit that was asked for."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A file that was fetched whole. `type` is what its bytes say, not what the provider said."""

    data: bytes
    type: str
    name: str | None = None


class Media(Protocol):
    """In addition, where files lie with the provider under its own names."""

    async def fetch(self, attachment: Attachment) -> Fetched:
        """The bytes behind `attachment.url`. Raises a `ChannelError`; code "expired" for what the provider has no longer."""
        ...


class Poster(Protocol):
    """The part of `Http` that most accounts need."""

    async def post(
        self, url: str, body: bytes, *, headers: Mapping[str, str], timeout: float, trusted: bool
    ) -> tuple[int, bytes]:
        """(status, at most 64 KiB of the answer). `trusted`: the URL was written by an operator and may be private.

        Raises `TransientFailure` where nothing was sent, `Unknown` where no answer came, `PermanentFailure` for a refused address.
        """
        ...


class Http(Poster, Protocol):
    """The one guarded client for outgoing requests."""

    async def request(
        self,
        method: str,
        url: str,
        *,
        body: bytes = b"",
        headers: Mapping[str, str],
        timeout: float,
        trusted: bool,
        limit: int = 65_536,
    ) -> Answer:
        """Any status is returned: what it means is the caller's to say. No redirect is followed. Raises as `post` does."""
        ...

    async def fetch(
        self,
        url: str,
        *,
        headers: Mapping[str, str],
        timeout: float,
        trusted: bool,
        limit: int,
        redirects: int = 3,
    ) -> Fetched:
        """A file of at most `limit` bytes. Each redirect is checked like a first URL; `headers` go to the first host only.

        Raises `PermanentFailure`: "too_large", "expired" (404, 410), "address_refused", "bad_url", "refused".
        """
        ...


class ChannelState(Protocol):
    """What an account remembers between restarts, and its lease where only one node may read."""

    async def cursor(self) -> Mapping[str, object] | None:
        """The cursor last committed with a message."""
        ...

    async def recall(self, name: str) -> Mapping[str, object] | None:
        """What any node of this account remembered last under this name."""
        ...

    async def remember(self, name: str, value: Mapping[str, object]) -> None:
        """Durable when it returns, and shared by all nodes: an access token, say."""
        ...

    async def first(self, name: str, value: Mapping[str, object]) -> Mapping[str, object]:
        """What is kept under this name: `value` where nothing was, whichever node comes first."""
        ...

    async def lease(self, name: str, owner: str, span: timedelta) -> int | None:
        """Take or renew: the epoch, or None where another node holds it. `owner` is `Tools.owner` for what one node does at a time."""
        ...

    async def release(self, name: str, owner: str) -> None:
        """Give it back early, so that whoever comes next need not wait for its end."""
        ...


class AccountFiles(Protocol):
    """Files that an account brings with messages, and those that it is to carry out."""

    async def keep(self, files: Sequence[tuple[Attachment, bytes]]) -> None:
        """Before the messages that name them are accepted, together; the same id again has no effect."""
        ...

    async def read(self, attachment: str) -> bytes:
        """All the bytes. Raises `NotFound`."""
        ...

    async def address(self, attachment: Attachment) -> str:
        """A public address of one that a message names, signed and good for a week: for media that take no bytes."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """All that reaches an adapter."""

    clock: Clock
    owner: str  # of leases: this process of this node
    state: ChannelState
    http: Http
    blobs: Blobs
    files: AccountFiles
    signals: Signals
    public_url: str
    count: AccountCount

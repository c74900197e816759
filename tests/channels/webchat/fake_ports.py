"""A house of cards behind the chat's routes: everything in memory, one step at a time."""

from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from conversation.errors import DiskFull, NotFound, Refused
from conversation.model.events import Hint, Topic
from conversation.model.message import Accepted, Author, AuthorKind, Direction, InboundEvent, Message, MessageReceived
from conversation.model.people import Identity
from conversation.model.trusted_proxies import Proxies
from conversation.ports.customer_pages import Availability, CustomerPagePorts, Visitor
from ops.composition.background_tasks import TaskKeeper
from ops.composition.supervised_loops import LoopSupervisor
from tests.contracts.tools import FakeSignals
from tests.fakes import FakeClock, NoCalls


@dataclass(kw_only=True)
class Cards:
    """The ports of the chat's pages, in memory."""

    clock: FakeClock
    signals: FakeSignals = field(default_factory=FakeSignals)
    keeper: TaskKeeper = field(default_factory=lambda: TaskKeeper(LoopSupervisor(FakeClock())))
    failure: Exception | None = None
    is_draining: bool = False
    disk_full: bool = False
    proxies: Proxies = field(default_factory=Proxies)
    available: Availability = field(default_factory=lambda: Availability(open=True))
    visitors: dict[tuple[str, str], Visitor] = field(default_factory=dict)
    feeds: dict[str, list[Message]] = field(default_factory=dict)
    events: list[MessageReceived] = field(default_factory=list)
    read_to: dict[str, int] = field(default_factory=dict)
    typed: list[str] = field(default_factory=list)
    addresses: dict[str, str] = field(default_factory=dict)
    here: list[tuple[str, str]] = field(default_factory=list)
    files: dict[str, tuple[Mapping[str, object], bytes, str]] = field(default_factory=dict)

    def fake_ports(self) -> CustomerPagePorts:
        return CustomerPagePorts(
            inbox=self,
            sessions=_Sessions(self),
            feed=_Feed(self),
            availability=_Availabilities(self),
            uploads=_Uploads(self),
            calls=NoCalls(),
            verification=NoCalls(),
            issues=dict,
            signals=self.signals,
            clock=self.clock,
            public_url="http://127.0.0.1:8080",
            proxies=self.proxies,
            service_name="Example & Support",
            languages=("en", "zh"),
            default_language="en",
            draining=lambda: self.is_draining,
            background=self.background,
        )

    def background(self, work: Awaitable[None]) -> None:
        self.keeper.start(work)

    # -- the inbox -----------------------------------------------------------------------------------------------------

    async def accept(
        self, events: Sequence[InboundEvent], *, cursor: Mapping[str, object] | None = None
    ) -> list[Accepted]:
        if self.failure is not None:
            raise self.failure
        return [self._accept(event) for event in events if isinstance(event, MessageReceived)]

    def _accept(self, event: MessageReceived) -> Accepted:
        feed = self.feeds.setdefault(event.sender.id, [])
        known = next((m for m in feed if m.external_id == event.external_id), None)
        duplicate = known is not None
        if known is None:
            self.events.append(event)
            author = Author(kind=AuthorKind.CUSTOMER, id=event.sender.id)
            about: dict[str, Any] = {"external_id": event.external_id, "attachments": event.attachments}
            known = self.add(event.sender.id, event.text, Direction.IN, author, **about)
        return Accepted(
            external_id=event.external_id,
            conversation=known.conversation,
            message=known.id,
            queue="general",
            duplicate=duplicate,
            seq=known.seq,
            feed_seq=known.feed_seq,
        )

    async def quarantine(
        self, channel: str, raw: bytes, reason: str, *, code: str, headers: Mapping[str, str] | None = None
    ) -> str:
        raise AssertionError("the chat puts nothing aside by itself")

    # -- what happens elsewhere in the house ---------------------------------------------------------------------------

    def add(self, identity: str, text: str, direction: Direction, author: Author, **more: Any) -> Message:
        feed = self.feeds.setdefault(identity, [])
        seq = len(feed) + 1
        message = Message(
            id=f"m-{identity}-{seq}",
            conversation=f"c-{identity}",
            seq=seq,
            feed_seq=seq,
            direction=direction,
            author=author,
            text=text,
            created_at=self.clock.now(),
            **more,
        )
        feed.append(message)
        self.signals.publish(Hint(topic=Topic.VISITORS, keys=(identity,)))
        return message

    def agent_writes(self, identity: str, text: str) -> Message:
        author = Author(kind=AuthorKind.AGENT, id="agent-secret-id", name="Mei")
        return self.add(identity, text, Direction.OUT, author)


class _Sessions:
    def __init__(self, cards: Cards) -> None:
        self._cards = cards

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
        number = len(self._cards.visitors) + 1
        address = address or f"anonymous-{number}"
        identity = Identity(
            channel=channel, address=address, name=name, email=email, verified=verified, id=f"i-{address}"
        )
        visitor = Visitor(
            session=f"s{number}", channel=channel, identity=identity, language=language, claims=claims or {}
        )
        self._cards.visitors[channel, f"token-{number}"] = visitor
        return f"token-{number}", visitor

    async def find(self, channel: str, token: str) -> Visitor | None:
        return self._cards.visitors.get((channel, token))

    async def leave_address(self, identity: str, email: str) -> None:
        if any(v.identity.id == identity and v.identity.verified for v in self._cards.visitors.values()):
            raise Refused("vouched for")
        self._cards.addresses[identity] = email


class _Feed:
    def __init__(self, cards: Cards) -> None:
        self._cards = cards

    async def after(self, identity: str, seq: int, limit: int) -> list[Message]:
        return self._cards.feeds.get(identity, [])[max(seq, 0) :][:limit]

    async def seen(self, identity: str, seq: int) -> None:
        self._cards.read_to[identity] = seq

    async def typing(self, identity: str) -> None:
        self._cards.typed.append(identity)

    async def call_link(self, identity: str) -> str | None:
        return f"https://wallet.example/callback/phone?t={identity}.SIGNED" if self._cards.feeds.get(identity) else None

    async def here(self, identity: str, channel: str) -> None:
        self._cards.here.append((identity, channel))


class _Availabilities:
    def __init__(self, cards: Cards) -> None:
        self._cards = cards

    async def of(self, channel: str, *, identity: str | None, language: str | None) -> Availability:
        return self._cards.available


class _Uploads:
    def __init__(self, cards: Cards) -> None:
        self._cards = cards

    async def add(
        self, data: AsyncIterator[bytes], *, name: str, declared: str, owner: str, limit: int
    ) -> Mapping[str, object]:
        if self._cards.disk_full:
            raise DiskFull("the disk is full")
        body = b"".join([chunk async for chunk in data])
        about = {"id": f"f{len(self._cards.files) + 1}", "name": name, "type": "image/png", "size": len(body)}
        self._cards.files[str(about["id"])] = (about, body, owner)
        return about

    async def all_there(self, attachments: Sequence[str]) -> bool:
        return set(attachments) <= set(self._cards.files)

    async def open(self, attachment: str, *, identity: str | None) -> tuple[Mapping[str, object], bytes]:
        about, body, owner = self._cards.files.get(attachment, ({}, b"", ""))
        if owner != identity:
            raise NotFound(attachment)
        return about, body


def minutes(count: int) -> timedelta:
    return timedelta(minutes=count)


def closed(now: FakeClock) -> Availability:
    return replace(Availability(open=False), next_opening=now.now() + minutes(90), position=3)

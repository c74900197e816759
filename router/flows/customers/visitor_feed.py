"""What the customers' pages are given: sessions, their own view of what was said, whether somebody is there, and files."""

import hashlib
import secrets
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from conversation.errors import NotFound, Refused
from conversation.id_generator import new_id
from conversation.model.capabilities import Can
from conversation.model.conversation import OPEN_STATES, Conversation
from conversation.model.events import Hint, Topic
from conversation.model.message import Attachment, Message
from conversation.model.people import Customer, Identity
from conversation.ports.callback_links import LinksByAccount
from conversation.ports.channel import Blobs, Clock, Signals
from conversation.ports.customer_pages import Visitor
from conversation.ports.storage import Storage, Work
from conversation.ports.storage.attachments import StoredAttachment
from conversation.ports.storage.conversations import ConversationFilter
from conversation.ports.storage.visitor_sessions import StoredSession
from router.flows.intake.sanitize import clean_key, clean_text
from router.policy import notifications
from router.policy.callback_plan import request_link

SESSION_LASTS = timedelta(days=30)
TOKEN_PREFIX = "hgv_"  # noqa: S105 a prefix that secret scanners can look for
_NAME_LIMIT = 200
_SAMPLE = 512

FILE_TYPES = frozenset(
    {
        *("image/png", "image/jpeg", "image/gif", "image/webp", "image/heic", "application/pdf", "text/plain"),
        *("audio/ogg", "audio/mpeg", "audio/wav", "audio/mp4", "video/mp4", "video/webm", "application/zip"),
    }
)


class VisitorSessionService:
    """The port `Sessions`: opaque tokens, of which only the hash is kept."""

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock

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
        token = TOKEN_PREFIX + secrets.token_urlsafe(32)
        now = self._clock.now()
        stranger = _stranger(channel, address, verified=verified, name=name, email=email)
        person = Customer(id=new_id(), name=stranger.name, verified=verified, created_at=now)
        async with self._storage.begin("open_session") as work:
            identity = await _introduced(work, stranger, person)
            session = StoredSession(
                id=new_id(),
                channel=channel,
                identity=identity.id,
                language=language and clean_text(language, _NAME_LIMIT),
                claims=dict(claims or {}),
                until=now + SESSION_LASTS,
            )
            await work.sessions.add(session, digest=_digest(token), now=now)
        return token, _visitor(session, identity)

    async def leave_address(self, identity: str, email: str) -> None:
        """Where answers reach this visitor when they are gone: a claim. Raises `Refused` for one whose address is vouched for."""
        async with self._storage.begin("leave_address") as work:
            who = await work.customers.identity(identity)
            if who.verified:
                raise Refused("the address of this visitor is what their own site says")
            await work.customers.set_email(identity, clean_text(email, _NAME_LIMIT))

    async def find(self, channel: str, token: str) -> Visitor | None:
        """The visitor of that token on that channel, if the session lives."""
        if not token.startswith(TOKEN_PREFIX):
            return None
        async with self._storage.read("find_session") as work:
            session = await work.sessions.find(channel, _digest(token), now=self._clock.now())
            if session is None:
                return None
            return _visitor(session, await work.customers.identity(session.identity))


class Feed:
    """The port `VisitorFeed`: what one identity may see, by its own gap-free seq."""

    def __init__(
        self,
        storage: Storage,
        signals: Signals,
        clock: Clock,
        *,
        cans: Callable[[], Mapping[str, Can]],
        links: LinksByAccount | None = None,
    ) -> None:
        self._links = links or {}
        self._storage = storage
        self._signals = signals
        self._clock = clock
        self._cans = cans

    async def after(self, identity: str, seq: int, limit: int) -> list[Message]:
        """Messages with a `feed_seq` above `seq`, oldest first, at most `limit`."""
        async with self._storage.read("visitor_feed") as work:
            return await work.messages.feed(identity, after=seq, limit=limit)

    async def seen(self, identity: str, seq: int) -> None:
        """The visitor has read everything up to `seq`: agents see it."""
        async with self._storage.begin("visitor_seen") as work:
            moved = await work.messages.seen(identity, seq)
            if not moved:
                return
            conversations = await work.conversations.find(sorted({message.conversation for message in moved}))
            events = [notifications.status_event(message, conversations[message.conversation]) for message in moved]
            await work.events.add(events, now=self._clock.now())

    async def typing(self, identity: str) -> None:
        """The visitor is typing: agents who look at the conversation see it; nothing is stored."""
        async with self._storage.read("visitor_typing") as work:
            conversation = await open_conversation(work, identity)
        if conversation is None:
            return
        data: dict[str, object] = {"conversation": conversation.id, "from": "customer"}
        data |= {"queue": conversation.queue, "owner": conversation.owner or conversation.offered_to}
        self._signals.publish(Hint(topic=Topic.TYPING, keys=(conversation.id,), data=data))

    async def call_link(self, identity: str) -> str | None:
        """Where this visitor asks for a call in their open conversation; None where there is none, or nobody calls back."""
        async with self._storage.read("visitor_call") as work:
            conversation = await open_conversation(work, identity)
        return request_link(self._cans(), self._links, conversation) if conversation is not None else None

    async def here(self, identity: str, channel: str) -> None:
        """The visitor's page is open, although it has not been looked at: no mail follows for another while."""
        can = self._cans().get(channel)
        if can is None or can.follow_up is None:
            return
        async with self._storage.begin("visitor_here") as work:
            await work.follow_ups.postpone(identity, to=self._clock.now() + can.follow_up.after)


class Files:
    """The port `Uploads`. Typed by content, named safely; `type_of` and `safe_name` say how."""

    def __init__(
        self,
        storage: Storage,
        blobs: Blobs,
        clock: Clock,
        *,
        type_of: Callable[[bytes], str],
        safe_name: Callable[[str], str],
        allowed: Collection[str] = FILE_TYPES,
    ) -> None:
        self._storage = storage
        self._blobs = blobs
        self._clock = clock
        self._type_of = type_of
        self._safe_name = safe_name
        self._allowed = allowed

    async def add(
        self, data: AsyncIterator[bytes], *, name: str, declared: str, owner: str, limit: int
    ) -> Mapping[str, object]:
        """`{"id", "name", "type", "size"}`. What the sender declares is not believed. Raises `Refused` for size or type."""
        del declared
        head, whole = await _sampled(data)
        kind = self._type_of(head)
        if kind not in self._allowed:
            raise Refused("files of this type are not accepted")
        key, digest, size = await self._blobs.put(whole, limit=limit)
        attachment = Attachment(
            id=new_id(), name=self._safe_name(clean_text(name, _NAME_LIMIT)), type=kind, size=size, sha256=digest
        )
        await self._describe(
            StoredAttachment(attachment=attachment, key=key, owner=owner, created_at=self._clock.now())
        )
        return _described(attachment)

    async def _describe(self, stored: StoredAttachment) -> None:
        try:
            async with self._storage.begin("upload") as work:
                await work.attachments.add(stored)
        except BaseException:  # nobody learns the id, and nothing would ever remove bytes without a row
            await self._blobs.delete(stored.key)
            raise

    async def all_there(self, attachments: Sequence[str]) -> bool:
        """Whether none of these files was removed. Whose they are is checked when a message names them."""
        if not attachments:
            return True
        async with self._storage.read("uploads_there") as work:
            return await work.attachments.known(attachments) == set(attachments)

    async def open(self, attachment: str, *, identity: str | None) -> tuple[Mapping[str, object], bytes]:
        """Its description and bytes, for whoever may see it; `identity` None means an agent whose right was checked."""
        async with self._storage.read("open_attachment") as work:
            stored = await work.attachments.get(attachment)
            if identity is not None and not await _may_open(work, stored, identity):
                raise NotFound("there is no such attachment")
        return _described(stored.attachment), await self._blobs.get(stored.key)


async def open_conversation(work: Work, identity: str) -> Conversation | None:
    """The conversation that a message of this identity would most likely join."""
    who = await work.customers.identity(identity)
    wanted = ConversationFilter(customer=who.customer, states=OPEN_STATES)
    found, _ = await work.conversations.page(wanted, cursor=None, limit=1)
    return found[0] if found else None


async def _may_open(work: Work, stored: StoredAttachment, identity: str) -> bool:
    """Whoever brought it, and the customer in whose conversation somebody else named it, outside notes."""
    if stored.owner == identity:
        return True
    if stored.conversation is None:
        return False
    after = 0
    while page := await work.messages.feed(identity, after=after, limit=200):
        if any(attachment.id == stored.attachment.id for message in page for attachment in message.attachments):
            return True
        after = page[-1].feed_seq or after
    return False


async def _sampled(data: AsyncIterator[bytes]) -> tuple[bytes, AsyncIterator[bytes]]:
    """The first bytes, and all of them again as a stream."""
    head = b""
    async for chunk in data:
        head += chunk
        if len(head) >= _SAMPLE:
            break

    async def whole() -> AsyncIterator[bytes]:
        yield head
        async for chunk in data:
            yield chunk

    return head[:_SAMPLE], whole()


def _described(attachment: Attachment) -> Mapping[str, object]:
    return {"id": attachment.id, "name": attachment.name, "type": attachment.type, "size": attachment.size}


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()


async def _introduced(work: Work, stranger: Identity, person: Customer) -> Identity:
    """As known from before, or new; an e-mail address may have changed meanwhile."""
    identity = await work.customers.add_identity(stranger, customer=person)
    if not stranger.email or stranger.email == identity.email:
        return identity
    await work.customers.set_email(identity.id, stranger.email)
    return replace(identity, email=stranger.email)


def _stranger(channel: str, address: str | None, *, verified: bool, name: str | None, email: str | None) -> Identity:
    return Identity(
        channel=channel,
        address=clean_key(address) if address else f"visitor-{new_id()}",
        name=name and clean_text(name, _NAME_LIMIT),
        email=email and clean_text(email, _NAME_LIMIT),
        verified=verified,
    )


def _visitor(session: StoredSession, identity: Identity) -> Visitor:
    return Visitor(
        session=session.id,
        channel=session.channel,
        identity=identity,
        language=session.language,
        claims=session.claims,
    )

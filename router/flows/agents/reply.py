"""Agents' replies: a message, its outbox row and the conversation's move, in one transaction."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256

from conversation.errors import AttachmentGone, Conflict, NotFound
from conversation.id_generator import new_id
from conversation.model import conversation as thread
from conversation.model.capabilities import Can
from conversation.model.conversation import Conversation
from conversation.model.events import EventType, Hint, Topic
from conversation.model.message import Attachment, Author, AuthorKind, Direction, Message, Status
from conversation.model.outbound import OutboxState
from conversation.model.people import Agent, Identity
from conversation.ports.channel import Clock, Signals
from conversation.ports.storage import Storage, Work
from router.flows.active_rules import RulesInForce
from router.flows.agents.conversation_lock import ConversationLock
from router.flows.delivery.email_follow_up import wish_for
from router.flows.delivery.reachability import written_from
from router.flows.intake.sanitize import clean_text
from router.policy import auto_reply as automatic
from router.policy import notifications
from router.policy import permissions as access
from router.policy.reply_window import Reach, must_reach, reach

_TOKEN_LIVES = timedelta(minutes=1)  # nobody gives one that is good for longer
_RESOLVED = {
    "sent": (OutboxState.SENT, Status.SENT),
    "failed": (OutboxState.FAILED, Status.FAILED),
    "retry": (OutboxState.QUEUED, Status.QUEUED),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A text that the provider approved beforehand, and what fills it."""

    name: str
    parameters: tuple[str, ...] = ()

    def in_words(self) -> str:
        """As agents read it; what the customer reads is with the provider."""
        return " | ".join((self.name, *self.parameters))


class ReplyService:
    """What agents write: replies, notes, and what is to become of a message whose delivery is in doubt."""

    def __init__(
        self,
        storage: Storage,
        rules: RulesInForce,
        signals: Signals,
        clock: Clock,
        *,
        cans: Callable[[], Mapping[str, Can]],
    ) -> None:
        self._locked = ConversationLock(storage, rules)
        self._storage = storage
        self._rules = rules
        self._signals = signals
        self._clock = clock
        self._cans = cans

    async def send(
        self,
        agent: Agent,
        conversation: str,
        *,
        client_id: str,
        text: str,
        channel: str | None = None,
        note: bool = False,
        attachments: Sequence[str] = (),
        template: Template | None = None,
    ) -> tuple[Message, bool]:
        """A reply, or a note among agents: (message, whether it is new). The same `client_id` again has no effect.

        `channel` defaults to where the customer last wrote; a `template` may leave also when the medium's window is closed.
        Raises `Conflict`: see `docs/architecture.md`, "The way of an answer".
        """
        async with self._locked("say", agent, conversation) as (work, before):
            text = clean_text(text or (template.in_words() if template else ""))
            to = None if note else await self._recipient(work, before, channel)
            files = await _files(work, attachments)
            draft = self._draft(agent, before, text, client_id=client_id, to=to, files=files)
            draft = replace(draft, template=template.name if template and to else None)
            body_hash, feed = _hash_of(text, channel, note, attachments, template), self._fed(to)
            message, new = await work.messages.add(draft, body_hash=body_hash, feed=feed)
            if new:
                parameters = template.parameters if template else ()
                await self._let_out(work, agent, before, message, to=to, uploads=attachments, parameters=parameters)
        return message, new

    async def resolve(self, agent: Agent, conversation: str, message: str, as_: str) -> Message:
        """A person settles an `uncertain`, `failed` or parked message: as "sent", "failed" or "retry"."""
        row, status = _RESOLVED[as_]
        async with self._locked("resolve", agent, conversation) as (work, before):
            found = (await work.messages.find([message])).get(message)
            if found is None or found.conversation != before.id:
                raise NotFound("there is no such message in this conversation")
            if found.status is Status.FAILED or not await work.outbox.resolve(message, row, now=self._clock.now()):
                raise Conflict("this message is not waiting for a decision", code="not_uncertain")
            moved = await work.messages.set_status(message, status)
            if moved is not None:
                await work.events.add([notifications.status_event(moved, before)], now=self._clock.now())
            work.hint(*notifications.hints(targets=[found.channel or ""], visitors=[found.identity or ""]))
        return moved or found

    async def typing(self, agent: Agent, conversation: str) -> None:
        """The customer and the other agents see that somebody writes; nothing is stored."""
        async with self._storage.read("typing") as work:
            found = await work.conversations.get(conversation)
        if not access.may_see(agent, found, self._rules.rulebook):
            raise NotFound("there is no such conversation")
        data: dict[str, object] = {"conversation": found.id, "from": "agent", "agent": agent.id, "name": agent.name}
        data |= {"queue": found.queue, "owner": found.owner, "public_name": agent.public_name}
        self._signals.publish(Hint(topic=Topic.TYPING, keys=(found.identity or "",), data=data))

    # -- the steps of a reply ------------------------------------------------------------------------------------------

    async def _recipient(self, work: Work, conversation: Conversation, channel: str | None) -> Identity:
        """The address to answer: where the customer last wrote, or theirs on the channel that was asked for."""
        to = await self._address(work, conversation, channel)
        can = self._cans().get(to.channel) if to is not None else None
        if to is None or can is None or not can.send:
            raise Conflict("this customer cannot be reached on that channel", code="no_channel")
        return to

    async def reach(self, work: Work, conversation: Conversation) -> Reach | None:
        """How the customer of this conversation can be answered now; None where nobody knows their address."""
        to = await self._address(work, conversation, None)
        if to is None:
            return None
        others = await work.customers.identities(conversation.customer)
        return reach(to, others, self._cans(), self._clock.now())

    async def _must_reach(self, work: Work, to: Identity, template: str | None) -> None:
        """The other addresses are looked up only for those who cannot be answered."""
        now = self._clock.now()
        try:
            must_reach(to, (), self._cans(), now, template=template)
        except Conflict:
            others = await work.customers.identities(to.customer)
            must_reach(to, others, self._cans(), now, template=template)

    async def _address(self, work: Work, conversation: Conversation, channel: str | None) -> Identity | None:
        if conversation.identity is not None:
            last = await work.customers.identity(conversation.identity)
            if channel is None and self._is_telephone(last.channel):
                return await written_from(work, conversation, self._cans()) or last
            if channel in (None, last.channel):
                return last
        known = await work.customers.identities(conversation.customer)
        return next((identity for identity in known if identity.channel == channel), None)

    def _is_telephone(self, channel: str) -> bool:
        can = self._cans().get(channel)
        return can is not None and can.calls is not None

    def _fed(self, to: Identity | None) -> bool:
        """Whether the customers of this channel read their own view of the conversation."""
        can = self._cans().get(to.channel) if to is not None else None
        return can is not None and can.feed

    def _draft(
        self,
        agent: Agent,
        conversation: Conversation,
        text: str,
        *,
        client_id: str,
        to: Identity | None,
        files: tuple[Attachment, ...],
    ) -> Message:
        return Message(
            id=new_id(),
            conversation=conversation.id,
            seq=0,
            direction=Direction.NOTE if to is None else Direction.OUT,
            author=Author(kind=AuthorKind.AGENT, id=agent.id, name=agent.public_name),
            text=text,
            attachments=files,
            created_at=self._clock.now(),
            channel=to.channel if to else None,
            identity=to.id if to else None,
            client_id=client_id,
            status=Status.QUEUED if to else Status.SENT,
        )

    async def _answered(self, work: Work, agent: Agent, before: Conversation) -> Conversation:
        """Replying takes what is offered to oneself, or what nobody holds; the promised first answer is given."""
        now = self._clock.now()
        if not before.state.is_open:
            raise Conflict("this conversation is closed; reopen it first", code="closed")
        after = before
        if before.owner is None and before.offered_to in (None, agent.id):
            after = thread.take(before, agent.id, now)
        else:
            access.must_hold(agent, before)
        after = replace(after, owner_wrote_at=now, due=None, updated_at=now)
        await work.conversations.move(before, after)
        return after

    async def _let_out(
        self,
        work: Work,
        agent: Agent,
        before: Conversation,
        message: Message,
        *,
        to: Identity | None,
        uploads: Sequence[str],
        parameters: tuple[str, ...],
    ) -> None:
        """A note stays among agents and moves nothing; what goes `to` a customer answers them, and leaves by the outbox."""
        if to is not None:
            await self._must_reach(work, to, message.template)
        if uploads:
            await work.attachments.bind(uploads, conversation=before.id, owner=agent.id)
        after = before if to is None else await self._answered(work, agent, before)
        events = [notifications.message_event(message, after, agent=agent.id)]
        if after.state is not before.state:
            events.insert(0, notifications.conversation_event(EventType.ASSIGNED, after, was=before, agent=agent.id))
        await work.events.add(events, now=self._clock.now())
        if to is not None:
            await self._send(work, message, after, to, parameters)

    async def _send(
        self, work: Work, message: Message, conversation: Conversation, to: Identity, parameters: tuple[str, ...]
    ) -> None:
        now = self._clock.now()
        last = await work.messages.last_inbound(conversation.id)
        answered = last if last is not None and last.channel == to.channel else None
        reply_to, before = (answered.external_id, answered.references) if answered is not None else (None, ())
        token = await self._reply_token(work, to, last) if message.template is None else None
        row = automatic.row_for(
            message,
            conversation,
            to,
            identifier=new_id(),
            now=now,
            reply_to=reply_to,
            references=before,
            reply_token=token,
            parameters=parameters,
        )
        await work.outbox.add(row, at=now)
        wish = wish_for(to, self._cans())
        if wish is not None:
            await work.follow_ups.schedule(conversation.id, to.id, at=now + wish.after)
        work.hint(*notifications.hints(visitors=[to.id], targets=[to.channel]))

    async def _reply_token(self, work: Work, to: Identity, last: Message | None) -> str | None:
        """What the customer's last message brought for one answer, while it can still be good; nobody else gets it."""
        if to.reply_token is None or last is None or last.identity != to.id:
            return None
        if self._clock.now() - last.created_at > _TOKEN_LIVES:
            return None
        return await work.customers.use_token(to)


async def _files(work: Work, attachments: Sequence[str]) -> tuple[Attachment, ...]:
    try:
        return tuple([(await work.attachments.get(attachment)).attachment for attachment in attachments])
    except NotFound:
        raise AttachmentGone("a file of this message is not there any more") from None


def _hash_of(
    text: str, channel: str | None, note: bool, attachments: Sequence[str], template: Template | None = None
) -> str:
    hashed: list[object] = [text, channel, note, list(attachments)]
    if template is not None:
        hashed += [template.name, list(template.parameters)]
    return sha256(json.dumps(hashed).encode()).hexdigest()

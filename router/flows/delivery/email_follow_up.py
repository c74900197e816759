"""A chat's customer who is gone gets what was said by mail: those who left an address, once, and soon enough to matter.

What is mailed is a message of its own: agents see that it left, and whether it came back. The mail's address is an identity of its own too:
whoever answers proves by the signed token that they got the mail, and is joined to nobody by an address that somebody typed.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from conversation.errors import NotFound, StoreError, StoreUnavailable
from conversation.id_generator import new_id
from conversation.model.capabilities import Can, FollowUp
from conversation.model.conversation import Conversation
from conversation.model.email_address import folded
from conversation.model.message import Direction, Message, Status
from conversation.model.outbound import Quoted
from conversation.model.people import Customer, Identity, public_name
from conversation.ports.channel import Clock
from conversation.ports.storage import Storage, Work
from conversation.ports.storage.follow_ups import Awaited
from router.flows.intake.sanitize import clean_key
from router.policy import auto_reply as automatic
from router.policy import notifications

log = logging.getLogger(__name__)

_SECOND = 1.0
_BATCH = 50
_QUOTED = 20  # messages before the answer, for who may read them again
_LOOKED_BACK = 60
_AFTER_A_FAULT = timedelta(minutes=5)
_WITHOUT_ACCOUNT = timedelta(minutes=1)

Cans = Mapping[str, Can]


def wish_for(to: Identity, cans: Cans) -> FollowUp | None:
    """What follows by mail where this identity does not read its chat; None where nothing can."""
    can = cans.get(to.channel)
    wish = can.follow_up if can is not None else None
    by_mail = cans.get(wish.account) if wish is not None else None
    return wish if by_mail is not None and by_mail.send and "@" in (to.email or "") else None


def _mails_not_now(visitor: Identity, cans: Cans) -> bool:
    """Whether the account that would mail it, or the chat itself, is missing: it may come back."""
    can = cans.get(visitor.channel)
    by_mail = can is None or (can.follow_up is not None and not _sends(cans.get(can.follow_up.account)))
    return by_mail and "@" in (visitor.email or "")


def _sends(can: Can | None) -> bool:
    return can is not None and can.send


class FollowUps:
    """Any number may run: each mail is written under its conversation's lock, by whoever finds it still due."""

    def __init__(self, storage: Storage, clock: Clock, *, cans: Callable[[], Cans]) -> None:
        self._storage = storage
        self._clock = clock
        self._cans = cans

    async def run(self) -> None:
        """Once a second until cancelled."""
        while True:
            try:
                await self.once()
            except StoreError as error:  # the next second tries again
                log.warning("follow_up_failed", extra={"error": type(error).__name__})
            await asyncio.sleep(_SECOND)

    async def once(self) -> int:
        """Write what is due; how many mails that were."""
        async with self._storage.read("follow_ups_due") as work:
            due = await work.follow_ups.due(self._clock.now(), _BATCH)
        return sum([await self._safely(one) for one in due])

    async def _safely(self, awaited: Awaited) -> bool:
        """One that fails waits a while, and keeps nobody else waiting."""
        try:
            return await self._follow_up(awaited)
        except StoreUnavailable:
            raise
        except Exception as error:
            details = {"conversation": awaited.conversation, "error": type(error).__name__}
            log.exception("follow_up_failed", extra=details)
            await self._postpone(awaited, _AFTER_A_FAULT)
            return False

    async def _postpone(self, awaited: Awaited, span: timedelta) -> None:
        async with self._storage.begin("follow_up_later") as work:
            await work.follow_ups.postpone(awaited.identity, to=self._clock.now() + span)

    async def _follow_up(self, awaited: Awaited) -> bool:
        async with self._storage.read("follow_up_to") as work:
            visitor = await work.customers.identity(awaited.identity)
        cans = self._cans()
        wish = wish_for(visitor, cans)
        if wish is None and _mails_not_now(visitor, cans):
            log.warning("follow_up_waits", extra={"conversation": awaited.conversation, "channel": visitor.channel})
            await self._postpone(awaited, _WITHOUT_ACCOUNT)
            return False
        # before the conversation is locked: nobody waits for a stranger's row while they hold a customer
        to = await self._addressee(visitor, wish.account) if wish is not None else None
        async with self._storage.begin("follow_up") as work:
            return await self._mailed(work, awaited, visitor, to)

    async def _addressee(self, visitor: Identity, account: str) -> Identity:
        """The mail's own identity. A name that somebody typed is not put before an address that somebody typed."""
        name = visitor.name if visitor.verified else None
        address = clean_key(folded(visitor.email or ""))
        stranger = Identity(channel=account, address=address, name=name, email=address)
        person = Customer(id=new_id(), name=name, created_at=self._clock.now())
        async with self._storage.begin("follow_up_identity") as work:
            return await work.customers.add_identity(stranger, customer=person)

    async def _mailed(self, work: Work, awaited: Awaited, visitor: Identity, to: Identity | None) -> bool:
        """Under the conversation's lock: what is still unread becomes one mail, or nothing waits any more."""
        try:
            conversation = await work.conversations.lock(awaited.conversation)
        except NotFound:
            await work.follow_ups.settle(awaited.conversation, visitor.id, mailed=0)
            return False
        current = await work.follow_ups.take(conversation.id, visitor.id, now=self._clock.now())
        if current is None:
            return False
        unread = await work.messages.unread(conversation.id, visitor.id, after=current.mailed) if to is not None else []
        if to is not None and unread:
            await self._write(work, conversation, visitor, unread, to)
        upto = unread[-1].feed_seq if unread else current.mailed
        await work.follow_ups.settle(conversation.id, visitor.id, mailed=upto or 0)
        return bool(unread)

    async def _write(
        self, work: Work, conversation: Conversation, visitor: Identity, unread: Sequence[Message], to: Identity
    ) -> None:
        """The message, its outbox row and its event. Only an address that is vouched for gets what went before."""
        now = self._clock.now()
        draft = _mail_of(unread, to, now)
        message, _ = await work.messages.add(draft, body_hash=draft.id, feed=False)
        quoted = await _quoted(work, unread[0], visitor) if visitor.verified else ()
        row = automatic.row_for(message, conversation, to, identifier=new_id(), now=now)
        outbound = replace(row.message, missed=True, quoted=quoted) if row.message is not None else None
        await work.outbox.add(replace(row, message=outbound), at=now)
        await work.events.add([notifications.message_event(message, conversation)], now=now)
        work.hint(*notifications.hints(targets=[to.channel]))


def _mail_of(unread: Sequence[Message], to: Identity, now: datetime) -> Message:
    """What several answers said, in the name of who said the last one."""
    return Message(
        id=new_id(),
        conversation=unread[-1].conversation,
        seq=0,
        direction=Direction.OUT,
        author=unread[-1].author,
        text="\n\n".join(one.text for one in unread if one.text),
        attachments=tuple(file for one in unread for file in one.attachments),
        created_at=now,
        channel=to.channel,
        identity=to.id,
        status=Status.QUEUED,
    )


async def _quoted(work: Work, first: Message, visitor: Identity) -> tuple[Quoted, ...]:
    """What went before, as this identity saw it: neither notes nor what was said over other channels."""
    after = max(0, first.seq - 1 - _LOOKED_BACK)
    page = await work.messages.page(first.conversation, after=after, limit=min(_LOOKED_BACK, first.seq - 1))
    seen = [one for one in page if one.seq < first.seq and one.identity == visitor.id and one.text.strip()]
    return tuple(
        Quoted(
            author=None if one.direction is Direction.IN else public_name(one.author.name) or "",
            at=one.created_at,
            text=one.text,
        )
        for one in seen[-_QUOTED:]
    )

"""Messages outside the hot path: appended under the conversation's lock, read by seq, their status moved forward."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, and_, delete, func, insert, select, update

from conversation.errors import Conflict, NotFound
from conversation.model.message import AuthorKind, Direction, Message, Status, advance
from storage.codecs.rows import Values, message_of, message_values
from storage.database.run import Run
from storage.database.upsert import later_of
from storage.messages import split_messages as parts
from storage.messages.echoes import add_parts, disown
from storage.messages.edits_and_reactions import named
from storage.schema.conversations import conversations
from storage.schema.customers import identities
from storage.schema.messages import early_reports, messages, watermarks

_SEQ_MAX = 2**31 - 1  # what the column holds; a client may ask for anything


def _page(c: Connection, conversation: str, after: int, limit: int) -> list[Message]:
    row = messages.c
    wanted = select(messages).where(row.conversation_id == conversation, row.seq > min(after, _SEQ_MAX))
    return [message_of(r) for r in c.execute(wanted.order_by(row.seq).limit(limit)).mappings()]


def _find(c: Connection, ids: Sequence[str]) -> dict[str, Message]:
    rows = c.execute(select(messages).where(messages.c.id.in_(ids))).mappings()
    return {row["id"]: message_of(row) for row in rows}


def _answered(c: Connection, message: Sequence[Message]) -> dict[str, str]:
    keys = {one.id: (one.channel or "", one.reply_to) for one in message if one.reply_to is not None}
    if not keys:
        return {}
    conversation = {one.id: one.conversation for one in message}
    known = named(c, set(keys.values()), lock=False)
    return {
        identifier: known[key].id
        for identifier, key in keys.items()
        if key in known and known[key].conversation == conversation[identifier]
    }


def _last(c: Connection, ids: Sequence[str]) -> dict[str, Message]:
    message = messages.c
    by_people = (
        select(message.conversation_id, func.max(message.seq).label("seq"))
        .where(message.conversation_id.in_(ids), message.author_kind != AuthorKind.SYSTEM.value)
        .group_by(message.conversation_id)
        .subquery()
    )
    newest = and_(message.conversation_id == by_people.c.conversation_id, message.seq == by_people.c.seq)
    rows = c.execute(select(messages).join(by_people, newest)).mappings()
    return {row["conversation_id"]: message_of(row) for row in rows}


def _feed(c: Connection, identity: str, after: int, limit: int) -> list[Message]:
    row = messages.c
    wanted = select(messages).where(row.identity_id == identity, row.feed_seq > min(after, _SEQ_MAX))
    return [message_of(r) for r in c.execute(wanted.order_by(row.feed_seq).limit(limit)).mappings()]


def _last_inbound(c: Connection, conversation: str) -> Message | None:
    row = messages.c
    inbound = select(messages).where(row.conversation_id == conversation, row.direction == Direction.IN.value)
    found = c.execute(inbound.order_by(row.seq.desc()).limit(1)).mappings().first()
    return None if found is None else message_of(found)


def _unread(c: Connection, conversation: str, identity: str, after: int) -> list[Message]:
    row = messages.c
    shown = and_(row.identity_id == identity, row.feed_seq > after, row.conversation_id == conversation)
    agents = and_(row.direction == Direction.OUT.value, row.author_kind == AuthorKind.AGENT.value)
    wanted = select(messages).where(shown, agents, row.status != Status.READ.value).order_by(row.feed_seq)
    return [message_of(r) for r in c.execute(wanted).mappings()]


def _fed(c: Connection, conversation: str, upto: int) -> dict[str, int]:
    row = messages.c
    theirs = (row.conversation_id == conversation, row.seq <= min(upto, _SEQ_MAX), row.direction == Direction.IN.value)
    newest = select(row.identity_id, func.max(row.feed_seq)).where(*theirs, row.feed_seq.is_not(None))
    return {identity: seq for identity, seq in c.execute(newest.group_by(row.identity_id)) if identity is not None}


# -- append ------------------------------------------------------------------------------------------------------------


def _stored_before(c: Connection, message: Message, body_hash: str) -> Message | None:
    row = messages.c
    same = select(messages).where(row.conversation_id == message.conversation, row.client_id == message.client_id)
    found = c.execute(same).mappings().first()
    if found is None:
        return None
    if found["body_hash"] != body_hash:
        raise Conflict("this id was used for another message", code="idempotency_mismatch")
    return message_of(found)


def _lock_conversation(c: Connection, conversation: str) -> None:
    row = conversations.c
    if c.execute(select(row.id).where(row.id == conversation).with_for_update()).first() is None:
        raise NotFound("there is no such conversation")


def _next_seq(c: Connection, message: Message) -> int:
    row = conversations.c
    later = later_of(row.updated_at, message.created_at)
    number = update(conversations).where(row.id == message.conversation)
    numbered = number.values(last_seq=row.last_seq + 1, updated_at=later).returning(row.last_seq)
    return int(c.execute(numbered).scalar_one())


def _next_feed_seq(c: Connection, identity: str | None) -> int:
    if identity is None:
        raise ValueError("a message for somebody's own view names whose")
    row = identities.c
    number = update(identities).where(row.id == identity).values(feed_seq=row.feed_seq + 1).returning(row.feed_seq)
    given = c.execute(number).scalar()
    if given is None:
        raise NotFound("there is no such identity")
    return int(given)


def _add(c: Connection, message: Message, body_hash: str, feed: bool) -> tuple[Message, bool]:
    _lock_conversation(c, message.conversation)
    if message.client_id is not None:
        before = _stored_before(c, message, body_hash)
        if before is not None:
            return before, False
    seq = _next_seq(c, message)
    feed_seq = _next_feed_seq(c, message.identity) if feed else None
    stored = replace(message, seq=seq, feed_seq=feed_seq)
    c.execute(insert(messages).values(message_values(stored, body_hash=body_hash)))
    return stored, True


# -- status ------------------------------------------------------------------------------------------------------------

_LEFT = (Status.SENT, Status.DELIVERED, Status.READ)
_TRYING = (Status.QUEUED, Status.SENDING)
_READABLE = [status.value for status in Status if advance(status, Status.READ) is Status.READ]


def _seen(c: Connection, identity: str, feed_seq: int) -> list[Message]:
    who = identities.c
    row = c.execute(select(who.seen_seq, who.feed_seq).where(who.id == identity).with_for_update()).first()
    if row is None:
        raise NotFound("there is no such identity")
    upto = min(feed_seq, row.feed_seq)  # what was not sent yet cannot have been read
    if upto <= row.seen_seq:
        return []
    c.execute(update(identities).where(who.id == identity).values(seen_seq=upto))
    message = messages.c
    shown = and_(message.identity_id == identity, message.feed_seq > row.seen_seq, message.feed_seq <= upto)
    moving = and_(shown, message.direction == Direction.OUT.value, message.status.in_(_READABLE))
    moved = update(messages).where(moving).values(status=Status.READ.value, error=None).returning(messages)
    return sorted(map(message_of, c.execute(moved).mappings().all()), key=lambda m: m.feed_seq or 0)


def _overtaken(c: Connection, message: Message, external_id: str) -> tuple[Status, str | None] | None:
    """The report that came before the send call gave us the provider's id."""
    row = early_reports.c
    waiting = delete(early_reports).where(row.channel == message.channel, row.external_id == external_id)
    found = c.execute(waiting.returning(row.status, row.error)).first()
    return None if found is None else (Status(found.status), found.error)


def _step(message: Message, status: Status, error: str | None) -> Message:
    """Words of a status that stays may change ("attempt 3"); a status left behind takes its words along."""
    to = advance(message.status, status)
    if to is not message.status:
        return replace(message, status=to, error=error)
    still_trying = to in _TRYING and status in _TRYING
    return replace(message, error=error) if error is not None and (to is status or still_trying) else message


def _set_status(
    c: Connection,
    message: str,
    status: Status,
    *,
    external_ids: Sequence[str],
    error: str | None,
    at: datetime | None,
) -> Message | None:
    row = c.execute(select(messages).where(messages.c.id == message).with_for_update()).mappings().first()
    if row is None:
        raise NotFound("there is no such message")
    before = message_of(row)
    after = _named(c, _step(before, status, error), external_ids)
    if at is not None and after.sent_at is None and after.status in _LEFT:
        after = _up_to(c, replace(after, sent_at=at), at)
    if after == before:
        return None
    values: Values = {
        "status": after.status.value,
        "error": after.error,
        "external_id": after.external_id,
        "sent_at": after.sent_at,
    }
    c.execute(update(messages).where(messages.c.id == message).values(values))
    return after if (after.status, after.error) != (before.status, before.error) else None


def _named(c: Connection, message: Message, external_ids: Sequence[str]) -> Message:
    """With the provider's ids, the first of which is its own; a report that came early under that one counts now."""
    new = [one for one in external_ids if one != message.external_id]
    if not new:
        return message
    disown(c, message, new)
    if message.external_id is not None:
        add_parts(c, message, new)
        return _whole(c, message)
    add_parts(c, message, new[1:])
    named = replace(message, external_id=new[0])
    if new[1:]:
        return _whole(c, named)
    early = _overtaken(c, message, new[0])
    return named if early is None else _step(named, *early)


def _whole(c: Connection, message: Message) -> Message:
    """As far as all its parts are; while some have still to leave, that is all there is to say."""
    if message.status in _TRYING:
        return message
    return _step(message, *parts.reached(c, message, parts.later(c, [message.id]).get(message.id, ())))


def _up_to(c: Connection, message: Message, at: datetime) -> Message:
    """A watermark beyond the instant it was sent at, reported before it was known to be sent."""
    row = watermarks.c
    reached = select(row.status).where(row.identity_id == message.identity, row.up_to >= at)
    for status in c.execute(reached).scalars():
        message = _step(message, Status(status), None)
    return message


class Messages:
    """The port `Messages` of `conversation.ports.storage`."""

    def __init__(self, run: Run, dialect: str) -> None:
        self._run = run
        self._dialect = dialect

    async def page(self, conversation: str, *, after: int, limit: int) -> list[Message]:
        """By seq, oldest first."""
        return await self._run(lambda c: _page(c, conversation, after, limit))

    async def find(self, ids: Sequence[str]) -> dict[str, Message]:
        """Those that exist, by id."""
        return await self._run(lambda c: _find(c, ids))

    async def answered(self, messages: Sequence[Message]) -> dict[str, str]:
        """By message: the id of the one in its conversation that it answers, where the medium names it and it is known."""
        return await self._run(lambda c: _answered(c, messages))

    async def last(self, conversations: Sequence[str]) -> dict[str, Message]:
        """What a person said last in each of these conversations, by conversation; automatic replies do not count."""
        return await self._run(lambda c: _last(c, conversations))

    async def add(self, message: Message, *, body_hash: str, feed: bool) -> tuple[Message, bool]:
        """Append under the conversation's lock, numbered here; (stored message, new). Idempotent by `client_id`.

        Raises `Conflict("idempotency_mismatch")`, `NotFound`.
        """
        return await self._run(lambda c: _add(c, message, body_hash, feed))

    async def feed(self, identity: str, *, after: int, limit: int) -> list[Message]:
        """An identity's own view, by feed_seq."""
        return await self._run(lambda c: _feed(c, identity, after, limit))

    async def fed(self, conversation: str, *, upto: int) -> dict[str, int]:
        """The newest `feed_seq` of what customers said up to this seq of the conversation, by identity."""
        return await self._run(lambda c: _fed(c, conversation, upto))

    async def seen(self, identity: str, feed_seq: int) -> list[Message]:
        """Outbound messages up to there become `read`; returns those that moved."""
        return await self._run(lambda c: _seen(c, identity, feed_seq))

    async def set_status(
        self,
        message: str,
        status: Status,
        *,
        external_ids: Sequence[str] = (),
        error: str | None = None,
        at: datetime | None = None,
    ) -> Message | None:
        """Move the status forward; the message where the status or its words changed. Applies reports that came early."""
        return await self._run(lambda c: _set_status(c, message, status, external_ids=external_ids, error=error, at=at))

    async def last_inbound(self, conversation: str) -> Message | None:
        """The customer's newest message."""
        return await self._run(lambda c: _last_inbound(c, conversation))

    async def unread(self, conversation: str, identity: str, *, after: int) -> list[Message]:
        """What agents said to this identity above this `feed_seq` and it has not read, oldest first."""
        return await self._run(lambda c: _unread(c, conversation, identity, after))

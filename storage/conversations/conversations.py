"""Conversations outside the hot path: read, locked, moved by conditional update, listed."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, func, insert, select, update

from conversation.errors import Conflict, NotFound
from conversation.id_generator import new_id
from conversation.model.conversation import Conversation
from conversation.ports.storage.conversations import ConversationFilter
from storage.agents.load import holding, remember_turns, shift
from storage.codecs.rows import Values, conversation_of, conversation_values
from storage.conversations import listing
from storage.database.run import Run
from storage.database.upsert import insert_into, later_of
from storage.schema.conversations import conversation_reads, conversations, relabels
from storage.schema.customers import customers
from storage.schema.messages import messages

# numbers are given by the store, an id and a birth do not change
_NEVER_MOVED = frozenset({"id", "reference", "created_at", "last_seq"})
_MISREAD = str.maketrans({"O": "0", "I": "1", "L": "1", " ": None, "-": None})


def spelled(reference: str) -> str:
    """A reference as it is stored, from how a person wrote it down: `7k3m 9qfx` is `7K3M-9QFX`."""
    letters = reference.strip().upper().translate(_MISREAD)
    return f"{letters[:4]}-{letters[4:]}"


def _find(c: Connection, ids: Sequence[str]) -> dict[str, Conversation]:
    rows = c.execute(select(conversations).where(conversations.c.id.in_(ids))).mappings()
    return {row["id"]: conversation_of(row) for row in rows}


def _get(c: Connection, conversation: str) -> Conversation:
    row = c.execute(select(conversations).where(conversations.c.id == conversation)).mappings().first()
    if row is None:
        raise NotFound("there is no such conversation")
    return conversation_of(row)


def _by_reference(c: Connection, reference: str) -> Conversation | None:
    row = c.execute(select(conversations).where(conversations.c.reference == spelled(reference))).mappings().first()
    return None if row is None else conversation_of(row)


def _lock(c: Connection, conversation: str) -> Conversation:
    """Its customer first: the order in which everybody locks."""
    customer = _get(c, conversation).customer
    c.execute(select(customers.c.id).where(customers.c.id == customer).with_for_update())
    locked = select(conversations).where(conversations.c.id == conversation).with_for_update()
    row = c.execute(locked).mappings().one()
    if row["customer_id"] != customer:
        raise Conflict("the conversation was given to another customer meanwhile", code="retry")
    return conversation_of(row)


def _still(before: Conversation) -> ColumnElement[bool]:
    row = conversations.c
    return and_(
        row.id == before.id,
        row.state == before.state.value,
        row.owner_id == before.owner,
        row.offered_to == before.offered_to,
        row.queue == before.queue,
    )


def _changes(before: Conversation, after: Conversation) -> Values:
    """Only what changed is written: what others changed meanwhile, and this move does not speak of, stays."""
    old, new = conversation_values(before), conversation_values(after)
    changed = {name: value for name, value in new.items() if value != old[name] and name not in _NEVER_MOVED}
    changed["updated_at"] = later_of(conversations.c.updated_at, after.updated_at)
    if holding(before) != holding(after):
        changed["held_since"] = after.updated_at if after.holder else None
    return changed


def _moved() -> Conflict:
    return Conflict("somebody else moved this conversation first", code="moved")


def _move(c: Connection, before: Conversation, after: Conversation) -> None:
    if before.id != after.id:
        raise ValueError("a move is of one conversation")
    if holding(before) != holding(after):
        # locked before the load is touched, and written after it: a refusal leaves everything as it was
        if c.execute(select(conversations.c.id).where(_still(before)).with_for_update()).first() is None:
            raise _moved()
        shift(c, before, after)
        remember_turns(c, before, after)
    if not c.execute(update(conversations).where(_still(before)).values(_changes(before, after))).rowcount:
        raise _moved()


def _unread(c: Connection, agent: str, ids: Sequence[str]) -> dict[str, int]:
    columns, read = messages.c, conversation_reads.c
    mine = and_(read.agent_id == agent, read.conversation_id == columns.conversation_id)
    counted = (
        select(columns.conversation_id, func.count())
        .select_from(messages.outerjoin(conversation_reads, mine))
        .where(columns.conversation_id.in_(ids), columns.direction == "in", columns.seq > func.coalesce(read.seq, 0))
        .group_by(columns.conversation_id)
    )
    return dict.fromkeys(ids, 0) | {row[0]: row[1] for row in c.execute(counted)}


class Conversations:
    """The port `Conversations` of `conversation.ports.storage`."""

    def __init__(self, run: Run, dialect: str) -> None:
        self._run = run
        self._dialect = dialect

    async def get(self, conversation: str) -> Conversation:
        """By id. Raises `NotFound`."""
        return await self._run(lambda c: _get(c, conversation))

    async def find(self, ids: Sequence[str]) -> dict[str, Conversation]:
        """Those that exist, by id."""
        return await self._run(lambda c: _find(c, ids))

    async def by_reference(self, reference: str) -> Conversation | None:
        """By what a human reads out, however they wrote it down."""
        return await self._run(lambda c: _by_reference(c, reference))

    async def lock(self, conversation: str) -> Conversation:
        """By id, locked until the end of the transaction (its customer first). Raises `NotFound`."""
        return await self._run(lambda c: _lock(c, conversation))

    async def move(self, before: Conversation, after: Conversation) -> None:
        """Write what changed where the row still is `before`; agents' load moves with the holder. All of it or nothing.

        Raises `Conflict` ("moved", "capacity_full").
        """
        await self._run(lambda c: _move(c, before, after))

    async def page(
        self, wanted: ConversationFilter, *, cursor: str | None, limit: int
    ) -> tuple[list[Conversation], str | None]:
        """Most recently updated first, and the next cursor. Raises `Conflict("bad_cursor")`."""
        return await self._run(lambda c: listing.page(c, wanted, cursor=cursor, limit=limit))

    async def unread(self, agent: str, ids: Sequence[str]) -> dict[str, int]:
        """How many inbound messages this agent has not seen, for each conversation asked for."""
        return await self._run(lambda c: _unread(c, agent, ids))

    async def mark_read(self, agent: str, conversation: str, seq: int) -> None:
        """This agent has seen everything up to `seq`; never backwards."""
        new = insert_into(self._dialect, conversation_reads).values(
            agent_id=agent, conversation_id=conversation, seq=seq
        )
        upsert = new.on_conflict_do_update(
            index_elements=["agent_id", "conversation_id"],
            set_={"seq": new.excluded.seq},
            where=conversation_reads.c.seq < new.excluded.seq,
        )
        await self._run(lambda c: c.execute(upsert))

    async def relabelled(
        self, conversation: str, agent: str, *, language: str | None, issue: str | None, now: datetime
    ) -> None:
        """Keep an agent's correction."""
        row = {"conversation_id": conversation, "agent_id": agent, "language": language, "issue": issue, "at": now}
        await self._run(lambda c: c.execute(insert(relabels).values(id=new_id(), **row)))
